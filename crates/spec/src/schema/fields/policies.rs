//! The fields of policies: of one kind each, and of all.

use super::Holds;
use domain::limits;

pub(super) fn field(kind: &str, name: &str) -> Option<(Holds, &'static str)> {
    Some(match (name, kind) {
        ("name", _) => (Holds::Word, "What answers call it."),
        ("when", _) => (Holds::Expression, "For which items, users and requests it holds; without it for all."),
        ("from", _) => (Holds::Word, "From this day or instant on: `2026-12-24` or `2026-12-24T18:00:00+01:00`."),
        ("until", _) => (Holds::Word, "The first day or instant at which it holds no more."),
        ("by", "boost") => (Holds::Number(1.0, 1e6), "The factor that raises the score."),
        ("by", _) => (Holds::Number(0.0, 1.0), "The factor that lowers the score."),
        ("per", _) => (Holds::OneOf(&["user"]), "Counted for each user."),
        ("impressions", "cap") => (Holds::Int(1, limits::RECENTS_MAX as i64), "Most impressions for one user."),
        ("impressions", _) => (Holds::Int(1, limits::QUOTA_MAX as i64), "Most impressions over all users."),
        ("in", _) => (Holds::Span, "In which time."),
        ("of", _) => (Holds::Name, "Of each `item`, or of all items with one value of an attribute: `item.campaign`."),
        ("event", _) => (Holds::Name, "The event that counts (`impression`)."),
        ("pace", _) => {
            (Holds::OneOf(&["asap", "even"]), "`even`: no more than the elapsed share of the time (`asap`).")
        }
        ("item", "pin") => (Holds::Word, "The item's key."),
        ("at", _) => (Holds::Int(1, limits::SLATE_MAX as i64), "The place, from 1."),
        ("item", _) => (Holds::Expression, "The items that do not follow."),
        ("after", _) => (Holds::Expression, "The items that these do not follow."),
        _ => return None,
    })
}

pub(super) fn required(kind: &str) -> Vec<&'static str> {
    match kind {
        "boost" | "bury" => vec!["by", "when"],
        "block" | "allow" => vec!["when"],
        "cap" => vec!["per", "impressions", "in"],
        "quota" => vec!["of", "impressions", "in"],
        "pin" => vec!["item", "at"],
        _ => vec!["item", "after"],
    }
}
