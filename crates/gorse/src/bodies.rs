//! Bodies as Gorse's clients send them: names in any case, unknown members ignored, `null` the same as absent; lists as an
//! array or as objects one after the other (JSON lines).

use crate::time;
use domain::{Code, Refusal, Time, limits};
use std::borrow::Cow;
use wire::{Outcome, Scanner};

#[cfg(test)]
mod tests;

/// A user as sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct User<'a> {
    /// Its key.
    pub id: Cow<'a, str>,
    /// Any JSON that Gorse takes for labels, as it was written.
    pub labels: Option<&'a str>,
    /// Free text.
    pub comment: Cow<'a, str>,
}

/// An item as sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Item<'a> {
    /// Its key.
    pub id: Cow<'a, str>,
    /// Whether it is kept out of every answer.
    pub hidden: bool,
    /// What it can be filtered by; none is told from an empty list.
    pub categories: Option<Vec<Cow<'a, str>>>,
    /// When it was made.
    pub timestamp: Option<Time>,
    /// Labels, as for a user.
    pub labels: Option<&'a str>,
    /// Free text.
    pub comment: Cow<'a, str>,
}

/// Changes of a user: what is none stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserPatch<'a> {
    /// New labels.
    pub labels: Option<&'a str>,
    /// A new comment.
    pub comment: Option<Cow<'a, str>>,
}

/// Changes of an item: what is none stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ItemPatch<'a> {
    /// Hide or show it.
    pub hidden: Option<bool>,
    /// New categories.
    pub categories: Option<Vec<Cow<'a, str>>>,
    /// A new time.
    pub timestamp: Option<Time>,
    /// New labels.
    pub labels: Option<&'a str>,
    /// A new comment.
    pub comment: Option<Cow<'a, str>>,
}

/// Feedback as sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Feedback<'a> {
    /// The feedback type.
    pub kind: Cow<'a, str>,
    /// The user's key.
    pub user: Cow<'a, str>,
    /// The item's key.
    pub item: Cow<'a, str>,
    /// How much.
    pub value: f64,
    /// When; none is now.
    pub timestamp: Option<Time>,
    /// Labels, as for a user.
    pub labels: Option<&'a str>,
    /// Free text.
    pub comment: Cow<'a, str>,
}

/// Reads one user.
///
/// # Errors
/// `invalid_json`, `wrong_type`, `invalid_value`, `missing_field`, by member.
pub fn read_user(body: &[u8]) -> Result<User<'_>, Refusal> {
    wire::whole(body, user)
}

/// Reads users.
///
/// # Errors
/// As [`read_user`], and `too_many`.
pub fn read_users(body: &[u8]) -> Result<Vec<User<'_>>, Refusal> {
    list(body, user)
}

/// Reads one item.
///
/// # Errors
/// As [`read_user`].
pub fn read_item(body: &[u8]) -> Result<Item<'_>, Refusal> {
    wire::whole(body, item)
}

/// Reads items.
///
/// # Errors
/// As [`read_users`].
pub fn read_items(body: &[u8]) -> Result<Vec<Item<'_>>, Refusal> {
    list(body, item)
}

/// Reads feedback.
///
/// # Errors
/// As [`read_users`].
pub fn read_feedback(body: &[u8]) -> Result<Vec<Feedback<'_>>, Refusal> {
    list(body, feedback)
}

/// Reads changes of a user.
///
/// # Errors
/// As [`read_user`].
pub fn read_user_patch(body: &[u8]) -> Result<UserPatch<'_>, Refusal> {
    let mut patch = UserPatch::default();
    wire::whole(body, |scan| {
        members(scan, |scan, name| {
            match name {
                "labels" => patch.labels = labels(scan)?,
                "comment" => patch.comment = optional(scan, name, text_member)?,
                _ => return Ok(false),
            }
            Ok(true)
        })
    })?;
    Ok(patch)
}

/// Reads changes of an item.
///
/// # Errors
/// As [`read_user`].
pub fn read_item_patch(body: &[u8]) -> Result<ItemPatch<'_>, Refusal> {
    let mut patch = ItemPatch::default();
    wire::whole(body, |scan| {
        members(scan, |scan, name| {
            match name {
                "ishidden" => patch.hidden = optional(scan, name, flag)?,
                "categories" => patch.categories = categories(scan)?,
                "timestamp" => patch.timestamp = time_member(scan, name)?,
                "labels" => patch.labels = labels(scan)?,
                "comment" => patch.comment = optional(scan, name, text_member)?,
                _ => return Ok(false),
            }
            Ok(true)
        })
    })?;
    Ok(patch)
}

fn user<'a>(scan: &mut Scanner<'a>) -> Outcome<User<'a>> {
    let mut user = User::default();
    members(scan, |scan, name| {
        match name {
            "userid" => user.id = text_member(scan, name)?,
            "labels" => user.labels = labels(scan)?,
            "comment" => user.comment = text_member(scan, name)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    key(&user.id, "UserId")?;
    Ok(user)
}

fn item<'a>(scan: &mut Scanner<'a>) -> Outcome<Item<'a>> {
    let mut item = Item::default();
    members(scan, |scan, name| {
        match name {
            "itemid" => item.id = text_member(scan, name)?,
            "ishidden" => item.hidden = optional(scan, name, flag)?.unwrap_or(false),
            "categories" => item.categories = categories(scan)?,
            "timestamp" => item.timestamp = time_member(scan, name)?,
            "labels" => item.labels = labels(scan)?,
            "comment" => item.comment = text_member(scan, name)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    key(&item.id, "ItemId")?;
    Ok(item)
}

fn feedback<'a>(scan: &mut Scanner<'a>) -> Outcome<Feedback<'a>> {
    let mut feedback = Feedback::default();
    members(scan, |scan, name| {
        match name {
            "feedbacktype" => feedback.kind = text_member(scan, name)?,
            "userid" => feedback.user = text_member(scan, name)?,
            "itemid" => feedback.item = text_member(scan, name)?,
            "value" => feedback.value = optional(scan, name, number)?.unwrap_or(0.0),
            "timestamp" => feedback.timestamp = time_member(scan, name)?,
            "labels" => feedback.labels = labels(scan)?,
            "comment" => feedback.comment = text_member(scan, name)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    key(&feedback.kind, "FeedbackType")?;
    key(&feedback.user, "UserId")?;
    key(&feedback.item, "ItemId")?;
    Ok(feedback)
}

fn list<'a, T>(body: &'a [u8], element: fn(&mut Scanner<'a>) -> Outcome<T>) -> Result<Vec<T>, Refusal> {
    let mut list = Vec::new();
    let mut take = |scan: &mut Scanner<'a>| {
        if list.len() >= limits::EVENTS_PER_CALL_MAX {
            let message = format!("more than {} elements in one call: send several calls", limits::EVENTS_PER_CALL_MAX);
            return Err(Box::new(Refusal::new(Code::TooMany, "", message)));
        }
        list.push(element(scan)?);
        Ok(())
    };
    wire::whole(body, |scan| match scan.peek() {
        Some(b'[') => scan.array(take),
        Some(b'n') => scan.literal().map(drop),
        _ => {
            while scan.peek().is_some() {
                take(scan)?;
                scan.space();
            }
            Ok(())
        }
    })?;
    Ok(list)
}

/// Reads an object; `member` says whether it took the value of the name, which it gets in lower case.
fn members<'a>(scan: &mut Scanner<'a>, mut member: impl FnMut(&mut Scanner<'a>, &str) -> Outcome<bool>) -> Outcome<()> {
    scan.object(|scan, name| match member(scan, &name.to_ascii_lowercase())? {
        true => Ok(()),
        false => scan.skip(2),
    })
}

fn optional<'a, T>(
    scan: &mut Scanner<'a>,
    name: &str,
    value: impl Fn(&mut Scanner<'a>, &str) -> Outcome<T>,
) -> Outcome<Option<T>> {
    match scan.peek() {
        Some(b'n') => scan.literal().map(|_| None),
        _ => value(scan, name).map(Some),
    }
}

/// Reads a string; `null` is the empty one.
pub(crate) fn text_member<'a>(scan: &mut Scanner<'a>, name: &str) -> Outcome<Cow<'a, str>> {
    match scan.peek() {
        Some(b'"') => scan.string(),
        Some(b'n') => scan.literal().map(|_| Cow::Borrowed("")),
        _ => Err(wrong(name, "must be a string")),
    }
}

fn flag(scan: &mut Scanner<'_>, name: &str) -> Outcome<bool> {
    match scan.literal() {
        Ok(domain::Raw::Bool(flag)) => Ok(flag),
        _ => Err(wrong(name, "must be true or false")),
    }
}

fn number(scan: &mut Scanner<'_>, name: &str) -> Outcome<f64> {
    match scan.peek() {
        Some(b'-' | b'0'..=b'9') => match scan.number()? {
            domain::Raw::Int(int) => Ok(int as f64),
            domain::Raw::Float(float) => Ok(float),
            _ => Err(wrong(name, "must be a number")),
        },
        _ => Err(wrong(name, "must be a number")),
    }
}

fn categories<'a>(scan: &mut Scanner<'a>) -> Outcome<Option<Vec<Cow<'a, str>>>> {
    let name = "Categories";
    match scan.peek() {
        Some(b'n') => scan.literal().map(|_| None),
        Some(b'[') => {
            let mut list = Vec::new();
            scan.array(|scan| {
                list.push(text_member(scan, name)?);
                Ok(())
            })?;
            if list.len() > limits::LIST_MAX {
                let message = format!("at most {} categories are kept", limits::LIST_MAX);
                return Err(Box::new(Refusal::new(Code::TooMany, name, message)));
            }
            Ok(Some(list))
        }
        _ => Err(wrong(name, "must be a list of strings")),
    }
}

fn time_member(scan: &mut Scanner<'_>, name: &str) -> Outcome<Option<Time>> {
    let text = text_member(scan, name)?;
    if text.is_empty() {
        return Ok(None);
    }
    time::parse_time(&text).ok_or_else(|| {
        let message = format!("'{}' is no time that is read here; send RFC 3339", clip(&text));
        Box::new(Refusal::new(Code::InvalidValue, name, message))
    })
}

/// Reads labels: text, numbers, lists of all texts or all numbers, and objects of these; the text as it was sent.
fn labels<'a>(scan: &mut Scanner<'a>) -> Outcome<Option<&'a str>> {
    let text = scan.text_of(2)?;
    if text == "null" {
        return Ok(None);
    }
    wire::whole(text.as_bytes(), check_labels).map_err(Box::new)?;
    Ok(Some(text))
}

fn check_labels(scan: &mut Scanner<'_>) -> Outcome<()> {
    match scan.peek() {
        Some(b'"') => scan.string().map(drop),
        Some(b'-' | b'0'..=b'9') => scan.number().map(drop),
        Some(b'n') => scan.literal().map(drop),
        Some(b'{') => scan.object(|scan, _| check_labels(scan)),
        Some(b'[') => {
            let mut first = None;
            scan.array(|scan| {
                let text = match scan.peek() {
                    Some(b'"') => scan.string().map(|_| true)?,
                    Some(b'-' | b'0'..=b'9') => scan.number().map(|_| false)?,
                    _ => return Err(unsupported()),
                };
                if *first.get_or_insert(text) == text { Ok(()) } else { Err(unsupported()) }
            })
        }
        _ => Err(unsupported()),
    }
}

fn unsupported() -> Box<Refusal> {
    wrong("Labels", "unsupported labels: send text, numbers, a list of all texts or all numbers, or an object of these")
}

fn key(key: &str, name: &str) -> Outcome<()> {
    if key.is_empty() {
        return Err(Box::new(Refusal::new(Code::MissingField, name, "must be given")));
    }
    if key.len() > limits::KEY_BYTES_MAX {
        let message = format!("must have at most {} bytes", limits::KEY_BYTES_MAX);
        return Err(Box::new(Refusal::new(Code::TooLarge, name, message)));
    }
    Ok(())
}

fn wrong(name: &str, message: &str) -> Box<Refusal> {
    Box::new(Refusal::new(Code::WrongType, name, message))
}

/// A text as it is repeated in a message.
fn clip(text: &str) -> String {
    text.chars().take(64).collect()
}
