//! The body of a call by which a person acts on a case.

use crate::entity::unknown;
use crate::fields::{text, twice};
use crate::scan;
use domain::{Code, Refusal, limits};

const MEMBERS: [&str; 3] = ["by", "answer", "reason"];

/// Who acts, and for a decision what is answered and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReviewBody {
    /// Who acts.
    pub by: String,
    /// The answer.
    pub answer: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// Reads `{"by":"anna"}`, and to `decide` `{"by":"anna","answer":"fraud","reason":"the card was reported stolen"}`.
///
/// # Errors
/// `invalid_json`, `unknown_field` (with "did you mean"), `missing_field`, `wrong_type`, `invalid_value`, `too_large`.
pub fn parse_review(body: &[u8], decide: bool) -> Result<ReviewBody, Refusal> {
    let known = if decide { &MEMBERS[..] } else { &MEMBERS[..1] };
    let most = [limits::REVIEWER_BYTES_MAX, limits::NAME_BYTES_MAX, limits::REVIEW_REASON_BYTES_MAX];
    let mut values: [Option<String>; 3] = Default::default();
    let mut seen = [false; 3];
    scan::whole(body, |scan| {
        scan.object(|scan, name| {
            let Some(at) = known.iter().position(|member| **member == *name) else { return Err(unknown(&name, known)) };
            if std::mem::replace(&mut seen[at], true) {
                return Err(twice(&name));
            }
            values[at] = text(scan, &name, most[at])?.map(|text| text.into_owned());
            Ok(())
        })
    })?;
    let [by, answer, reason] = values;
    let missing = |field: &str, message: &str| Refusal::new(Code::MissingField, field, message);
    let by = by.ok_or_else(|| missing("by", "say who does this, as in {\"by\":\"anna\"}"))?;
    if decide && answer.is_none() {
        return Err(missing("answer", "answer with one of the answers that the spec declares"));
    }
    if decide && reason.as_ref().is_none_or(|reason| reason.trim().is_empty()) {
        return Err(missing("reason", "a case is decided with a reason, as in {\"reason\":\"the card was stolen\"}"));
    }
    Ok(ReviewBody { by, answer, reason })
}

#[cfg(test)]
mod tests {
    use super::parse_review;
    use domain::Code;

    #[test]
    fn bodies_are_read_or_refused() {
        let body = parse_review(br#"{"by":"anna","answer":"fraud","reason":"stolen"}"#, true).unwrap();
        assert_eq!((body.by.as_str(), body.answer.as_deref()), ("anna", Some("fraud")));
        assert_eq!(parse_review(br#"{"by":"anna"}"#, false).unwrap().reason, None);
        for (body, decide, code) in [
            ("", false, Code::InvalidJson),
            ("{}", false, Code::MissingField),
            (r#"{"by":""}"#, false, Code::InvalidValue),
            (r#"{"by":1}"#, false, Code::WrongType),
            (r#"{"by":null}"#, false, Code::MissingField),
            (r#"{"by":"a","by":"b"}"#, false, Code::InvalidJson),
            (r#"{"by":"a","answer":"fraud"}"#, false, Code::UnknownField),
            (r#"{"by":"a","reason":"x"}"#, true, Code::MissingField),
            (r#"{"by":"a","answer":"fraud"}"#, true, Code::MissingField),
            (r#"{"by":"a","answer":"fraud","reason":"  "}"#, true, Code::MissingField),
            (&format!(r#"{{"by":"{}"}}"#, "a".repeat(200)), false, Code::TooLarge),
        ] {
            assert_eq!(parse_review(body.as_bytes(), decide).unwrap_err().code, code, "{body}");
        }
    }
}
