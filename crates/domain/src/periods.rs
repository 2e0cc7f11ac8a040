//! Numbers of calendar periods: which hour, day, week or month of a time zone an instant lies in, fast enough to be asked for
//! every event. The stretches of time between changes of the zone's clocks are looked up once.

use crate::calendar::civil_from_days;
use crate::zone::first_where;
use crate::{CalendarUnit, Time, Zone};
use std::fmt;
use std::sync::Arc;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;
/// Changes of the clocks are known to the end of 2099; later instants have the offset that holds then.
const KNOWN_TO_MS: i64 = 4_102_444_800_000;
/// How far apart offsets are looked at; no zone has changed its clocks there and back in less.
const STEP_MS: i64 = 5 * DAY_MS;

/// The periods of one unit in one time zone, numbered in order of time without a gap. The numbers are not negative for instants
/// from 1970 on; which number the first has means nothing.
#[derive(Clone)]
pub struct Periods {
    unit: CalendarUnit,
    /// Ascending; the first begins before 1970.
    stretches: Arc<[Stretch]>,
}

/// A time between two changes of the clocks.
#[derive(Clone, Copy)]
struct Stretch {
    /// First instant, in milliseconds; of the first stretch the epoch, which it began before.
    from_ms: i64,
    /// Added to UTC.
    offset_ms: i64,
    /// Number of the first hour.
    hour: i64,
    /// The day that had begun before: clocks set back across midnight do not begin it again.
    day: i64,
    /// How many dates the zone has left out before.
    left_out: i64,
}

impl Periods {
    /// The periods of a zone. Takes a fraction of a millisecond: keep what it gives.
    pub fn new(unit: CalendarUnit, zone: &Zone) -> Periods {
        let offset_ms = |at_ms: i64| zone.offset_s(at_ms.div_euclid(1_000)) * 1_000;
        let first = offset_ms(0);
        let mut last =
            Stretch { from_ms: 0, offset_ms: first, hour: first.div_euclid(HOUR_MS) + 24, day: -1, left_out: 0 };
        let mut stretches = vec![last];
        for step in 1..=KNOWN_TO_MS / STEP_MS {
            let (before, after) = ((step - 1) * STEP_MS, step * STEP_MS);
            if offset_ms(after) == last.offset_ms {
                continue;
            }
            let from_ms = first_where(before, after, |at| offset_ms(at) != last.offset_ms);
            let hour = last.hour(from_ms - 1) + 1;
            let (day, left_out) = (last.day(from_ms - 1), last.left_out);
            last = Stretch { from_ms, offset_ms: offset_ms(from_ms), hour, day, left_out };
            last.left_out += (last.day(from_ms) - day - 1).max(0);
            stretches.push(last);
        }
        Periods { unit, stretches: stretches.into() }
    }

    /// The number of the period that an instant lies in.
    pub fn number(&self, at: Time) -> i64 {
        let next = self.stretches.partition_point(|stretch| stretch.from_ms <= at.0);
        let stretch = &self.stretches[next.saturating_sub(1)];
        match self.unit {
            CalendarUnit::Hour => stretch.hour(at.0),
            CalendarUnit::Day => stretch.day(at.0) + 1 - stretch.left_out,
            CalendarUnit::Week => (stretch.day(at.0) + 3).div_euclid(7),
            CalendarUnit::Month => {
                let (year, month, _) = civil_from_days(stretch.day(at.0));
                year * 12 + month
            }
        }
    }

    /// The first instant of the period after the one that an instant lies in.
    pub fn next_start(&self, at: Time) -> Time {
        let number = self.number(at);
        let longest = match self.unit {
            CalendarUnit::Hour => 2 * HOUR_MS,
            CalendarUnit::Day => 3 * DAY_MS,
            CalendarUnit::Week => 9 * DAY_MS,
            CalendarUnit::Month => 33 * DAY_MS,
        };
        Time(first_where(at.0, at.0.saturating_add(longest), |at| self.number(Time(at)) > number))
    }
}

impl Stretch {
    fn hour(&self, at_ms: i64) -> i64 {
        let of_clock = |at_ms: i64| at_ms.saturating_add(self.offset_ms).div_euclid(HOUR_MS);
        self.hour + of_clock(at_ms) - of_clock(self.from_ms)
    }

    fn day(&self, at_ms: i64) -> i64 {
        at_ms.saturating_add(self.offset_ms).div_euclid(DAY_MS).max(self.day)
    }
}

impl fmt::Debug for Periods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONES: [&str; 12] = [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "America/Sao_Paulo",
        "America/Toronto",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        "Africa/Casablanca",
        "Pacific/Apia",
        "Pacific/Kiritimati",
        "America/St_Johns",
        "-03:30",
    ];
    const UNITS: [CalendarUnit; 4] = [CalendarUnit::Hour, CalendarUnit::Day, CalendarUnit::Week, CalendarUnit::Month];

    #[test]
    fn periods_begin_where_the_zone_says() {
        let mut random = 88_172_645_463_325_252u64;
        for name in ZONES {
            let zone = Zone::parse(name).expect("a zone of the database");
            for unit in UNITS {
                let periods = Periods::new(unit, &zone);
                for round in 0..60 {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    // Around changes of the clocks too, which no random instant would hit.
                    let stretch = &periods.stretches[random as usize % periods.stretches.len()];
                    let near = stretch.from_ms + (random >> 40) as i64 % (2 * DAY_MS) - DAY_MS;
                    let any = (random >> 1) as i64 % KNOWN_TO_MS;
                    let at = Time(if round % 2 == 0 { any } else { near.clamp(2 * DAY_MS, KNOWN_TO_MS - 40 * DAY_MS) });
                    let number = periods.number(at);
                    let (start, next) = (zone.start_of(unit, at), zone.next_start(unit, at));
                    let place = format!("{name} {unit:?} {at}: {start} to {next}");
                    assert!(number >= 0, "{place}");
                    assert_eq!(periods.next_start(at), next, "{place}");
                    assert_eq!(periods.number(next), number + 1, "{place}");
                    if start.0 > 0 {
                        assert_eq!(periods.number(start), number, "{place}");
                        assert_eq!(periods.number(Time(start.0 - 1)), number - 1, "{place}");
                    }
                }
            }
        }
    }
}
