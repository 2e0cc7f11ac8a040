//! What an answer must look like: JSON in which `"<string>"`, `"<number>"`, `"<time>"` and `"<any>"` stand for a value of
//! that kind and `{"<each>": shape}` for a list of at least one such; all else must be equal, names without exception.

use serde_json::Value;

/// The first difference, with its place; none if the value is as expected.
pub(super) fn compare(expected: &Value, value: &Value, place: &str) -> Option<String> {
    let wrong = |what: &str| Some(format!("{place}: expected {what}"));
    match (expected, value) {
        (Value::String(kind), value) if kind.starts_with('<') && kind.ends_with('>') => {
            if is_of_kind(kind, value) {
                None
            } else {
                wrong(kind)
            }
        }
        (Value::Object(shape), Value::Array(list)) if shape.contains_key("<each>") => match list.is_empty() {
            true => wrong("at least one element"),
            false => each(list, |_| &shape["<each>"], place),
        },
        (Value::Array(shapes), Value::Array(list)) => match shapes.len() == list.len() {
            true => each(list, |index| &shapes[index], place),
            false => wrong(&format!("{} elements", shapes.len())),
        },
        (Value::Object(shape), Value::Object(members)) => {
            let extra = members.keys().find(|name| !shape.contains_key(*name));
            if let Some(extra) = extra {
                return wrong(&format!("no '{extra}'"));
            }
            shape.iter().find_map(|(name, expected)| match members.get(name) {
                None => wrong(&format!("'{name}'")),
                Some(value) => compare(expected, value, &format!("{place}.{name}")),
            })
        }
        (Value::Number(expected), Value::Number(number)) if expected.as_f64() == number.as_f64() => None,
        (expected, value) if expected == value => None,
        (expected, _) => wrong(&expected.to_string()),
    }
}

fn each<'s>(list: &[Value], shape: impl Fn(usize) -> &'s Value, place: &str) -> Option<String> {
    list.iter().enumerate().find_map(|(index, value)| compare(shape(index), value, &format!("{place}[{index}]")))
}

fn is_of_kind(kind: &str, value: &Value) -> bool {
    match kind {
        "<any>" => true,
        "<string>" => value.is_string(),
        "<number>" => value.is_number(),
        "<time>" => value.as_str().is_some_and(is_time),
        _ => false,
    }
}

/// RFC 3339 in UTC.
fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits =
        |range: std::ops::Range<usize>| bytes.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    bytes.len() >= 20 && digits(0..4) && digits(5..7) && digits(8..10) && bytes[10] == b'T' && text.ends_with('Z')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_are_found() {
        let fits = |expected: Value, value: Value| compare(&expected, &value, "").is_none();
        assert!(fits(json!({"a": 1, "b": "<any>"}), json!({"b": [], "a": 1.0})));
        assert!(fits(json!({"<each>": {"Id": "<string>"}}), json!([{"Id": "x"}, {"Id": "y"}])));
        assert!(fits(json!(["<time>", "<number>"]), json!(["2024-05-01T10:00:00.5Z", 2])));
        for (expected, value) in [
            (json!({"a": 1}), json!({"a": 2})),
            (json!({"a": 1}), json!({"a": 1, "b": 1})),
            (json!({"a": 1, "b": 1}), json!({"a": 1})),
            (json!({"<each>": "<string>"}), json!([])),
            (json!({"<each>": "<string>"}), json!(["x", 1])),
            (json!([]), json!([1])),
            (json!("<time>"), json!("yesterday")),
            (json!("<number>"), json!("1")),
            (json!(null), json!(false)),
        ] {
            assert!(!fits(expected.clone(), value.clone()), "{expected} {value}");
        }
    }
}
