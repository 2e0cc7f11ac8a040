//! Zones against known changes of clocks, and against a second by second walk.

use super::*;
use crate::parse_timestamp;
use proptest::prelude::*;

fn zone(name: &str) -> Zone {
    Zone::parse(name).unwrap_or_else(|| panic!("{name}"))
}

fn at(text: &str) -> Time {
    parse_timestamp(text).unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn names_and_offsets_read() {
    let summer = at("2026-07-01T12:00:00Z").0 / 1_000;
    for (name, spelled, offset_s) in [
        ("UTC", "UTC", 0),
        ("Z", "UTC", 0),
        ("Europe/Berlin", "Europe/Berlin", 7_200),
        ("europe/berlin", "Europe/Berlin", 7_200),
        ("US/Central", "US/Central", -18_000),
        ("Asia/Kathmandu", "Asia/Kathmandu", 20_700),
        ("America/St_Johns", "America/St_Johns", -9_000),
        ("Australia/Sydney", "Australia/Sydney", 36_000),
        ("+02:00", "+02:00", 7_200),
        ("02:00", "02:00", 7_200),
        ("-07:30", "-07:30", -27_000),
        ("-00:00", "-00:00", 0),
        ("+23:59", "+23:59", 86_340),
    ] {
        let zone = zone(name);
        assert_eq!((zone.name(), zone.offset_s(summer)), (spelled, offset_s), "{name}");
    }
    for name in ["", "Nowhere/City", "+2:00", "+24:00", "+02:60", "+0200", "++2:00", "/etc/localtime", "CET ", "ü1:00"]
    {
        assert_eq!(Zone::parse(name), None, "{name}");
    }
}

#[test]
fn days_weeks_months_and_hours_begin_where_clocks_say() {
    use CalendarUnit::{Day, Hour, Month, Week};
    for (name, unit, instant, start, next) in [
        ("UTC", Day, "2026-03-29T12:34:56.789Z", "2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z"),
        ("UTC", Week, "2026-03-29T12:34:56.789Z", "2026-03-23T00:00:00Z", "2026-03-30T00:00:00Z"),
        ("UTC", Month, "2024-02-29T23:59:59.999Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"),
        ("+02:00", Day, "2026-03-29T22:00:00Z", "2026-03-29T22:00:00Z", "2026-03-30T22:00:00Z"),
        // Berlin loses an hour on 2026-03-29 and gains one on 2026-10-25.
        ("Europe/Berlin", Day, "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
        ("Europe/Berlin", Day, "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
        ("Europe/Berlin", Week, "2026-03-29T12:00:00Z", "2026-03-22T23:00:00Z", "2026-03-29T22:00:00Z"),
        ("Europe/Berlin", Month, "2026-03-29T12:00:00Z", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z"),
        ("Europe/Berlin", Hour, "2026-10-25T00:30:00Z", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"),
        ("Europe/Berlin", Hour, "2026-10-25T01:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"),
        // Brazil left out the hour after midnight: the day began at one.
        ("America/Sao_Paulo", Day, "2018-11-04T12:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"),
        // Cuba shows the hour after midnight twice: the day begins with the first.
        ("America/Havana", Day, "2025-11-02T05:30:00Z", "2025-11-02T04:00:00Z", "2025-11-03T05:00:00Z"),
        // Newfoundland went back to 23:01 at one minute past midnight: the new day had begun.
        ("America/St_Johns", Day, "2010-11-07T02:45:00Z", "2010-11-07T02:30:00Z", "2010-11-08T03:30:00Z"),
        // Samoa left out 2011-12-30.
        ("Pacific/Apia", Day, "2011-12-30T09:00:00Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"),
        ("Pacific/Apia", Day, "2011-12-30T11:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"),
        // Lord Howe goes back by half an hour: the change begins an hour of its own.
        ("Australia/Lord_Howe", Hour, "2026-04-04T14:45:00Z", "2026-04-04T14:00:00Z", "2026-04-04T15:00:00Z"),
        ("Australia/Lord_Howe", Hour, "2026-04-04T15:10:00Z", "2026-04-04T15:00:00Z", "2026-04-04T15:30:00Z"),
        ("Asia/Kathmandu", Hour, "2026-04-04T15:10:00Z", "2026-04-04T14:15:00Z", "2026-04-04T15:15:00Z"),
    ] {
        let (zone, instant) = (zone(name), at(instant));
        let found = (zone.start_of(unit, instant), zone.next_start(unit, instant));
        assert_eq!(found, (at(start), at(next)), "{name} {unit} around {instant}: {} to {}", found.0, found.1);
    }
}

/// Whether a unit begins at a second, by its definition: the local time reaches it for the first time.
fn begins(zone: &Zone, unit: CalendarUnit, instant_s: i64, highest_before: i64) -> bool {
    let local = instant_s + zone.offset_s(instant_s);
    let day = |local: i64| unit.first_day(local.div_euclid(DAY_S));
    local > highest_before && day(local) > day(highest_before)
}

#[test]
fn units_begin_where_the_local_time_first_reaches_them() {
    // Minute by minute over changes of clocks that are awkward in different ways.
    for (name, from) in [
        ("Europe/Berlin", "2026-03-27T00:00:00Z"),
        ("Europe/Berlin", "2026-10-23T00:00:00Z"),
        ("America/St_Johns", "2010-11-05T00:00:00Z"),
        ("America/Sao_Paulo", "2018-11-02T00:00:00Z"),
        ("America/Havana", "2025-10-31T00:00:00Z"),
        ("Pacific/Apia", "2011-12-28T00:00:00Z"),
        ("Antarctica/Troll", "2026-10-24T00:00:00Z"),
    ] {
        let (zone, from) = (zone(name), at(from).0 / 1_000);
        for unit in [CalendarUnit::Day, CalendarUnit::Week, CalendarUnit::Month] {
            let mut start = zone.start_of(unit, Time(from * 1_000)).0 / 1_000;
            let mut highest = from + zone.offset_s(from);
            for instant in (from + 60..from + 5 * DAY_S).step_by(60) {
                if begins(&zone, unit, instant, highest) {
                    start = instant;
                }
                highest = highest.max(instant + zone.offset_s(instant));
                assert_eq!(
                    zone.start_of(unit, Time(instant * 1_000 + 999)),
                    Time(start * 1_000),
                    "{name} {unit} {instant}"
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn units_follow_each_other_without_a_gap(
        name in prop::sample::select(vec![
            "UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Australia/Lord_Howe", "Africa/Casablanca",
            "Asia/Tehran", "America/New_York", "+05:45", "-11:00", "Asia/Pyongyang", "Africa/Monrovia",
        ]),
        unit in prop::sample::select(vec![CalendarUnit::Hour, CalendarUnit::Day, CalendarUnit::Week, CalendarUnit::Month]),
        ms in -2_000_000_000_000i64..253_402_300_799_999,
    ) {
        let (zone, at) = (zone(name), Time(ms));
        let (start, next) = (zone.start_of(unit, at), zone.next_start(unit, at));
        prop_assert!(start <= at && at < next);
        prop_assert_eq!(zone.start_of(unit, start), start);
        prop_assert_eq!(zone.next_start(unit, start), next);
        prop_assert_eq!(zone.start_of(unit, Time(next.0 - 1)), start);
        prop_assert_eq!(zone.start_of(unit, next), next);
    }

    #[test]
    fn offsets_are_the_librarys(name in prop::sample::select(vec!["Europe/Berlin", "America/Havana", "Asia/Tokyo"]), second in -9_000_000_000i64..253_402_000_000) {
        let expected = TimeZoneDatabase::bundled().get(name).unwrap().to_datetime(Timestamp::from_second(second).unwrap());
        let local = second + zone(name).offset_s(second);
        prop_assert_eq!(civil(local), Some(expected));
    }

    #[test]
    fn no_text_is_a_panic(text in "\\PC{0,24}") {
        let _ = Zone::parse(&text);
    }
}
