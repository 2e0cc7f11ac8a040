use super::*;
use proptest::prelude::*;

#[test]
fn times_read() {
    for (text, ms) in [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00.001z", 1),
        ("2000-02-29T12:34:56.789Z", 951_827_696_789),
        ("2000-02-29T12:34:56.7891234+00:00", 951_827_696_789),
        ("2000-02-29T12:34:56.7-00:30", 951_829_496_700),
        ("2000-02-29T12:34:56+23:59", 951_741_356_000),
        ("1990-12-31T23:59:60Z", 662_687_999_999),
        ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ("0000-01-01T00:00:00Z", -62_167_219_200_000),
    ] {
        assert_eq!(parse_time(text), Some(Time(ms)), "{text}");
    }
    for text in [
        "",
        "1970",
        "1970-01-01",
        "1970-01-01T00:00:00",
        "1970-01-01 00:00:00Z",
        "1970-13-01T00:00:00Z",
        "1970-00-01T00:00:00Z",
        "1970-01-32T00:00:00Z",
        "1970-01-00T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2001-02-29T00:00:00Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:61Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00+1:00",
        "1970-01-01T00:00:00+0100",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00Zx",
        "+970-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "1970-01-01T00:00:00ü",
        "é970-01-01T00:00:0",
    ] {
        assert_eq!(parse_time(text), None, "{text}");
    }
}

/// Counts the days one year and one month at a time.
fn slow_days(year: i64, month: i64, day: i64) -> i64 {
    let year_days = |year| (1..=12).map(|month| month_days(year, month)).sum::<i64>();
    let years: i64 =
        if year >= 1970 { (1970..year).map(year_days).sum() } else { -(year..1970).map(year_days).sum::<i64>() };
    years + (1..month).map(|month| month_days(year, month)).sum::<i64>() + day - 1
}

proptest! {
    #[test]
    fn dates_count_as_the_calendar_does(year in 0i64..10_000, month in 1i64..=12, day in 1i64..=28) {
        let days = days_from_civil(year, month, day);
        prop_assert_eq!(days, slow_days(year, month, day));
        let text = domain::Time(days * 86_400_000).to_string();
        prop_assert_eq!(&text[..10], format!("{year:04}-{month:02}-{day:02}"));
    }

    #[test]
    fn times_survive_the_round_trip(ms in 0i64..=253_402_300_799_999) {
        let mut text = Vec::new();
        write_time(&mut text, Time(ms));
        prop_assert_eq!(parse_time(std::str::from_utf8(&text).unwrap()), Some(Time(ms)));
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,40}") {
        let _ = parse_time(&text);
    }
}
