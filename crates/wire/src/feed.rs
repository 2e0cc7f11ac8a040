//! A feed request's body: for whom, what the visit has seen, its context, and how the answer is to be made.

use crate::entity::{flag, unknown};
use crate::fields::{Fields, refusal, text, twice, within};
use crate::list::number;
use crate::scan::{self, Outcome, Scanner};
use crate::usual;
use domain::{Boost, Code, FeedRequest, Raw, Refusal, Span, Subject, limits};
use std::borrow::Cow;

#[cfg(test)]
mod tests;
mod trial;

pub use trial::parse_trial;

/// How many items are returned unless the request says.
const COUNT_DEFAULT: u16 = 20;
/// Most items that a request may exclude.
const EXCLUDE_MAX: usize = 1_000;
/// Longest deadline taken.
const DEADLINE_MAX: Span = Span(60_000);

/// A feed request as the body gives it.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedCall {
    /// What the engine is asked.
    pub request: FeedRequest,
    /// Whether the answer shall say how it came about.
    pub explain: bool,
    /// Whether the body gave a seed.
    pub seeded: bool,
    /// The token of a further page; the rest of the request is then that of the first.
    pub page: Option<PageCall>,
}

/// What the body asks of a further page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageCall {
    /// The token, as an earlier answer gave it.
    pub token: String,
    /// How many items, if the body says.
    pub count: Option<u16>,
}

/// The members of a request; `Draft::seen` has one bit for each in this order.
const MEMBERS: [&str; 13] = [
    "user", "item", "recent", "context", "exclude", "count", "seed", "deadline", "filter", "boost", "pages", "page",
    "explain",
];
/// Those that a further page takes.
const OF_PAGE: [&str; 3] = ["page", "count", "explain"];
/// Longest page token, in bytes.
const TOKEN_BYTES_MAX: usize = 512;

struct Draft {
    call: FeedCall,
    seen: u16,
}

/// Reads the body of a request for the feed named `feed`; an empty body is `{}`: an anonymous visit.
///
/// # Errors
/// `invalid_json`, `unknown_field` (with "did you mean"), `wrong_type`, `invalid_value`, `too_large`, `too_many`.
pub fn parse_feed(feed: &str, body: &[u8]) -> Result<FeedCall, Refusal> {
    let request = FeedRequest::new(feed, Subject::Anonymous, COUNT_DEFAULT);
    let mut draft = Draft { call: FeedCall { request, explain: false, seeded: false, page: None }, seen: 0 };
    if !body.trim_ascii().is_empty() {
        scan::whole(body, |scan| scan.object(|scan, name| draft.member(scan, &name)))?;
    }
    draft.whole().map_err(|refusal| *refusal)
}

impl Draft {
    fn member(&mut self, scan: &mut Scanner<'_>, name: &str) -> Outcome<()> {
        let Some(index) = MEMBERS.iter().position(|member| *member == name) else {
            return Err(unknown(name, &MEMBERS));
        };
        if self.seen & (1 << index) != 0 {
            return Err(twice(name));
        }
        self.seen |= 1 << index;
        let request = &mut self.call.request;
        match name {
            "user" | "item" => {
                if let Some(key) = text(scan, name, limits::KEY_BYTES_MAX)? {
                    request.subject = subject(&request.subject, name, key.into_owned())?;
                }
            }
            "recent" => request.recent = keys(scan, name, limits::REQUEST_RECENT_MAX)?,
            "context" => request.context = context(scan).map_err(|inner| within(name, inner))?,
            "exclude" => request.exclude = keys(scan, name, EXCLUDE_MAX)?,
            "count" => request.count = count(scan)?,
            "seed" => (request.seed, self.call.seeded) = (seed(scan)?, true),
            "deadline" => request.deadline = Some(deadline(scan)?),
            "filter" => request.filter = expression(scan, name)?,
            "boost" => request.boosts = boosts(scan).map_err(|inner| within(name, inner))?,
            "pages" => request.pages = flag(scan, name)?,
            "page" => {
                let token = text(scan, name, TOKEN_BYTES_MAX)?;
                self.call.page = token.map(|token| PageCall { token: token.into_owned(), count: None });
            }
            _ => self.call.explain = flag(scan, name)?,
        }
        Ok(())
    }

    /// The call, once every member is read.
    fn whole(self) -> Outcome<FeedCall> {
        let Draft { mut call, seen } = self;
        let given =
            |name: &str| MEMBERS.iter().position(|member| *member == name).is_some_and(|at| seen & (1 << at) != 0);
        if let Some(page) = &mut call.page {
            if let Some(other) = MEMBERS.iter().find(|member| given(member) && !OF_PAGE.contains(member)) {
                let message = "a further page is asked for as the first was; send only page, count and explain";
                return Err(refusal(Code::InvalidValue, other, message));
            }
            page.count = given("count").then_some(call.request.count);
        }
        Ok(call)
    }
}

/// A condition in the language of the spec's filters; what it means the spec says.
fn expression(scan: &mut Scanner<'_>, name: &str) -> Outcome<Option<String>> {
    Ok(text(scan, name, limits::REQUEST_EXPRESSION_BYTES_MAX)?.map(Cow::into_owned))
}

/// `[{"by": 1.5, "when": "item.new"}]`
fn boosts(scan: &mut Scanner<'_>) -> Outcome<Vec<Boost>> {
    if scan.peek() != Some(b'[') {
        return Err(refusal(Code::WrongType, "", "must be a list of {\"by\": 1.5, \"when\": \"item.new\"}"));
    }
    let mut boosts = Vec::new();
    scan.array(|scan| {
        let place = boosts.len().to_string();
        if boosts.len() >= limits::BOOSTS_MAX {
            return Err(refusal(Code::TooMany, &place, format!("more than {} boosts", limits::BOOSTS_MAX)));
        }
        boosts.push(boost(scan).map_err(|inner| within(&place, inner))?);
        Ok(())
    })?;
    Ok(boosts)
}

fn boost(scan: &mut Scanner<'_>) -> Outcome<Boost> {
    if scan.peek() != Some(b'{') {
        return Err(refusal(Code::WrongType, "", "must be an object with by and when"));
    }
    let (mut by, mut when) = (None, None);
    scan.object(|scan, name| match &*name {
        "by" if by.is_none() => {
            by = number(scan, "by")?;
            Ok(())
        }
        "when" if when.is_none() => {
            when = expression(scan, "when")?;
            Ok(())
        }
        "by" | "when" => Err(twice(&name)),
        _ => Err(unknown(&name, &["by", "when"])),
    })?;
    let missing = |field: &str| refusal(Code::MissingField, field, "a boost is {\"by\": 1.5, \"when\": \"item.new\"}");
    let (by, when) = (by.ok_or_else(|| missing("by"))?, when.ok_or_else(|| missing("when"))?);
    if !(0.0..=limits::BOOST_FACTOR_MAX).contains(&by) {
        let message = format!("must be from 0 to {}: above 1 raises, below 1 lowers", limits::BOOST_FACTOR_MAX);
        return Err(refusal(Code::InvalidValue, "by", message));
    }
    Ok(Boost { by, when })
}

fn subject(before: &Subject, name: &str, key: String) -> Outcome<Subject> {
    if *before != Subject::Anonymous {
        return Err(refusal(Code::InvalidValue, name, "send either user or item, not both"));
    }
    Ok(if name == "user" { Subject::User(key) } else { Subject::Item(key) })
}

/// A list of entity keys.
fn keys(scan: &mut Scanner<'_>, name: &str, max: usize) -> Outcome<Vec<String>> {
    if scan.peek() != Some(b'[') {
        return Err(refusal(Code::WrongType, name, "must be a list of item keys"));
    }
    let mut keys = Vec::new();
    let read = scan.array(|scan| {
        if keys.len() >= max {
            return Err(refusal(Code::TooMany, "", format!("more than {max} items in the list")));
        }
        let place = keys.len().to_string();
        match text(scan, &place, limits::KEY_BYTES_MAX)? {
            Some(key) => keys.push(key.into_owned()),
            None => return Err(refusal(Code::WrongType, &place, "must be an item's key")),
        }
        Ok(())
    });
    read.map_err(|inner| within(name, inner))?;
    Ok(keys)
}

fn context(scan: &mut Scanner<'_>) -> Outcome<Vec<(String, Raw<'static>)>> {
    if scan.peek() != Some(b'{') {
        return Err(refusal(Code::WrongType, "", "must be an object of scalars and lists of scalars"));
    }
    let mut list = Vec::new();
    let mut fields = Fields::new(&mut list);
    usual::object(scan, None, &mut fields)?;
    fields.finish();
    Ok(list.into_iter().map(|field| (field.name.into_owned(), field.value.into_owned())).collect())
}

/// A number that must be written as a whole one without a sign.
fn whole_number(scan: &mut Scanner<'_>, name: &str) -> Outcome<u64> {
    let wrong = || refusal(Code::WrongType, name, "must be a whole number of 0 to 18446744073709551615");
    if !matches!(scan.peek(), Some(b'-' | b'0'..=b'9')) {
        return Err(wrong());
    }
    scan.number_text().map_err(|inner| within(name, inner))?.parse().map_err(|_| wrong())
}

fn count(scan: &mut Scanner<'_>) -> Outcome<u16> {
    let count = whole_number(scan, "count")?;
    match u16::try_from(count) {
        Ok(count) if (1..=limits::SLATE_MAX).contains(&usize::from(count)) => Ok(count),
        _ => Err(refusal(Code::InvalidValue, "count", format!("must be 1 to {}", limits::SLATE_MAX))),
    }
}

fn seed(scan: &mut Scanner<'_>) -> Outcome<u64> {
    whole_number(scan, "seed")
}

/// A duration literal (`"20ms"`) or whole milliseconds.
fn deadline(scan: &mut Scanner<'_>) -> Outcome<Span> {
    let name = "deadline";
    let span = match scan.peek() {
        Some(b'"') => Span::parse(&scan.string().map_err(|inner| within(name, inner))?),
        _ => i64::try_from(whole_number(scan, name)?).ok().map(Span),
    };
    match span {
        Some(span) if span > Span(0) && span <= DEADLINE_MAX => Ok(span),
        _ => Err(refusal(
            Code::InvalidValue,
            name,
            format!("must be a duration such as \"20ms\", or milliseconds, above 0 and at most {DEADLINE_MAX}"),
        )),
    }
}
