//! Timestamps as text: the subset of RFC 3339 that is `YYYY-MM-DDThh:mm:ss[.fraction](Z|+hh:mm|-hh:mm)`.

use crate::calendar::{days_from_civil, month_days};
use crate::{Time, limits};

/// Nanoseconds since 1970 of 0001-01-01 and of the last nanosecond of 9999-12-31, UTC: the instants that the language knows.
pub const INSTANT_RANGE_NS: (i128, i128) = (-62_135_596_800_000_000_000, 253_402_300_799_999_999_999);

/// Reads an RFC 3339 timestamp. `T` and `Z` in either case, a space may stand for `T`, the fraction is cut to
/// milliseconds, the second 60 (a leap second) reads as the first instant of the next minute.
/// `None` if it is not one or lies outside 1970-01-01 to 9999-12-31.
pub fn parse_timestamp(text: &str) -> Option<Time> {
    let ms = i64::try_from(parse_instant(text)?.div_euclid(1_000_000)).ok()?;
    (limits::TIME_MIN_MS..=limits::TIME_MAX_MS).contains(&ms).then_some(Time(ms))
}

/// Reads a date, `YYYY-MM-DD`, as its first instant in UTC, or a timestamp as [`parse_timestamp`] does.
pub fn parse_day(text: &str) -> Option<Time> {
    match text.len() {
        10 => parse_timestamp(&format!("{text}T00:00:00Z")),
        _ => parse_timestamp(text),
    }
}

/// A timestamp to the nanosecond, in nanoseconds since 1970; `None` if it is not one or lies outside of [`INSTANT_RANGE_NS`].
pub fn parse_instant(text: &str) -> Option<i128> {
    let bytes = text.as_bytes();
    let shaped = bytes.len() >= 20
        && (bytes[4], bytes[7], bytes[13], bytes[16]) == (b'-', b'-', b':', b':')
        && matches!(bytes[10], b'T' | b't' | b' ');
    if !shaped {
        return None;
    }
    let (year, month, day) = (digits(&bytes[..4])?, digits(&bytes[5..7])?, digits(&bytes[8..10])?);
    let (hour, minute, second) = (digits(&bytes[11..13])?, digits(&bytes[14..16])?, digits(&bytes[17..19])?);
    let (fraction_ns, zone) = fraction(&bytes[19..])?;
    let in_range = (1..=12).contains(&month) && day >= 1 && day <= month_days(year, month);
    if !in_range || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    let ns = i128::from(seconds - offset_minutes(zone)? * 60) * 1_000_000_000 + i128::from(fraction_ns);
    (INSTANT_RANGE_NS.0..=INSTANT_RANGE_NS.1).contains(&ns).then_some(ns)
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

/// Nanoseconds of the fraction, if there is one, and the rest.
fn fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', rest)) = bytes.split_first() else {
        return Some((0, bytes));
    };
    let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let ns = (0..9).fold(0, |ns, at| ns * 10 + if at < len { i64::from(rest[at] - b'0') } else { 0 });
    (len > 0).then_some((ns, &rest[len..]))
}

fn offset_minutes(zone: &[u8]) -> Option<i64> {
    match zone {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            let offset = hours * 60 + minutes;
            (hours <= 23 && minutes <= 59).then_some(if *sign == b'-' { -offset } else { offset })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_read() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:00.5Z", 500),
            ("2000-02-29T12:34:56.789123Z", 951_827_696_789),
            ("2026-10-02t08:00:00+02:00", 1_790_920_800_000),
            ("2026-10-02 00:30:00-05:30", 1_790_920_800_000),
            ("1970-01-01T01:00:00+01:00", 0),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000),
            ("9999-12-31T23:59:59.999Z", limits::TIME_MAX_MS),
        ] {
            assert_eq!(parse_timestamp(text), Some(Time(ms)), "{text}");
        }
    }

    #[test]
    fn instants_reach_from_the_year_1_to_9999() {
        for (text, ns) in [
            ("0001-01-01T00:00:00Z", Some(INSTANT_RANGE_NS.0)),
            ("9999-12-31T23:59:59.999999999Z", Some(INSTANT_RANGE_NS.1)),
            ("1969-12-31T23:59:59.9999999999Z", Some(-1)),
            ("0000-12-31T23:59:59Z", None),
            ("0001-01-01T00:00:00+00:01", None),
            ("9999-12-31T23:59:60Z", None),
            ("10000-01-01T00:00:00Z", None),
        ] {
            assert_eq!(parse_instant(text), ns, "{text}");
        }
    }

    #[test]
    fn other_texts_are_none() {
        for text in [
            "",
            "2026-10-02",
            "2026-10-02T08:00:00",
            "2026-10-02T08:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2025-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-04-30T24:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-04-30T23:60:00Z",
            "2026-04-30T23:00:61Z",
            "2026-04-30T23:00:00.Z",
            "2026-04-30T23:00:00+1:00",
            "2026-04-30T23:00:00Zx",
            "+026-04-30T23:00:00Z",
            "2026-04-30T23:00:00+24:00",
            "2026/04/30T23:00:00Z",
            "1970-01-01T00:00:00+00:01",
            "２026-04-30T23:00Z",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }
}
