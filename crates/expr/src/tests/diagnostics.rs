//! Tables of refused expressions: code, place, message and help of each error.

use super::{House, build};
use crate::Diagnostic;

fn faults(text: &str) -> Vec<Diagnostic> {
    build(text, &mut House::default()).map(|_| Vec::new()).unwrap_or_else(|faults| faults)
}

/// Each error as `code|text at its span|message|help`.
fn shown(text: &str) -> Vec<String> {
    let line = |fault: Diagnostic| {
        let help = fault.help.unwrap_or_default();
        format!("{}|{}|{}|{help}", fault.code, &text[fault.span], fault.message)
    };
    faults(text).into_iter().map(line).collect()
}

fn check(table: &[(&str, &[&str])]) {
    for (text, expected) in table {
        assert_eq!(shown(text), *expected, "{text}");
    }
}

#[test]
fn syntax() {
    check(&[
        (
            "",
            &["empty_expression||there is no expression here|write one, as in `count(view, 7d)`, or remove the field"],
        ),
        (
            " \t",
            &[
                "empty_expression| \t|there is no expression here|write one, as in `count(view, 7d)`, or remove the field",
            ],
        ),
        (
            "1 +",
            &["unexpected_token||expected a value, but the expression ends|add a value, or remove what asks for it"],
        ),
        ("(1 + 2", &["unclosed_bracket|(|this bracket is not closed by `)`|add the missing `)`"]),
        ("1 in [1", &["unclosed_bracket|[|this bracket is not closed by `]`|add the missing `]`"]),
        ("1 + 2)", &["unexpected_token|)|expected an operator or the end, but found `)`|it closes nothing"]),
        (
            "i.x i.y",
            &[
                "unexpected_token|i|expected an operator or the end, but found `i`|put an operator or the end before it, or remove it",
            ],
        ),
        ("i.x + * 2", &["unexpected_token|*|expected a value, but found `*`|put a value before it, or remove it"]),
        (
            "i.",
            &[
                "unexpected_token||expected a name behind `.`, but the expression ends|add a name behind `.`, or remove what asks for it",
            ],
        ),
        (
            "b.x ? 1",
            &[
                "unexpected_token||expected `:` of the `?:`, but the expression ends|add `:` of the `?:`, or remove what asks for it",
            ],
        ),
        ("min(1, )", &["unexpected_token|)|expected a value, but found `)`|put a value before it, or remove it"]),
        ("i.x = 1", &["unknown_operator|=|there is no operator `=`|write `==` to compare"]),
        ("b.x and b.y", &["unknown_operator|and|there is no operator `and`|write `&&`"]),
        ("b.x | b.y", &["unknown_operator|\u{7c}|there is no operator `|`|write `||`"]),
        ("i.x <> 1", &["unknown_operator|<>|there is no operator `<>`|write `!=`"]),
        ("2 ** 3", &["unknown_operator|**|there is no operator `**`|write `pow(x, y)`"]),
        ("not b.x", &["unexpected_token|b|expected an operator or the end, but found `b`|write `!`"]),
        (
            "b.x ? b.y ? 1 : 2 : 3",
            &["unexpected_token|?|expected `:` of the `?:`, but found `?`|put parentheses around the inner `?:`"],
        ),
        (
            "i.x == null",
            &[concat!(
                "wrong_type|i.x == null|`==` does not take int and null|",
                "write `has(x)` to ask whether there is a value, `default(x, y)` to replace a missing one"
            )],
        ),
        ("s.x.abs()", &["unknown_function|abs|there is no function `abs` of string|write `abs(x)`"]),
        ("i.x[0]", &["wrong_type|i.x[0]|int has no elements|lists and maps have"]),
        (
            "abs(1).y",
            &["wrong_type|y|int has no fields, so no `y`|maps have fields, and so have entities: `item.price`"],
        ),
        ("{'a': 1", &["unclosed_bracket|{|this bracket is not closed by `}`|add the missing `}`"]),
        (
            "{'a' 1}",
            &[
                "unexpected_token|1|expected `:` behind a key, but found `1`|put `:` behind a key before it, or remove it",
            ],
        ),
        (
            "[1].exists(1, true)",
            &[
                "macro_variable|1|`exists` binds a name here|write a plain name for the element, such as `x` in `list.exists(x, x > 1)`",
            ],
        ),
        ("[1].all(x, x, true)", &["macro_variable|x|`x` is bound twice|write two different names"]),
        (
            "Money{units: 1}",
            &[
                "message_construction|Money{|there are no messages, so `Money` cannot be made|write a map: `{\"key\": value}`",
            ],
        ),
        (
            "li.x.`a",
            &[
                "unterminated_name|`a|this name does not end|between backticks stand letters, digits, `_`, `-`, `.`, `/` and spaces",
            ],
        ),
        (
            "i.x + #",
            &[
                "unexpected_character|#|unexpected character `#`|quote the YAML value; a comment needs a space before `#`",
            ],
        ),
        (
            "i.x + \u{202e}1",
            &["unexpected_character|\u{202e}|unexpected character U+202E|remove it; text stands in quotes"],
        ),
        (
            "s.x == “a” + #",
            &[
                "unexpected_character|“a”|unexpected character U+201C|write strings in plain quotes: \"...\" or '...'",
                "unexpected_character|#|unexpected character `#`|quote the YAML value; a comment needs a space before `#`",
            ],
        ),
        ("i.x << 64", &["unexpected_token|<|expected a value, but found `<`|put a value before it, or remove it"]),
    ]);
}

#[test]
fn literals() {
    check(&[
        ("9223372036854775808", &["invalid_number|9223372036854775808|this is not an integer of 64 bits|"]),
        (
            "99999999999999999999",
            &[concat!(
                "invalid_number|99999999999999999999|`99999999999999999999` is not an integer of 64 bits|",
                "a float has a point or an exponent: `1.0`, `1e30`"
            )],
        ),
        ("1e400", &["invalid_number|1e400|`1e400` is beyond the range of floats|"]),
        ("1_000", &["invalid_number|1_000|`1_000` is not a number|write the digits without `_`"]),
        (
            "5min",
            &[concat!(
                "invalid_duration|5min|`min` is not a unit of time|",
                "the units are ms, s, m, h and d, one per literal: `90m`, `1.5h`, `7d`"
            )],
        ),
        (
            "999999999999999999d",
            &[concat!(
                "invalid_duration|999999999999999999d|`999999999999999999d` is not a duration in range|",
                "durations are written as `250ms`, `1.5s`, `10m`"
            )],
        ),
        ("s.x == 'a", &["unterminated_string|'a|this string does not end|close it with '"]),
        (
            "s.x == \"a\n\"",
            &[
                "unterminated_string|\"a|this string does not end|close it with \"",
                "unterminated_string|\"|this string does not end|close it with \"",
            ],
        ),
        (
            r"s.x == 'a\q'",
            &[concat!(
                r"invalid_escape|\q|`\q` is not an escape|",
                r#"the escapes are \\ \" \' \` \? \a \b \f \n \r \t \v \xHH \uHHHH \UHHHHHHHH \OOO"#
            )],
        ),
        (
            r"s.x == '\ud800'",
            &[concat!(
                r"invalid_escape|\ud800|`\ud800` is not an escape|",
                r#"the escapes are \\ \" \' \` \? \a \b \f \n \r \t \v \xHH \uHHHH \UHHHHHHHH \OOO"#
            )],
        ),
    ]);
}

#[test]
fn types() {
    check(&[
        (
            "i.x + s.x",
            &["wrong_type|i.x + s.x|`+` does not take int and string|strings are joined with strings: `x + string(y)`"],
        ),
        (
            "s.x < 1",
            &[
                "wrong_type|s.x < 1|`<` does not take string and int|compare values of one type: strings with strings, numbers with numbers",
            ],
        ),
        ("b.x + 1", &["wrong_type|b.x + 1|`+` does not take bool and int|write `x ? 1 : 0` for the number of a bool"]),
        (
            "b.x < 1",
            &[
                "wrong_type|b.x < 1|`<` does not take bool and int|compare values of one type: strings with strings, numbers with numbers",
            ],
        ),
        (
            "1 < i.x < 3",
            &["wrong_type|1 < i.x < 3|`<` does not take bool and int|comparisons do not chain: write `a < b && b < c`"],
        ),
        ("i.x && b.x", &["wrong_type|i.x && b.x|`&&` does not take int and bool|compare first: `x > 0 && y == \"a\"`"]),
        (
            "d.x > 30",
            &[
                "wrong_type|d.x > 30|`>` does not take duration and int|write a duration with its unit: `30s`, `10m`, `7d`",
            ],
        ),
        (
            "d.x * 2",
            &[
                "wrong_type|d.x * 2|`*` does not take duration and int|a duration divided by a duration is a number: `d / 1h`",
            ],
        ),
        (
            "t.x + t.y",
            &[
                "wrong_type|t.x + t.y|`+` does not take timestamp and timestamp|timestamps are subtracted and compared; add a duration",
            ],
        ),
        (
            "t.x < 7d",
            &[
                "wrong_type|t.x < 7d|`<` does not take timestamp and duration|the difference of two timestamps is a duration: `now - t < 7d`",
            ],
        ),
        ("d.x - t.x", &["wrong_type|d.x - t.x|`-` does not take duration and timestamp|"]),
        ("f.x % 2", &["wrong_type|f.x % 2|`%` does not take float and int|`%` takes two ints"]),
        (
            "e.x == o.x",
            &[
                "wrong_type|e.x == o.x|`==` does not take entity and entity|an entity equals only an entity of its own type",
            ],
        ),
        (
            "li.x == lf.x",
            &[
                "wrong_type|li.x == lf.x|`==` does not take [int] and [float]|of a list one asks `x in list`, `list.exists(x, ...)` and `size(list)`",
            ],
        ),
        (
            "s.x in 'abc'",
            &["wrong_type|s.x in 'abc'|`in` does not take string and string|write `==`, or a list behind `in`"],
        ),
        (
            "s.x in li.x",
            &[
                "wrong_type|s.x in li.x|`in` does not take string and [int]|the value has the type of the list's elements",
            ],
        ),
        (
            "s.x in ['a', 1]",
            &["wrong_type|1|string is never in a list with int|list values of the type that stands before `in`"],
        ),
        ("1u + 1", &["wrong_type|1u + 1|`+` does not take uint and int|"]),
        (
            "[1][1.5]",
            &["wrong_type|1.5|a place in a list is an int, but this is float|write a place from 0: `list[0]`"],
        ),
        (
            "{'a': 1}[1]",
            &["wrong_type|1|the keys of this map are string, but this is int|ask for a key of the map's type"],
        ),
        (
            "{1.5: 1}",
            &[
                "wrong_type|1.5|a key of a map is a bool, an int, a uint or a string, but this is float|write keys such as `{\"a\": 1}`",
            ],
        ),
        ("{1: 2}.a", &["wrong_type|a|the keys of this map are int, so it has no fields|ask for a key: `map[key]`"]),
        (
            "[?1]",
            &[
                "wrong_type|1|behind `?` stands an optional, but this is int|leave the `?` out, or write `optional.of(x)`",
            ],
        ),
        (
            "i.x.exists(e, true)",
            &["wrong_type|i.x|`exists` goes over a list or a map, but this is int|write `list.exists(x, x > 0)`"],
        ),
        (
            "li.x.exists(e, e + 1)",
            &[
                "wrong_type|e + 1|the condition of `exists` is a bool, but this is int|compare it with something: `x > 0`",
            ],
        ),
        (
            "li.x.all(e, e.y)",
            &["wrong_type|y|int has no fields, so no `y`|maps have fields, and so have entities: `item.price`"],
        ),
        (
            "i.x.optMap(v, v)",
            &["wrong_type|i.x|`optMap` takes an optional, but this is int|make one with `optional.of(x)`"],
        ),
        (
            "optional.of(1).optFlatMap(v, v)",
            &["wrong_type|v|`optFlatMap` makes an optional, but this is int|make one with `optional.of(x)`"],
        ),
        ("!i.x", &["wrong_type|!i.x|`!` does not take int|compare first: `x == 0`"]),
        ("!s.x", &["wrong_type|!s.x|`!` does not take string|write `!has(x)` to ask whether a value is missing"]),
        ("-b.x", &["wrong_type|-b.x|`-` does not take bool|write `!x`"]),
        (
            "i.x ? 1 : 2",
            &[
                "wrong_type|i.x|the condition of `?:` is a bool, but this is int|compare it with something: `x > 0 ? a : b`",
            ],
        ),
        (
            "b.x ? 1 : 'a'",
            &[
                "wrong_type|1 : 'a'|both values of `?:` have one type, but these are int and string|give both the same type",
            ],
        ),
        ("sqrt(s.x)", &["wrong_type|s.x|`sqrt` takes a number, but this is string|give `sqrt` a number"]),
        ("max(1, 2.0, b.x)", &["wrong_type|b.x|`max` takes numbers, but this is bool|give `max` numbers"]),
        (
            "default(i.x, 'a')",
            &[
                "wrong_type|'a'|`default` takes two values of one type, but this is string|give `default` two values of one type",
            ],
        ),
    ]);
}

#[test]
fn names_and_arguments() {
    check(&[
        ("i.z", &["unknown_name|i.z|there is no `i.z` here|"]),
        ("count(buy)", &["unknown_name|count(buy)|no such event|"]),
        ("cuont(view)", &["unknown_function|cuont|there is no function `cuont` here|did you mean `count`?"]),
        ("sqr(1)", &["unknown_function|sqr|there is no function `sqr` here|did you mean `sqrt`?"]),
        ("log(1)", &["unknown_function|log|there is no function `log` here|write `ln(x)` or `log2(x)`"]),
        (
            "now()",
            &[
                "unknown_function|now|there is no function `now` here|write `now`, the time of the request, without brackets",
            ],
        ),
        (
            "random()",
            &[
                "unknown_function|random|there is no function `random` here|expressions have no randomness: one log gives one answer",
            ],
        ),
        ("frobnicate(1)", &["unknown_function|frobnicate|there is no function `frobnicate` here|"]),
        ("max(1)", &["wrong_arity|max(1)|`max` takes 2 to 64 arguments, but there is 1|give `max` 2 to 64 arguments"]),
        ("abs()", &["wrong_arity|abs()|`abs` takes 1 argument, but there are 0|give `abs` 1 argument"]),
        (
            "s.x.startsWith(1)",
            &[
                "wrong_type|s.x.startsWith(1)|`startsWith` takes (string), but this is string.(int)|the language reference lists what each function takes",
            ],
        ),
        (
            "s.x.startsWith()",
            &[
                "wrong_arity|s.x.startsWith()|`startsWith` takes (string), but there are 0|add what is missing, or remove what is too much",
            ],
        ),
        (
            "startsWith(s.x, 'a')",
            &["wrong_type|startsWith(s.x, 'a')|`startsWith` is called on a value|write `x.startsWith(...)`"],
        ),
        (
            "s.x.startWith('a')",
            &["unknown_function|startWith|there is no function `startWith` of string|did you mean `startsWith`?"],
        ),
        (
            "math.abs(s.x)",
            &[
                "wrong_type|math.abs(s.x)|`math.abs` takes (int) or (uint) or (float), but this is (string)|the language reference lists what each function takes",
            ],
        ),
        (
            "math.greatest('a')",
            &[
                "wrong_type|math.greatest('a')|`math.greatest` does not take (string)|the language reference lists what each function takes",
            ],
        ),
        ("pow(1, 2, 3)", &["wrong_arity|pow(1, 2, 3)|`pow` takes 2 arguments, but there are 3|give `pow` 2 arguments"]),
    ]);
}

/// All errors of one expression, in the order of the text.
#[test]
fn several_at_once() {
    let codes = |text: &str| faults(text).iter().map(|fault| (fault.code, fault.span.start)).collect::<Vec<_>>();
    assert_eq!(codes("i.z + sqr(2) > s.x && !i.x"), [("unknown_name", 0), ("unknown_function", 6), ("wrong_type", 22)]);
    assert_eq!(
        codes("i.x = 1e999 and 'a\\q' == null"),
        [("unknown_operator", 4), ("invalid_number", 6), ("unknown_operator", 12), ("invalid_escape", 18),]
    );
    assert_eq!(
        codes("min(1 2, 3) + (4 5) + )"),
        [("unexpected_token", 6), ("unexpected_token", 17), ("unexpected_token", 22),]
    );
    assert_eq!(faults(&"? ".repeat(1_000)).len(), 16);
}
