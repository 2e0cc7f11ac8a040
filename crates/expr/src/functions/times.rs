//! Timestamps and durations: from texts and to texts, and the parts of a date in a time zone.

use super::{Function, Given, member};
use crate::{Datum, Fault};
use domain::calendar::{civil_from_days, days_from_civil};
use domain::{INSTANT_RANGE_NS, Zone, parse_instant};

/// The shortest and the longest duration, in nanoseconds: what 64 bits hold (292 years), CEL's range.
const SPAN_RANGE_NS: (i128, i128) = (i64::MIN as i128, i64::MAX as i128);

/// Nanoseconds of a second.
pub(super) const SECOND: i128 = 1_000_000_000;

pub(super) const FUNCTIONS: &[Function] = &[
    member("getDate", |args| part(args, |local| local.date().2)),
    member("getDayOfMonth", |args| part(args, |local| local.date().2 - 1)),
    member("getDayOfWeek", |args| part(args, |local| (local.days() + 4).rem_euclid(7))),
    member("getDayOfYear", |args| part(args, Local::day_of_year)),
    member("getFullYear", |args| part(args, |local| local.date().0)),
    member("getMonth", |args| part(args, |local| local.date().1 - 1)),
    member("getHours", |args| clock(args, |local| local.second() / 3_600, |ns| ns / (3_600 * SECOND))),
    member("getMinutes", |args| clock(args, |local| local.second() / 60 % 60, |ns| ns / (60 * SECOND))),
    member("getSeconds", |args| clock(args, |local| local.second() % 60, |ns| ns / SECOND)),
    member("getMilliseconds", |args| clock(args, |local| local.milliseconds, |ns| ns % SECOND / 1_000_000)),
];

/// A local time: the clock and the calendar on a wall.
struct Local {
    /// Seconds since 1970 on the local clock.
    seconds: i64,
    /// 0 to 999
    milliseconds: i64,
}

impl Local {
    fn new(ns: i128, zone: Option<&Zone>) -> Local {
        let seconds = ns.div_euclid(SECOND) as i64;
        let offset_s = zone.map_or(0, |zone| zone.offset_s(seconds));
        Local { seconds: seconds + offset_s, milliseconds: (ns.rem_euclid(SECOND) / 1_000_000) as i64 }
    }

    /// Days since 1970-01-01.
    fn days(&self) -> i64 {
        self.seconds.div_euclid(86_400)
    }

    /// Year, month and day, both from 1.
    fn date(&self) -> (i64, i64, i64) {
        civil_from_days(self.days())
    }

    fn day_of_year(&self) -> i64 {
        self.days() - days_from_civil(self.date().0, 1, 1)
    }

    /// Seconds since midnight.
    fn second(&self) -> i64 {
        self.seconds.rem_euclid(86_400)
    }
}

fn part(args: &[&Datum], part: fn(&Local) -> i64) -> Given {
    match args {
        [Datum::Time(ns)] => Ok(Datum::Int(part(&Local::new(*ns, None)))),
        [Datum::Time(ns), Datum::Str(name)] => {
            let zone = Zone::parse(name).ok_or(Fault::Argument("no time zone has this name"))?;
            Ok(Datum::Int(part(&Local::new(*ns, Some(&zone)))))
        }
        _ => Err(Fault::NoOverload),
    }
}

/// A part of the clock; of a duration how many there are in all of it, cut towards zero.
fn clock(args: &[&Datum], of_time: fn(&Local) -> i64, of_span: fn(i128) -> i128) -> Given {
    match args {
        [Datum::Span(ns)] => i64::try_from(of_span(*ns)).map(Datum::Int).map_err(|_| Fault::Overflow),
        _ => part(args, of_time),
    }
}

/// `timestamp(x)`: of a text in RFC 3339, or of seconds since 1970.
pub(super) fn to_timestamp(args: &[&Datum]) -> Given {
    let ns = match args {
        [Datum::Time(ns)] => *ns,
        [Datum::Int(seconds)] => i128::from(*seconds) * SECOND,
        [Datum::Str(text)] => parse_instant(text)
            .ok_or(Fault::Argument("a timestamp is written `2026-11-21T10:00:00Z`, in the years 1 to 9999"))?,
        _ => return Err(Fault::NoOverload),
    };
    if (INSTANT_RANGE_NS.0..=INSTANT_RANGE_NS.1).contains(&ns) { Ok(Datum::Time(ns)) } else { Err(Fault::Overflow) }
}

/// `duration(x)` of a text such as `1h30m`, or of nanoseconds.
pub(super) fn to_duration(args: &[&Datum]) -> Given {
    match args {
        [x @ Datum::Span(_)] => Ok((*x).clone()),
        [Datum::Int(ns)] => Ok(Datum::Span(i128::from(*ns))),
        [Datum::Str(text)] => read_span(text).map(Datum::Span),
        _ => Err(Fault::NoOverload),
    }
}

/// Reads a sign and numbers with units (`ns us ms s m h`, and `d` as in our literals): `-1h30m1.5s`. Below nanoseconds is cut.
fn read_span(text: &str) -> Result<i128, Fault> {
    const MALFORMED: Fault = Fault::Argument("a duration is written `1h30m`, with the units ns us ms s m h d");
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mut rest, mut ns) = (unsigned, 0i128);
    if unsigned == "0" {
        return Ok(0);
    }
    if unsigned.is_empty() {
        return Err(MALFORMED);
    }
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(MALFORMED)?;
        let (number, from_unit) = rest.split_at(unit_at);
        let unit_len = from_unit.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(from_unit.len());
        let (unit, after) = from_unit.split_at(unit_len);
        let unit_ns = unit_ns(unit).ok_or(MALFORMED)?;
        ns = ns.checked_add(scaled(number, unit_ns).ok_or(MALFORMED)??).ok_or(Fault::Overflow)?;
        rest = after;
    }
    let ns = if text.starts_with('-') { -ns } else { ns };
    if (SPAN_RANGE_NS.0..=SPAN_RANGE_NS.1).contains(&ns) { Ok(ns) } else { Err(Fault::Overflow) }
}

fn unit_ns(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => SECOND,
        "m" => 60 * SECOND,
        "h" => 3_600 * SECOND,
        "d" => 86_400 * SECOND,
        _ => return None,
    })
}

/// A decimal number times a unit; `None` if it is none.
fn scaled(number: &str, unit_ns: i128) -> Option<Result<i128, Fault>> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    // More digits than these are beyond the range, or below a nanosecond of the longest unit.
    if whole.len() > 20 {
        return Some(Err(Fault::Overflow));
    }
    let digits = |text: &str| text.bytes().fold(0i128, |number, byte| number * 10 + i128::from(byte - b'0'));
    let kept = &fraction[..fraction.len().min(18)];
    let fraction_ns = digits(kept) * unit_ns / 10i128.pow(kept.len() as u32);
    Some(Ok(digits(whole) * unit_ns + fraction_ns))
}

/// RFC 3339 in UTC, with as many digits of the fraction as it needs.
pub(super) fn instant_text(ns: i128) -> String {
    let local = Local::new(ns, None);
    let ((year, month, day), second) = (local.date(), local.second());
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let fraction = fraction_text(ns.rem_euclid(SECOND));
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// Seconds, with as many digits of the fraction as they need, and `s`.
pub(super) fn span_text(ns: i128) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let ns = ns.unsigned_abs() as i128;
    format!("{sign}{}{}s", ns / SECOND, fraction_text(ns % SECOND))
}

/// A point and the digits of nanoseconds below a second; nothing for 0.
fn fraction_text(ns: i128) -> String {
    if ns == 0 { String::new() } else { format!(".{ns:09}").trim_end_matches('0').to_owned() }
}
