//! The query of a request: names may repeat (`category`), unknown ones are ignored, as Gorse's server does.

use domain::{Code, Refusal};

/// Names and values, decoded.
#[derive(Clone, Debug, Default)]
pub struct Params(Vec<(String, String)>);

/// Most parameters that are read.
const PARAMS_MAX: usize = 32;

impl Params {
    /// Reads `name=value&...`; `decode` undoes percent-encoding.
    ///
    /// # Errors
    /// What `decode` refuses; `too_many`.
    pub fn parse(query: &str, decode: impl Fn(&str) -> Result<String, Refusal>) -> Result<Params, Refusal> {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(&name.replace('+', " "))?, decode(&value.replace('+', " "))?))
        });
        let pairs: Vec<_> = pairs.take(PARAMS_MAX + 1).collect::<Result<_, Refusal>>()?;
        if pairs.len() > PARAMS_MAX {
            return Err(Refusal::new(Code::TooMany, "query", format!("at most {PARAMS_MAX} parameters are read")));
        }
        Ok(Params(pairs))
    }

    /// The first value of a parameter; empty if it is not given.
    pub fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// A whole number of at least 0; `default` where it is not given.
    ///
    /// # Errors
    /// `invalid_value`.
    pub fn number(&self, name: &str, default: usize) -> Result<usize, Refusal> {
        match self.text(name) {
            "" => Ok(default),
            text => text
                .parse()
                .map_err(|_| Refusal::new(Code::InvalidValue, name, format!("'{text}' must be a whole number from 0"))),
        }
    }

    /// All values of a parameter that are not empty.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_repeat_and_unknown_ones_are_ignored() {
        let parse = |query: &str| Params::parse(query, |text| Ok(text.to_owned()));
        let params = parse("n=3&category=a+b&x=1&category=&category=c&").unwrap();
        assert_eq!(params.all("category").collect::<Vec<_>>(), ["a b", "c"]);
        assert_eq!((params.number("n", 10), params.number("offset", 7)), (Ok(3), Ok(7)));
        for bad in ["n=-1", "n=x", "n=1.5", "n=99999999999999999999"] {
            assert_eq!(parse(bad).unwrap().number("n", 1).unwrap_err().code, Code::InvalidValue, "{bad}");
        }
        assert!(parse(&"a=1&".repeat(33)).is_err());
    }
}
