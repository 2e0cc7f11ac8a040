//! Cases with known results: facts of the CEL specification and its conformance suite, and the edges of each function.

use super::*;
use crate::check::{OWN, Static, names, signatures};
use Datum::{Bool, Float, Int, Span, Time, Uint};

fn b(bytes: &[u8]) -> Datum {
    Datum::Bytes(bytes.into())
}

fn time(text: &str) -> Datum {
    Time(domain::parse_instant(text).unwrap_or_else(|| panic!("{text}")))
}

/// Calls with their results; the receiver of a member function stands first, its name begins with a point.
fn table(cases: &[(&str, &[Datum], &str)]) {
    for (name, args, expected) in cases {
        let given = match name.strip_prefix('.') {
            Some(member) => call(member, Some(&args[0]), &args[1..]),
            None => call(name, None, args),
        };
        assert_eq!(shown(&given), *expected, "{name} {args:?}");
    }
}

#[test]
fn texts_answer_questions() {
    table(&[
        ("size", &[s("πέντε")], "5"),
        (".size", &[s("")], "0"),
        ("size", &[b(b"abc")], "3"),
        ("size", &[list(&[Int(1), Int(2)])], "2"),
        ("size", &[Datum::Map(vec![(Int(1), Int(2))].into())], "1"),
        ("size", &[Int(1)], "!NoOverload"),
        (".startsWith", &[s("завтра"), s("за")], "true"),
        (".endsWith", &[s("forté"), s("te")], "false"),
        (".contains", &[s("abababc"), s("ababc")], "true"),
        ("contains", &[s("a"), s("a")], "!NoOverload"),
        (".matches", &[s("mañana"), s("a+ñ+a+")], "true"),
        ("matches", &[s("cows"), s("")], "true"),
        ("matches", &[s("a\u{1F600}\u{1F600}"), s("^(a|\u{1F600}){3}$")], "true"),
        ("matches", &[s("a"), s("(a")], "!argument"),
        ("matches", &[s("a"), s("(a)\\1")], "!argument"),
        ("matches", &[s("a"), s(&"a".repeat(2_000))], "!Limit"),
        ("matches", &[s("a"), s("(((\\w{100}){100}){100}){100}")], "!Limit"),
        (".charAt", &[s("©αT"), Int(1)], "\"α\""),
        (".charAt", &[s("tacocat"), Int(7)], "\"\""),
        (".charAt", &[s("tacocat"), Int(8)], "!argument"),
        (".charAt", &[s("tacocat"), Int(-1)], "!argument"),
        (".charAt", &[s("tacocat"), Bool(true)], "!NoOverload"),
        (".indexOf", &[s("tacocat"), s("")], "0"),
        (".indexOf", &[s("tacocat"), s(""), Int(3)], "3"),
        (".indexOf", &[s("ta©o©αT"), s("©αT"), Int(3)], "4"),
        (".indexOf", &[s("ta©o©αT"), s("©α"), Int(5)], "-1"),
        (".indexOf", &[s("tacocat"), s("a"), Int(30)], "!argument"),
        (".lastIndexOf", &[s(""), s("@@")], "-1"),
        (".lastIndexOf", &[s("tacocat"), s("")], "7"),
        (".lastIndexOf", &[s("tacocat"), s(""), Int(3)], "3"),
        (".lastIndexOf", &[s("ta©o©αT"), s("©α"), Int(4)], "4"),
        (".lastIndexOf", &[s("ta©o©αT"), s("©"), Int(3)], "2"),
        (".lastIndexOf", &[s("bananananana"), s("nana"), Int(7)], "6"),
        (".lastIndexOf", &[s("tacocat"), s("a"), Int(-1)], "!argument"),
    ]);
}

#[test]
fn texts_change() {
    table(&[
        (".lowerAscii", &[s("TacoCÆt Xii")], "\"tacocÆt xii\""),
        (".upperAscii", &[s("tacoCαt")], "\"TACOCαT\""),
        (".trim", &[s(" \u{c}\n\r\t\u{b}te xt\u{2028}\u{3000}\u{85}")], "\"te xt\""),
        (".trim", &[s("\u{180e}x\u{200b}")], "\"\\u{180e}x\\u{200b}\""),
        (".reverse", &[s("Ta©oCαt")], "\"tαCo©aT\""),
        (".substring", &[s("tacocat"), Int(7)], "\"\""),
        (".substring", &[s("ta©o©αT"), Int(2), Int(6)], "\"©o©α\""),
        (".substring", &[s("tacocat"), Int(4), Int(3)], "!argument"),
        (".substring", &[s("tacocat"), Int(1), Int(50)], "!argument"),
        (".replace", &[s("1 ©αT taco"), s("αT"), s("o©α")], "\"1 ©o©α taco\""),
        (".replace", &[s("{0} days {0}"), s("{0}"), s("2"), Int(1)], "\"2 days {0}\""),
        (".replace", &[s("aaa"), s("a"), s("b"), Int(0)], "\"aaa\""),
        (".replace", &[s("aaa"), s("a"), s("b"), Int(-1)], "\"bbb\""),
        (".replace", &[s("abc"), s(""), s("-")], "\"-a-b-c-\""),
        (".replace", &[s(&"a".repeat(1_000)), s("a"), s(&"b".repeat(1_000))], "!Limit"),
        (".split", &[s("hello world"), s(" ")], "[\"hello\", \"world\"]"),
        (".split", &[s("a,b,c"), s(","), Int(2)], "[\"a\", \"b,c\"]"),
        (".split", &[s("a,b,c"), s(","), Int(0)], "[]"),
        (".split", &[s("a,b,c"), s(","), Int(-1)], "[\"a\", \"b\", \"c\"]"),
        (".split", &[s("aπc"), s("")], "[\"a\", \"π\", \"c\"]"),
        (".split", &[s("aπc"), s(""), Int(2)], "[\"a\", \"πc\"]"),
        (".split", &[s(""), s(",")], "[\"\"]"),
        (".join", &[list(&[s("x"), s("y")])], "\"xy\""),
        (".join", &[list(&[s("x"), s("y")]), s("-")], "\"x-y\""),
        (".join", &[list(&[]), s("-")], "\"\""),
        (".join", &[list(&[s("x"), Int(1)])], "!NoOverload"),
        (".join", &[list(&vec![s("x"); 1_000]), s(&"-".repeat(100))], "!Limit"),
        ("strings.quote", &[s("a\u{7}\u{8}\u{c}\n\r\t\u{b}\\\"'é")], r#""\"a\\a\\b\\f\\n\\r\\t\\v\\\\\\\"'é\"""#),
        ("base64.encode", &[b(b"hello")], "\"aGVsbG8=\""),
        ("base64.decode", &[s("aGVsbG8=")], "b:68656c6c6f"),
        ("base64.decode", &[s("aGVsbG8")], "b:68656c6c6f"),
        ("base64.decode", &[s("a")], "!argument"),
        ("base64.decode", &[s("aGVs=bG8")], "!argument"),
        ("base64.decode", &[s("aGVsbG8==")], "!argument"),
    ]);
}

fn check_format(cases: &[(&str, &[Datum], &str)]) {
    for (pattern, values, expected) in cases {
        let given = call("format", Some(&s(pattern)), &[list(values)]);
        assert_eq!(shown(&given), *expected, "{pattern} {values:?}");
    }
}

#[test]
fn formats_write_every_kind() {
    let map = vec![(s("key"), s("x")), (Int(6), Span(422_000_000_000)), (Bool(true), Int(42))];
    let nested = [s("abc"), Float(3.25), Datum::Null, list(&[Int(9)]), time("2023-02-03T23:31:20Z")];
    check_format(&[
        ("none", &[], "\"none\""),
        ("%%%s%%", &[s("text")], "\"%text%\""),
        ("%d %d %s", &[Int(-1), Uint(2), Bool(true)], "\"-1 2 true\""),
        ("%.3f", &[Float(1.2345)], "\"1.234\""),
        ("%.0f %.0f %.0f", &[Float(1.5), Float(2.5), Float(3.4999)], "\"2 2 3\""),
        ("%f %f", &[Int(2), Float(2.71875)], "\"2.000000 2.718750\""),
        ("%.6e", &[Float(1_052.032_911_275)], "\"1.052033e+03\""),
        ("%e %e", &[Uint(3), Float(1.5e-7)], "\"3.000000e+00 1.500000e-07\""),
        ("%.1e", &[Float(1e100)], "\"1.0e+100\""),
        ("%e %f %d", &[Float(f64::NAN), Float(f64::INFINITY), Float(-f64::INFINITY)], "\"NaN Infinity -Infinity\""),
        ("%b %b %b", &[Int(5), Bool(true), Int(-5)], "\"101 1 -101\""),
        ("%o %x %X", &[Uint(65_535), Int(30), Int(-30)], "\"177777 1e -1E\""),
        ("%x %X", &[s("Hi!"), b(b"\xff\x0a")], "\"486921 FF0A\""),
        ("%s", &[Datum::Map(map.into())], "\"{6: 422s, key: x, true: 42}\""),
        ("%s", &[list(&nested)], "\"[abc, 3.25, null, [9], 2023-02-03T23:31:20Z]\""),
        ("%s %s", &[Float(1e21), b(b"xyz")], "\"1000000000000000000000 xyz\""),
        ("%s", &[Datum::Type("string".into())], "\"string\""),
    ]);
}

#[test]
fn formats_refuse_what_they_cannot_write() {
    check_format(&[
        ("%a", &[Int(1)], "!argument"),
        ("%E", &[Float(0.5)], "!argument"),
        ("%", &[Int(1)], "!argument"),
        ("%.f", &[Int(1)], "!argument"),
        ("%.2d", &[Int(1)], "!argument"),
        ("%π", &[Int(1)], "!argument"),
        ("%d %d", &[Int(0)], "!argument"),
        ("%b", &[s("abc")], "!NoOverload"),
        ("%d", &[Span(1)], "!NoOverload"),
        ("%o", &[s("a")], "!NoOverload"),
        ("%x", &[Float(0.5)], "!NoOverload"),
        ("%f", &[Datum::Null], "!NoOverload"),
        ("%s", &[Datum::Optional(None)], "!NoOverload"),
        ("%.401f", &[Float(0.5)], "!Limit"),
        ("%.99999999999999999999f", &[Float(0.5)], "!argument"),
        (&"%s".repeat(100), &vec![s(&"x".repeat(1_000)); 100], "!Limit"),
    ]);
    let deep = (0..100).fold(list(&[]), |inner, _| list(&[inner]));
    check_format(&[("%s", &[deep], "!Limit")]);
}

#[test]
fn conversions_keep_to_ranges() {
    table(&[
        ("bool", &[s("True")], "true"),
        ("bool", &[s("0")], "false"),
        ("bool", &[s("TrUe")], "!argument"),
        ("bytes", &[s("ÿ")], "b:c3bf"),
        ("double", &[Uint(u64::MAX)], "1.8446744073709552e19"),
        ("double", &[s("-84.32e7")], "-843200000.0"),
        ("double", &[s("-0.0")], "-0.0"),
        ("double", &[s("Infinity")], "inf"),
        ("double", &[s("1e999")], "!Overflow"),
        ("double", &[s("1_0")], "!argument"),
        ("double", &[s(" 1")], "!argument"),
        ("int", &[Uint(u64::MAX)], "!Overflow"),
        ("int", &[Float(-7.9)], "-7"),
        ("int", &[Float(9_223_372_036_854_774_784.0)], "9223372036854774784"),
        ("int", &[Float(-9_223_372_036_854_775_808.0)], "!Overflow"),
        ("int", &[Float(f64::NAN)], "!Overflow"),
        ("int", &[s("987")], "987"),
        ("int", &[s("98.7")], "!argument"),
        ("int", &[time("2004-09-16T23:59:59Z")], "1095379199"),
        ("int", &[time("1969-12-31T23:59:59.5Z")], "-1"),
        ("int", &[Span(1_500)], "1500"),
        ("int", &[Bool(true)], "!NoOverload"),
        ("uint", &[Int(-1)], "!Overflow"),
        ("uint", &[Float(25.5)], "25u"),
        ("uint", &[Float(-0.5)], "!Overflow"),
        ("uint", &[Float(18_446_744_073_709_551_616.0)], "!Overflow"),
        ("uint", &[s("300")], "300u"),
        ("string", &[Float(-4.5e-3)], "\"-0.0045\""),
        ("string", &[Float(123.0)], "\"123\""),
        ("string", &[Float(1e20)], "\"100000000000000000000\""),
        ("string", &[Float(1.5e21)], "\"1.5e+21\""),
        ("string", &[Float(1e-6)], "\"0.000001\""),
        ("string", &[Float(1e-7)], "\"1e-7\""),
        ("string", &[Float(-0.0)], "\"-0\""),
        ("string", &[Float(f64::NAN)], "\"NaN\""),
        ("string", &[b(b"\xc3\xbf")], "\"ÿ\""),
        ("string", &[b(b"\0\xff")], "!argument"),
        ("string", &[Datum::Null], "!NoOverload"),
        ("type", &[Datum::Null], "Type(\"null_type\")"),
        ("type", &[Time(0)], "Type(\"google.protobuf.Timestamp\")"),
        ("nothing", &[], "!NoOverload"),
    ]);
    assert!(constant("int").is_some() && constant("dyn").is_none());
}

#[test]
fn timestamps_and_durations_read_and_write() {
    table(&[
        ("timestamp", &[s("9999-12-31T23:59:59.999999999Z")], "T9999-12-31T23:59:59.999999999Z"),
        ("timestamp", &[s("2023-02-03T23:31:20+01:00")], "T2023-02-03T22:31:20Z"),
        ("timestamp", &[s("0000-01-01T00:00:00Z")], "!argument"),
        ("timestamp", &[Int(-62_135_596_800)], "T0001-01-01T00:00:00Z"),
        ("timestamp", &[Int(-62_135_596_801)], "!Overflow"),
        ("timestamp", &[Int(253_402_300_800)], "!Overflow"),
        ("timestamp", &[Int(i64::MAX)], "!Overflow"),
        ("string", &[time("2009-02-13T23:31:30.5Z")], "\"2009-02-13T23:31:30.5Z\""),
        ("duration", &[s("1000000s")], "D1000000s"),
        ("duration", &[s("1h45m47s")], "D6347s"),
        ("duration", &[s("-1h30m1.5s")], "D-5401.5s"),
        ("duration", &[s("1.5d")], "D129600s"),
        ("duration", &[s("1us2µs3ms4ns")], "D0.003003004s"),
        ("duration", &[s(".5s")], "D0.5s"),
        ("duration", &[s("0")], "D0s"),
        ("duration", &[s("9223372036.854775807s")], "D9223372036.854775807s"),
        ("duration", &[s("9223372036.854775808s")], "!Overflow"),
        ("duration", &[s("-9223372036.854775808s")], "D-9223372036.854775808s"),
        ("duration", &[s("320000000000s")], "!Overflow"),
        ("duration", &[s("99999999999999999999999999999999999999999999s")], "!Overflow"),
        ("duration", &[Int(-1)], "D-0.000000001s"),
        ("string", &[Span(-1_500_000_000)], "\"-1.5s\""),
    ]);
    for text in ["", "-", "1", "s", "1x", "1.s.", "1..5s", "--1s", "1s ", "1 s", ".s", "1w", "é"] {
        assert_eq!(shown(&call("duration", None, &[s(text)])), "!argument", "{text}");
    }
}

#[test]
fn parts_of_timestamps_and_durations() {
    let at = || time("2009-02-13T23:31:30.123456789Z");
    let early = || time("2009-02-13T02:00:00Z");
    let before_1970 = || time("1969-12-31T23:59:59.999Z");
    table(&[
        (".getFullYear", &[at()], "2009"),
        (".getMonth", &[at()], "1"),
        (".getDate", &[at()], "13"),
        (".getDayOfMonth", &[at()], "12"),
        (".getDayOfYear", &[at()], "43"),
        (".getDayOfWeek", &[at()], "5"),
        (".getHours", &[at()], "23"),
        (".getMinutes", &[at()], "31"),
        (".getSeconds", &[at()], "30"),
        (".getMilliseconds", &[at()], "123"),
        (".getDate", &[at(), s("Australia/Sydney")], "14"),
        (".getDayOfMonth", &[at(), s("US/Central")], "12"),
        (".getDayOfMonth", &[at(), s("+11:00")], "13"),
        (".getDayOfMonth", &[early(), s("-02:30")], "11"),
        (".getDayOfMonth", &[early(), s("America/St_Johns")], "11"),
        (".getHours", &[at(), s("02:00")], "1"),
        (".getMinutes", &[at(), s("Asia/Kathmandu")], "16"),
        (".getSeconds", &[at(), s("-00:00")], "30"),
        (".getHours", &[at(), s("Nowhere")], "!argument"),
        (".getHours", &[at(), Int(1)], "!NoOverload"),
        ("getHours", &[at()], "!NoOverload"),
        (".getMilliseconds", &[before_1970()], "999"),
        (".getFullYear", &[before_1970()], "1969"),
        (".getDayOfWeek", &[before_1970()], "3"),
        (".getHours", &[Span(10_000 * times::SECOND)], "2"),
        (".getMinutes", &[Span(3_730 * times::SECOND)], "62"),
        (".getSeconds", &[Span(-3_730_900_000_000)], "-3730"),
        (".getMilliseconds", &[Span(123_321_456_789)], "321"),
        (".getDate", &[Span(1)], "!NoOverload"),
    ]);
}

#[test]
fn mathematics() {
    let mixed = [Float(5.4), Int(10), Uint(3), Float(-5.0)];
    table(&[
        ("math.greatest", &mixed, "10"),
        ("math.least", &[list(&mixed)], "-5.0"),
        ("math.greatest", &[Int(1), Float(1.0)], "1"),
        ("math.greatest", &[Float(9_007_199_254_740_992.0), Int(9_007_199_254_740_993)], "9007199254740993"),
        ("math.least", &[Uint(u64::MAX), Float(18_446_744_073_709_551_616.0)], "18446744073709551615u"),
        ("math.greatest", &[Int(-1), Float(-0.5)], "-0.5"),
        ("math.greatest", &[Int(1), Float(f64::NAN), Int(2)], "NaN"),
        ("math.greatest", &[Int(1), s("")], "!NoOverload"),
        ("math.greatest", &[s("")], "!NoOverload"),
        ("math.greatest", &[list(&[])], "!argument"),
        ("math.greatest", &[], "!NoOverload"),
        ("math.ceil", &[Float(-1.2)], "-1.0"),
        ("math.floor", &[Float(-1.2)], "-2.0"),
        ("math.round", &[Float(-1.5)], "-2.0"),
        ("math.trunc", &[Float(-1.9)], "-1.0"),
        ("math.ceil", &[Int(1)], "!NoOverload"),
        ("math.abs", &[Int(i64::MIN)], "!Overflow"),
        ("math.abs", &[Uint(1)], "1u"),
        ("math.sign", &[Float(-32.0)], "-1.0"),
        ("math.sign", &[Float(0.0)], "0.0"),
        ("math.sign", &[Uint(100)], "1u"),
        ("math.isNaN", &[Float(f64::NAN)], "true"),
        ("math.isInf", &[Float(f64::NAN)], "false"),
        ("math.isFinite", &[Float(1.0)], "true"),
        ("math.isFinite", &[Bool(true)], "!NoOverload"),
        ("math.sqrt", &[Int(81)], "9.0"),
        ("math.sqrt", &[Float(-1.0)], "NaN"),
        ("math.bitAnd", &[Int(1), Int(-1)], "1"),
        ("math.bitOr", &[Uint(1), Uint(4)], "5u"),
        ("math.bitXor", &[Int(4), Int(-2)], "-6"),
        ("math.bitAnd", &[Uint(2), Int(2)], "!NoOverload"),
        ("math.bitNot", &[Uint(0)], "18446744073709551615u"),
        ("math.bitShiftLeft", &[Int(1), Int(2)], "4"),
        ("math.bitShiftLeft", &[Int(-1), Int(200)], "0"),
        ("math.bitShiftLeft", &[Int(-1), Int(i64::MAX)], "0"),
        ("math.bitShiftRight", &[Int(-1024), Int(3)], "2305843009213693824"),
        ("math.bitShiftRight", &[Uint(1024), Int(64)], "0u"),
        ("math.bitShiftRight", &[Uint(1), Int(-1)], "!argument"),
    ]);
}

#[test]
fn our_functions_of_numbers() {
    table(&[
        ("abs", &[Int(i64::MIN)], "!Overflow"),
        ("abs", &[Float(-1.5)], "1.5"),
        ("min", &[Int(2), Int(1), Int(3)], "1"),
        ("min", &[Float(0.0), Float(-0.0)], "0.0"),
        ("max", &[Float(1.0), Float(f64::NAN), Float(2.0)], "NaN"),
        ("max", &[Int(1)], "!NoOverload"),
        ("clamp", &[Int(5), Int(1), Int(3)], "3"),
        ("clamp", &[Int(5), Int(3), Int(1)], "!argument"),
        ("clamp", &[Float(f64::NAN), Float(0.0), Float(1.0)], "NaN"),
        ("floor", &[Int(2)], "2.0"),
        ("round", &[Float(-2.5)], "-3.0"),
        ("sqrt", &[Int(16)], "4.0"),
        ("log2", &[Float(8.0)], "3.0"),
        ("pow", &[Int(2), Float(0.5)], "1.4142135623730951"),
        ("ln", &[Float(0.0)], "-inf"),
        ("exp", &[s("1")], "!NoOverload"),
    ]);
}

#[test]
fn each_declared_function_exists_once_and_none_else() {
    let form = |name: &str, member: bool| format!("{}{name}", if member { "." } else { "" });
    let mut declared: Vec<String> = names()
        .filter(|name| !name.starts_with("optional."))
        .flat_map(|name| signatures(name).map(move |signature| (name, signature)))
        .filter(|(_, signature)| !matches!(signature.receiver, Some(Static::Optional(_))))
        .map(|(name, signature)| form(name, signature.receiver.is_some()))
        .collect();
    // The interpreter's own: they look at the fault of an argument, or at nothing.
    let special = ["default", "dyn", "has"];
    declared.extend(OWN.iter().map(|own| own.0.to_owned()).filter(|name| !special.contains(&name.as_str())));
    declared.extend(["math.greatest", "math.least"].map(str::to_owned));
    declared.sort();
    declared.dedup();
    let mut found: Vec<String> = functions().map(|function| form(function.name, function.member)).collect();
    found.sort();
    assert_eq!(found, declared);
}

#[test]
fn no_function_takes_too_many_arguments() {
    for function in functions() {
        let args = vec![Int(1); ARGUMENTS_MAX + usize::from(!function.member)];
        let receiver = function.member.then_some(&Int(1));
        assert_eq!(shown(&call(function.name, receiver, &args)), "!NoOverload", "{}", function.name);
    }
}

#[test]
fn literals_that_cannot_work_are_told_beforehand() {
    for (name, last, code, said) in [
        ("matches", "a(b", "bad_pattern", "this is no regular expression: unclosed group"),
        ("matches", "(a)\\1", "bad_pattern", "this is no regular expression: backreferences are not supported"),
        ("matches", "(\\w{100}){100}", "bad_pattern", "needs more than 262144 bytes"),
        ("getHours", "Europe/Berlon", "unknown_time_zone", "there is no time zone `Europe/Berlon`"),
    ] {
        let (found, message) = mistaken_literal(name, last).unwrap();
        assert_eq!(found, code);
        assert!(message.contains(said), "{message}");
    }
    for (name, last) in [("matches", "^a|b$"), ("getHours", "Europe/Berlin"), ("contains", "(")] {
        assert_eq!(mistaken_literal(name, last), None);
    }
}
