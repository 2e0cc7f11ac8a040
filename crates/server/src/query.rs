//! The query of a request: few known names, each once, anything else refused.

use crate::routes::decoded;
use domain::{Code, Refusal};

/// Names and values not yet taken.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `name=value&...`.
    pub(crate) fn parse(query: Option<&str>) -> Result<Query, Refusal> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in query.unwrap_or("").split('&').filter(|pair| !pair.is_empty()).take(16) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(refusal(Code::InvalidValue, &name, "the parameter appears twice: keep one"));
            }
            pairs.push((name, value));
        }
        Ok(Query(pairs))
    }

    /// Takes a parameter whose values are `yes` (true) and `no`; absent is `no`.
    pub(crate) fn choice(&mut self, name: &str, yes: &str, no: &str) -> Result<bool, Refusal> {
        let Some(place) = self.0.iter().position(|(known, _)| known == name) else { return Ok(false) };
        let (_, value) = self.0.swap_remove(place);
        match value.as_str() {
            value if value == yes => Ok(true),
            value if value == no => Ok(false),
            _ => Err(refusal(Code::InvalidValue, name, &format!("must be '{yes}' or '{no}'"))),
        }
    }

    /// Takes a parameter with any value, if it is there.
    pub(crate) fn value(&mut self, name: &str) -> Option<String> {
        let place = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.swap_remove(place).1)
    }

    /// Takes `limit`, the size of a page, from 1 to `most`: `usual` if it is not there.
    pub(crate) fn limit(&mut self, usual: usize, most: usize) -> Result<usize, Refusal> {
        let limit = self.value("limit").map_or(Some(usual), |text| text.parse().ok());
        let limit = limit.filter(|limit| (1..=most).contains(limit));
        limit.ok_or_else(|| refusal(Code::InvalidValue, "limit", &format!("must be a whole number from 1 to {most}")))
    }

    /// Nothing may be left.
    pub(crate) fn end(&self) -> Result<(), Refusal> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(refusal(Code::UnknownField, name, "this call has no such parameter; leave it out")),
        }
    }
}

fn refusal(code: Code, name: &str, message: &str) -> Refusal {
    let name: String = name.chars().take(64).collect();
    Refusal::new(code, name, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_strict() {
        let atomic = |text: &str| {
            let mut query = Query::parse(Some(text))?;
            let atomic = query.choice("atomic", "true", "false")?;
            query.end().map(|()| atomic)
        };
        assert_eq!((atomic(""), atomic("atomic=true"), atomic("atomic=false")), (Ok(false), Ok(true), Ok(false)));
        for bad in ["atomic", "atomic=1", "atomic=true&atomic=true", "atomics=true", "atomic=true&x=1", "%ff=1", "a%=1"]
        {
            assert!(atomic(bad).is_err(), "{bad}");
        }
        assert!(Query::parse(None).unwrap().end().is_ok());
    }
}
