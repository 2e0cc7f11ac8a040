use super::*;
use proptest::prelude::*;

/// The number as the scanner reads it, and where it ends.
fn slow_number(text: &str) -> Option<(Raw<'_>, usize)> {
    let mut scan = Scanner::new(text);
    let number = scan.number().ok()?;
    Some((number, scan.at()))
}

fn bits(number: &Raw<'_>) -> (bool, u64) {
    match number {
        Raw::Int(int) => (false, *int as u64),
        Raw::Float(float) => (true, float.to_bits()),
        other => panic!("{other:?} is no number"),
    }
}

#[test]
fn numbers_of_few_digits_are_usual() {
    for text in
        ["0", "-0", "7", "1234567", "12345678", "123456789012345678", "1.5", "-1.25", "0.001", "12345.75", "-0.0"]
    {
        for end in [",", "}", ",\"a long tail\":1}"] {
            let whole = format!("{text}{end}");
            let (number, behind) = number(&whole, 0).expect(text);
            assert_eq!((bits(&number), behind), (bits(&slow_number(&whole).unwrap().0), text.len()), "{whole}");
        }
    }
    for text in
        ["", "-", "01", "1.", ".5", "1e5", "1E5", "1 ", "1", "1]", "1234567890123456789", "1.123456789012345", "00.5"]
    {
        for whole in [text.to_owned(), format!("{text}x"), format!("{text} ,      ")] {
            assert_eq!(number(&whole, 0), None, "{whole}");
        }
    }
}

#[test]
fn strings_with_escapes_and_faults_are_not_usual() {
    for text in ["", "a", "sevenxx", "eightxxx", "nine xxxx", "ü", "sixteen bytes xx and more"] {
        for whole in [format!("{text}\""), format!("{text}\":12345678")] {
            assert_eq!(string(&whole, 0), Some(text), "{whole}");
        }
    }
    for text in ["a", "a\\\"", "long enough, but not closed", "a\n\"", "long and a control \u{1f} in it\""] {
        assert_eq!(string(text, 0), None, "{text}");
    }
}

#[test]
fn short_heads_are_known_up_to_the_end_of_the_text() {
    let name = Name { text: "a long name of a member", word: 0, role: 0 };
    let short = Expected::new(b",\"a\":", name, Taken::default());
    for (text, at, stands) in [
        (",\"a\":1", 0, false),
        (",\"a\":\"and more than 16 bytes\"", 0, true),
        (",\"b\":\"and more than 16 bytes\"", 0, false),
        ("{\"some\":\"thing\",\"a\":1}", 15, true),
        ("{\"some\":\"thing\",\"a\":1}", 16, false),
        ("{\"some\":\"thing\",\"a\":1}", 21, false),
        ("{\"some\":\"thing\",\"a\":1}", 22, false),
        ("{\"some\":\"thing\",\"a\"", 15, false),
    ] {
        assert_eq!(short.stands(text.as_bytes(), at), stands, "{text} from {at} on");
    }
    let long = Expected::new(b",\"a long name of a member\":", name, Taken::default());
    assert!(!long.stands(b",\"a long name of a member\":", 0));
}

proptest! {
    /// Whatever is read here is what the scanner reads.
    #[test]
    fn numbers_read_as_the_scanner_reads_them(text in "-?[0-9]{0,10}(\\.[0-9]{0,9})?[,}e. 0-9]{0,10}") {
        if let Some((number, behind)) = number(&text, 0) {
            let (slow, end) = slow_number(&text).expect("a number");
            prop_assert_eq!((bits(&number), behind), (bits(&slow), end), "{}", text);
        }
    }

    #[test]
    fn digits_are_those_of_a_byte_loop(text in "[0-9]{0,30}[a-z+:/ü]{0,9}") {
        let count = text.bytes().take_while(u8::is_ascii_digit).count();
        let value = text[..count].bytes().fold(0u64, |value, digit| value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')));
        prop_assert_eq!(Digits::of(text.as_bytes()), Digits { value, count });
    }
}
