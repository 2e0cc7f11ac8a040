//! What an answer of the marked feed says about its version: every marker in it must be that of one version, and its scores must be
//! the sums of its terms.

use super::script;
use serde_json::Value;

/// Reading JSON rounds the last digit as it likes; what versions differ in is a million times as much.
const ROUNDING: f64 = 1e-9;

/// Reads the one marker of an answer.
///
/// # Errors
/// What is missing, or of two versions.
pub(super) fn marker(answer: &Value) -> Result<u64, String> {
    let mut found: Vec<(u64, String)> = Vec::new();
    let mut note = |text: &str, number: Option<u64>| {
        if let Some(number) = number {
            found.push((number, text.to_owned()));
        }
    };
    let counts = answer["counts"].as_object().ok_or("no counts by route")?;
    counts.keys().for_each(|route| note(route, number(route, "mark", "")));
    for removal in list(&answer["removed"]) {
        let reason = text(&removal["reason"]);
        note(reason, number(reason, "item.price + ", ".0 > "));
        note(reason, number(reason, "item.category != \"none", "\""));
    }
    let items = list(&answer["items"]);
    if items.is_empty() {
        return Err("no items".to_owned());
    }
    for item in items {
        for route in list(&item["routes"]) {
            let route = text(&route["route"]);
            note(route, number(route, "mark", ""));
        }
        if let Some(marker) = constant(item)? {
            note("a term", Some(marker));
        }
    }
    let (marker, place) = found.first().cloned().ok_or("no marker")?;
    if let Some((other, there)) = found.iter().find(|(other, _)| *other != marker) {
        return Err(format!("marker {marker} in `{place}` and {other} in `{there}`"));
    }
    let scaled = items.iter().flat_map(|item| list(&item["effects"])).filter_map(|effect| effect["scaled"].as_f64());
    match scaled.into_iter().find(|by| *by != script::boost_of(marker)) {
        Some(by) => Err(format!("a score was scaled by {by}, which is not what marker {marker} says")),
        None => Ok(marker),
    }
}

/// The constant that an item's score has as a term; its text and its value must agree, and the terms must add up.
fn constant(item: &Value) -> Result<Option<u64>, String> {
    let terms = list(&item["terms"]);
    let mut marker = None;
    let mut sum = None;
    for term in terms {
        let (name, value) = (text(&term["term"]), term["value"].as_f64());
        if let Some(named) = number(name, "", ".0").filter(|_| name.ends_with(".0")) {
            if value != Some(named as f64) {
                return Err(format!("the term {name} has the value {}", term["value"]));
            }
            marker = Some(named);
        }
        sum = match (sum, value) {
            (None, value) => value,
            (Some(sum), Some(value)) => Some(sum + value),
            (Some(_), None) => None,
        };
    }
    let scaled = list(&item["effects"]).iter().any(|effect| !effect["scaled"].is_null());
    match (sum, item["score"].as_f64()) {
        (Some(sum), Some(score)) if !scaled && (sum - score).abs() > ROUNDING => {
            Err(format!("the score {score} of terms that add up to {sum}"))
        }
        _ if !terms.is_empty() && marker.is_none() => Err("terms without a marker".to_owned()),
        _ => Ok(marker),
    }
}

/// The number between what comes before and behind it.
fn number(text: &str, before: &str, behind: &str) -> Option<u64> {
    let rest = text.strip_prefix(before)?;
    let digits = match behind {
        "" => rest,
        behind => rest.split_once(behind)?.0,
    };
    digits.parse().ok()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer() -> Value {
        json!({
            "counts": { "hot": 3, "mark17": 5 },
            "items": [
                { "item": "i1", "score": 19.5, "routes": [{ "route": "mark17" }],
                  "terms": [{ "term": "17.0", "value": 17.0 }, { "term": "ln(10 * item.appeal)", "value": 2.5 }] },
                { "item": "i2", "score": 21.0, "routes": [], "terms": [{ "term": "17.0", "value": 17.0 }],
                  "effects": [{ "step": "policy 2", "scaled": script::boost_of(17) }] },
            ],
            "removed": [{ "reason": "item.price + 17.0 > 17.0 + 12.0", "count": 2 }],
        })
    }

    #[test]
    fn an_answer_of_one_version_has_its_marker() {
        assert_eq!(marker(&answer()), Ok(17));
    }

    #[test]
    fn every_mixture_is_seen() {
        let mixtures: [(&str, Value); 7] = [
            ("/counts", json!({ "mark18": 5 })),
            ("/items/0/routes/0/route", json!("mark16")),
            ("/items/0/terms/0/term", json!("18.0")),
            ("/items/0/terms/0/value", json!(18.0)),
            ("/items/0/score", json!(20.5)),
            ("/items/1/effects/0/scaled", json!(script::boost_of(18))),
            ("/removed/0/reason", json!("item.price + 16.0 > 16.0 + 12.0")),
        ];
        for (place, value) in mixtures {
            let mut mixed = answer();
            *mixed.pointer_mut(place).unwrap() = value;
            assert!(marker(&mixed).is_err(), "{place}");
        }
    }
}
