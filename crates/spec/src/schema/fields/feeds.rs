//! The fields of a feed, of `rank` and of `holdout`.

use super::Holds;
use domain::limits;

pub(super) fn field(table: &str, name: &str) -> Option<(Holds, &'static str)> {
    Some(match (table, name) {
        ("rank", "score") => {
            (Holds::Expression, "The score: a formula over `recall.score`, features, attributes and `request`.")
        }
        ("holdout", "share") => {
            (Holds::Part("share"), "How many of the users see the feed without its policies: `5%` or `0.05`.")
        }
        ("holdout", "salt") => (Holds::Word, "Another salt holds out other users."),
        ("feed", "for") => (Holds::OneOf(&["user", "item"]), "Whom or what it is asked for."),
        ("feed", "context") => {
            (Holds::Part("fields"), "What a request may bring along: names and types, read as `request.<name>`.")
        }
        ("feed", "recall") => (Holds::Names("route"), "Routes: where candidates come from, by names of your choice."),
        ("feed", "fuse") => (
            Holds::OneOf(&["rrf", "quota", "interleave", "score"]),
            "How the routes' candidates become one list (`rrf`).",
        ),
        ("feed", "candidates") => {
            (Holds::Int(1, limits::CANDIDATES_MAX as i64), "How many candidates are left after fusion; without it all.")
        }
        ("feed", "filter") => {
            (Holds::List("expression", limits::FILTERS_MAX), "Conditions that every candidate must meet.")
        }
        ("feed", "rank") => (Holds::Part("rank"), "How candidates are scored; without it by `recall.score`."),
        ("feed", "rerank") => {
            (Holds::OneOrMore("step", limits::RERANKS_MAX), "What is done to the order of scores, step by step.")
        }
        ("feed", "durable") => (Holds::Bool, "Whether an answer waits until its own record is durable (false)."),
        ("feed", "policy") => {
            (Holds::List("policy", limits::POLICIES_MAX), "What the business asks for beside the score.")
        }
        ("feed", "holdout") => (Holds::Part("holdout"), "Users that see the feed without its policies."),
        ("feed", "impressions") => (
            Holds::OneOf(&["reported", "none"]),
            "`none`: nobody sends the impressions of what this feed shows (`reported`).",
        ),
        _ => return None,
    })
}
