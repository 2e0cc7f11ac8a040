//! Instants and durations, in milliseconds, with the duration literals of the spec language (`10m`, `7d`).

use crate::{calendar, limits};
use std::fmt;

/// An instant: milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub i64);

impl Time {
    /// The instant `span` after this one; saturates at the ends of the range.
    pub fn plus(self, span: Span) -> Time {
        Time(self.0.saturating_add(span.0))
    }

    /// The instant `span` before this one; saturates at the ends of the range.
    pub fn minus(self, span: Span) -> Time {
        Time(self.0.saturating_sub(span.0))
    }

    /// How long after `earlier` this instant is (negative if it is before).
    pub fn since(self, earlier: Time) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Time {
    /// RFC 3339 with milliseconds, as `2026-11-21T10:00:00.000Z`; none outside of the times that events may have.
    pub fn rfc3339(self) -> Option<[u8; 24]> {
        if !(limits::TIME_MIN_MS..=limits::TIME_MAX_MS).contains(&self.0) {
            return None;
        }
        let (days, in_day_ms) = (self.0 / 86_400_000, (self.0 % 86_400_000) as u32);
        let (year, month, day) = calendar::civil_from_days(days);
        let (minutes, in_minute_ms) = (in_day_ms / 60_000, in_day_ms % 60_000);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |at: usize, pair: u32| {
            (text[at], text[at + 1]) = (b'0' + (pair / 10) as u8, b'0' + (pair % 10) as u8);
        };
        put(0, year as u32 / 100);
        put(2, year as u32 % 100);
        put(5, month as u32);
        put(8, day as u32);
        put(11, minutes / 60);
        put(14, minutes % 60);
        put(17, in_minute_ms / 1_000);
        put(20, in_minute_ms / 10 % 100);
        text[22] = b'0' + (in_minute_ms % 10) as u8;
        Some(text)
    }
}

/// As [`Time::rfc3339`], and before and beyond those times in the same form.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = self.rfc3339() {
            return f.write_str(str::from_utf8(&text).expect("digits and signs"));
        }
        write_civil(f, *self)
    }
}

/// The same for every instant.
fn write_civil(f: &mut impl fmt::Write, time: Time) -> fmt::Result {
    let (days, in_day_ms) = (time.0.div_euclid(86_400_000), time.0.rem_euclid(86_400_000));
    let (year, month, day) = calendar::civil_from_days(days);
    let (hour, minute) = (in_day_ms / 3_600_000, in_day_ms / 60_000 % 60);
    let (second, ms) = (in_day_ms / 1_000 % 60, in_day_ms % 1_000);
    write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

impl Span {
    /// One second.
    pub const SECOND: Span = Span(1_000);
    /// One day.
    pub const DAY: Span = Span(86_400_000);

    /// Reads a literal: digits (one decimal point allowed) and a unit `ms s m h d`; `None` if it is none or overflows.
    pub fn parse(text: &str) -> Option<Span> {
        let split = text.find(|c: char| c.is_ascii_alphabetic())?;
        let (number, unit) = text.split_at(split);
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        if !number.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        if let Ok(whole) = number.parse::<i64>() {
            return whole.checked_mul(unit_ms).map(Span);
        }
        let ms = number.parse::<f64>().ok()? * unit_ms as f64;
        (ms.is_finite() && ms < 9.0e18).then_some(Span(ms as i64))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0;
        for (unit_ms, unit) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")] {
            if ms != 0 && ms % unit_ms == 0 {
                return write!(f, "{}{unit}", ms / unit_ms);
            }
        }
        write!(f, "{ms}ms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn literals_read_and_print() {
        for (text, ms) in [("10m", 600_000), ("7d", 604_800_000), ("250ms", 250), ("1.5s", 1_500), ("0s", 0)] {
            assert_eq!(Span::parse(text), Some(Span(ms)), "{text}");
        }
        for text in ["", "10", "m", "-1s", "1w", "1 s", "99999999999999999d", "1.2.3s"] {
            assert_eq!(Span::parse(text), None, "{text}");
        }
        assert_eq!(Span(600_000).to_string(), "10m");
        assert_eq!(Span(1_500).to_string(), "1500ms");
    }

    proptest! {
        #[test]
        fn digits_are_those_that_formatting_gives(ms in prop_oneof![
            limits::TIME_MIN_MS..=limits::TIME_MAX_MS,
            any::<i64>(),
            -5i64..5,
            limits::TIME_MAX_MS - 5..limits::TIME_MAX_MS + 5,
        ]) {
            let mut expected = String::new();
            write_civil(&mut expected, Time(ms)).unwrap();
            prop_assert_eq!(Time(ms).to_string(), expected);
        }
    }
}
