//! RFC 3339 times to and from milliseconds since 1970, UTC.

use domain::Time;
use domain::calendar::{days_from_civil, month_days};

#[cfg(test)]
mod tests;

/// Reads an RFC 3339 time. Fractions beyond milliseconds are cut off; a leap second reads as the last millisecond before
/// the next minute. `None` if it is not one.
pub fn parse_time(text: &str) -> Option<Time> {
    let bytes = text.as_bytes();
    let (date, rest) = bytes.split_at_checked(19)?;
    let marks = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if marks.iter().any(|&(at, mark)| date[at] != mark) || !matches!(date[10], b'T' | b't') {
        return None;
    }
    let (year, month, day) = (digits(&date[..4])?, digits(&date[5..7])?, digits(&date[8..10])?);
    let (hour, minute, second) = (digits(&date[11..13])?, digits(&date[14..16])?, digits(&date[17..19])?);
    if !(1..=12).contains(&month) || day < 1 || day > month_days(year, month) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction_ms, zone) = fraction(rest)?;
    let in_minute_ms = if second == 60 { 59_999 } else { second * 1_000 + fraction_ms };
    let days = days_from_civil(year, month, day);
    let local_ms = ((days * 24 + hour) * 60 + minute) * 60_000 + in_minute_ms;
    Some(Time(local_ms - offset_minutes(zone)? * 60_000))
}

/// Appends the time as RFC 3339 with milliseconds, UTC, without quotes.
pub fn write_time(out: &mut Vec<u8>, time: Time) {
    match time.rfc3339() {
        Some(text) => out.extend_from_slice(&text),
        None => out.extend_from_slice(time.to_string().as_bytes()),
    }
}

/// The same as a JSON string, quotes included.
pub fn write_instant(out: &mut Vec<u8>, time: Time) {
    out.push(b'"');
    write_time(out, time);
    out.push(b'"');
}

fn digits(bytes: &[u8]) -> Option<i64> {
    let digit = |value: i64, &byte: &u8| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0'));
    bytes.iter().try_fold(0, digit)
}

/// Milliseconds of an optional `.digits`, and what follows it.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some(rest) = rest.strip_prefix(b".") else { return Some((0, rest)) };
    let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, zone) = rest.split_at(len);
    let ms = (0..3).fold(0, |ms, place| ms * 10 + digits.get(place).map_or(0, |digit| i64::from(digit - b'0')));
    (len > 0).then_some((ms, zone))
}

fn offset_minutes(zone: &[u8]) -> Option<i64> {
    match zone {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            let ahead = hours * 60 + minutes;
            (hours <= 23 && minutes <= 59).then_some(if *sign == b'+' { ahead } else { -ahead })
        }
        _ => None,
    }
}
