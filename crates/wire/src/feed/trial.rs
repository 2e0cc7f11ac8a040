//! The body of a call that tries an expression.

use super::context;
use crate::entity::unknown;
use crate::fields::{refusal, text, twice, within};
use crate::scan::{self, Outcome, Scanner};
use domain::{Code, Refusal, Trial, limits};

const MEMBERS: [&str; 5] = ["expression", "user", "item", "feed", "context"];

/// Reads `{"expression": "user.views > 3", "user": "u1", "item": "i1", "feed": "home", "context": {..}}`.
///
/// # Errors
/// `invalid_json`, `unknown_field` (with "did you mean"), `missing_field`, `wrong_type`, `invalid_value`, `too_large`, `too_many`.
pub fn parse_trial(body: &[u8]) -> Result<Trial, Refusal> {
    let (mut trial, mut seen) = (Trial::default(), Vec::new());
    scan::whole(body, |scan| {
        scan.object(|scan, name| {
            if seen.iter().any(|known| *known == *name) {
                return Err(twice(&name));
            }
            seen.push(name.to_string());
            member(&mut trial, scan, &name)
        })
    })?;
    if trial.expression.is_empty() {
        let message = "send the expression to try, as in {\"expression\": \"user.views > 3\", \"user\": \"u1\"}";
        return Err(Refusal::new(Code::MissingField, "expression", message));
    }
    Ok(trial)
}

fn member(trial: &mut Trial, scan: &mut Scanner<'_>, name: &str) -> Outcome<()> {
    let key = |scan: &mut Scanner<'_>| -> Outcome<Option<String>> {
        Ok(text(scan, name, limits::KEY_BYTES_MAX)?.map(std::borrow::Cow::into_owned))
    };
    match name {
        "expression" => {
            let expression = text(scan, name, limits::REQUEST_EXPRESSION_BYTES_MAX)?;
            trial.expression = expression.ok_or_else(|| refusal(Code::WrongType, name, "must be text"))?.into_owned();
        }
        "user" => trial.user = key(scan)?,
        "item" => trial.item = key(scan)?,
        "feed" => trial.feed = key(scan)?,
        "context" => trial.context = context(scan).map_err(|inner| within(name, inner))?,
        _ => return Err(unknown(name, &MEMBERS)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::parse_trial;
    use domain::{Code, Raw};

    #[test]
    fn bodies_are_read_or_refused() {
        let trial =
            parse_trial(br#"{"expression":"1 + 1","user":"u","item":"i","feed":"f","context":{"a":1}}"#).unwrap();
        assert_eq!(
            (trial.expression.as_str(), trial.user.as_deref(), trial.item.as_deref()),
            ("1 + 1", Some("u"), Some("i"))
        );
        assert_eq!((trial.feed.as_deref(), trial.context), (Some("f"), vec![("a".to_owned(), Raw::Int(1))]));
        let code = |body: &str| parse_trial(body.as_bytes()).unwrap_err().code;
        assert_eq!(code(""), Code::InvalidJson);
        assert_eq!(code("{}"), Code::MissingField);
        assert_eq!(code(r#"{"expression":1}"#), Code::WrongType);
        assert_eq!(code(r#"{"expression":null}"#), Code::WrongType);
        assert_eq!(code(r#"{"expression":"1","expr":"2"}"#), Code::UnknownField);
        assert_eq!(code(r#"{"expression":"1","context":1}"#), Code::WrongType);
        assert_eq!(code(&format!(r#"{{"expression":"{}"}}"#, "1".repeat(100_000))), Code::TooLarge);
        assert!(parse_trial(br#"{"expression":"1","expression":"2"}"#).is_err());
    }
}
