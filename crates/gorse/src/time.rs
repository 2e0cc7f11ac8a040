//! Times as Gorse's clients write them: RFC 3339, dates, naive date-times (taken as UTC), seconds or milliseconds since 1970;
//! and durations as `10m` or `1h30m0s`.

use domain::{Span, Time, limits};

/// Go's zero time, 0001-01-01T00:00:00Z, in milliseconds since 1970: what clients send and get for "no time".
pub const ZERO_MS: i64 = -62_135_596_800_000;

/// Reads a time. Before 1970 becomes 1970-01-01; Go's zero time is none. The outer `None`: not a time.
pub fn parse_time(text: &str) -> Option<Option<Time>> {
    let text = text.trim();
    let time = wire::parse_time(text).or_else(|| seconds(text)).or_else(|| naive(text))?;
    if time.0 <= ZERO_MS {
        return Some(None);
    }
    (time.0 <= limits::TIME_MAX_MS).then_some(Some(Time(time.0.max(limits::TIME_MIN_MS))))
}

/// Seconds (up to 11 digits) or milliseconds since 1970.
fn seconds(text: &str) -> Option<Time> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = text.parse().ok()?;
    Some(Time(if text.len() <= 11 { number * 1_000 } else { number }))
}

/// A date with `-` or `/`, with or without a time of day behind a blank or a `T`.
fn naive(text: &str) -> Option<Time> {
    let (date, rest) = text.split_at_checked(10)?;
    let date = date.replace('/', "-");
    if rest.is_empty() {
        return wire::parse_time(&format!("{date}T00:00:00Z"));
    }
    let clock = rest.strip_prefix([' ', 'T'])?;
    let clock = if clock.len() == 5 { format!("{clock}:00") } else { clock.to_owned() };
    wire::parse_time(&format!("{date}T{clock}Z")).or_else(|| wire::parse_time(&format!("{date}T{clock}")))
}

/// Reads a duration: numbers with the units `h`, `m`, `s`, `ms`, each at most once in a row, such as `1h30m`; `0` is none.
pub fn parse_delay(text: &str) -> Option<Span> {
    if text.is_empty() || text == "0" {
        return Some(Span(0));
    }
    let mut total_ms = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let unit_ms = match unit {
            "h" => 3_600_000.0,
            "m" => 60_000.0,
            "s" => 1_000.0,
            "ms" => 1.0,
            _ => return None,
        };
        total_ms += number.parse::<f64>().ok()? * unit_ms;
        rest = tail;
    }
    (total_ms <= limits::WINDOW_MAX.0 as f64).then_some(Span(total_ms as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_clients_write_them() {
        let noon = Some(Some(Time(1_718_452_800_000)));
        for text in [
            "2024-06-15T12:00:00Z",
            "2024-06-15T14:00:00+02:00",
            "2024-06-15T12:00:00.000000",
            "2024-06-15 12:00:00",
            "2024-06-15 12:00",
            "2024/06/15 12:00:00",
            "1718452800",
            "1718452800000",
        ] {
            assert_eq!(parse_time(text), noon, "{text}");
        }
        assert_eq!(parse_time("2024-06-15"), Some(Some(Time(1_718_409_600_000))));
        assert_eq!(parse_time("0001-01-01T00:00:00Z"), Some(None));
        assert_eq!(parse_time("1925-01-01"), Some(Some(Time(0))));
        for bad in ["", "yesterday", "2024-13-01", "2024-06-15x12:00:00", "-5", "2024-06", "99999999999999999"] {
            assert_eq!(parse_time(bad), None, "{bad}");
        }
    }

    #[test]
    fn delays_are_read_as_go_writes_them() {
        for (text, ms) in [("", 0), ("0", 0), ("10m", 600_000), ("1h30m0s", 5_400_000), ("1.5s", 1_500), ("250ms", 250)]
        {
            assert_eq!(parse_delay(text), Some(Span(ms)), "{text}");
        }
        for bad in ["10", "m", "10x", "-5m", "1h-5m", "1.2.3s", "99999h"] {
            assert_eq!(parse_delay(bad), None, "{bad}");
        }
    }
}
