use super::*;
use proptest::prelude::*;

fn read(text: &str) -> Result<Raw<'_>, Refusal> {
    whole(text.as_bytes(), crate::fields::value)
}

#[test]
fn numbers_are_ints_where_they_fit_and_floats_elsewhere() {
    for (text, value) in [
        ("0", Raw::Int(0)),
        ("-0", Raw::Int(0)),
        ("999999999999999999", Raw::Int(999_999_999_999_999_999)),
        ("9223372036854775807", Raw::Int(i64::MAX)),
        ("-9223372036854775808", Raw::Int(i64::MIN)),
        ("9223372036854775808", Raw::Float(9_223_372_036_854_775_808.0)),
        ("1.0", Raw::Float(1.0)),
        ("-0.1", Raw::Float(-0.1)),
        ("0.000000000000001", Raw::Float(1e-15)),
        ("123456789.123456789", Raw::Float(123_456_789.123_456_79)),
        ("1e3", Raw::Float(1_000.0)),
        ("1E-400", Raw::Float(0.0)),
    ] {
        assert_eq!(read(text), Ok(value), "{text}");
    }
    for text in ["01", "-", "+1", ".5", "1.", "1e", "1e+", "0x1", "1_000", "NaN", "Infinity", "--1", "1.2.3", "-01"] {
        assert_eq!(read(text).map_err(|refusal| refusal.code), Err(Code::InvalidJson), "{text}");
    }
    for text in ["1e400", "-1e400", &"9".repeat(400)] {
        assert_eq!(read(text).map_err(|refusal| refusal.code), Err(Code::InvalidValue), "{text}");
    }
}

#[test]
fn strings_are_borrowed_unless_escaped() {
    for plain in ["", "a", "seven c", "exactly8", "ü and more than sixteen bytes of it"] {
        let text = format!("\"{plain}\"");
        let mut scan = Scanner::new(&text);
        assert!(matches!(scan.string(), Ok(Cow::Borrowed(found)) if found == plain));
    }
    assert_eq!(read(r#""a\"\\\/\b\f\n\r\t\u00fc\ud83d\ude00z""#), Ok(Raw::Str("a\"\\/\u{8}\u{c}\n\r\tü😀z".into())));
    let bad = [
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\ud800\u0041""#,
        r#""\ud800x""#,
        r#""\u12g4""#,
        r#""\u12""#,
        r#""\x""#,
        "\"\n\"",
        "\"",
        "\"\\",
    ];
    for text in bad {
        assert_eq!(read(text).map_err(|refusal| refusal.code), Err(Code::InvalidJson), "{text}");
    }
}

#[test]
fn refusals_say_where() {
    let refusal = check(b"{\"a\": 1,\n  \"b\": x}").unwrap_err();
    assert_eq!(refusal.message, "expected a JSON value, at line 2 column 8");
    assert!(check(b"[1").unwrap_err().message.ends_with("column 3, where the input ends"));
    assert!(check("\u{feff}{}".as_bytes()).unwrap_err().message.contains("byte order mark"));
    assert!(check(b"[\xff]").unwrap_err().message.contains("not UTF-8 at byte 1"));
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(check(nested(limits::JSON_DEPTH_MAX).as_bytes()), Ok(()));
    assert!(check(nested(limits::JSON_DEPTH_MAX + 1).as_bytes()).unwrap_err().message.contains("nested deeper"));
    assert!(check("{\"a\":".repeat(100_000).as_bytes()).is_err());
}

proptest! {
    /// The slow obvious search and the one by words agree.
    #[test]
    fn plain_runs_end_where_a_byte_loop_says(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'"'), Just(b'a')], 0..40), at in 0usize..8) {
        let at = at.min(bytes.len());
        let slow = (at..bytes.len()).find(|&i| matches!(bytes[i], b'"' | b'\\' | 0..0x20)).unwrap_or(bytes.len());
        prop_assert_eq!(plain_end(&bytes, at), slow);
    }

    #[test]
    fn floats_read_as_the_standard_library_reads_them(whole in "(0|[1-9][0-9]{0,17})", fraction in "[0-9]{1,17}", negative: bool) {
        let text = format!("{}{whole}.{fraction}", if negative { "-" } else { "" });
        let expected: f64 = text.parse().unwrap();
        match read(&text) {
            Ok(Raw::Float(found)) => prop_assert_eq!(found.to_bits(), expected.to_bits()),
            other => prop_assert!(false, "{:?}", other),
        }
    }

    /// On any bytes the verdict is serde_json's, but for what is bounded here.
    #[test]
    fn verdicts_agree_with_serde_json(text in r#"[\[\]{},:"\\ue0-9.+\- \ntrfalsn]{0,24}"#) {
        let theirs = serde_json::from_str::<serde_json::Value>(&text).is_ok();
        prop_assert_eq!(check(text.as_bytes()).is_ok(), theirs, "{}", text);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = check(&bytes);
        let _ = crate::parse_events(&bytes);
        let _ = crate::parse_entities(&bytes);
        let _ = crate::parse_fields(&bytes);
        let _ = crate::parse_feed("home", &bytes);
    }
}
