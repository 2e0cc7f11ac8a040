//! Which fields each part of a spec has, as the decoder knows them: what the schema for editors is made of.

use super::{ENTITY, SECTIONS, attribution, budget, decision, feed, list, policy, rerank, sink};

/// The fields of one part of a spec.
pub(crate) struct Table {
    /// What it is called in the schema: `feed`, `route_top`, `policy_cap`.
    pub(crate) name: String,
    pub(crate) fields: Vec<&'static str>,
}

/// The fields of a row of a decision table that are not its inputs.
pub(crate) fn row_fields() -> &'static [&'static str] {
    &decision::ROW
}

/// Every part of a spec whose fields have fixed names.
pub(crate) fn tables() -> Vec<Table> {
    let table = |name: &str, fields: &[&'static str]| Table { name: name.to_owned(), fields: fields.to_vec() };
    let mut tables = vec![
        table("spec", &SECTIONS),
        table("entity", &ENTITY),
        table("list", &list::LIST),
        table("feed", &feed::FEED),
        table("rank", &feed::RANK),
        table("holdout", &policy::HOLDOUT),
        table("decision", &decision::DECISION),
        table("rule", &decision::RULE),
        table("rule_share", &decision::SHARE),
        table("rule_table", &decision::TABLE),
        table("scorecard", &decision::SCORECARD),
        table("scorecard_part", &decision::PART),
        table("bin", &decision::BIN),
        table("labels", &decision::LABELS),
        table("alarm", &decision::ALARM),
        table("sink", &sink::SINK),
        table("retry", &sink::RETRY),
        table("review", &decision::REVIEW),
        table("guard", &decision::GUARD),
        table("attribution", &attribution::ATTRIBUTION),
        table("budget", &budget::BUDGET),
        table("spread", &rerank::RULE),
        table("mmr", &rerank::MMR),
        table("dpp", &rerank::DPP),
        table("slots", &rerank::SLOT),
        table("mix", &rerank::MIX),
        table("fresh", &rerank::FRESH),
        table("fair", &rerank::FAIR),
    ];
    for kind in feed::KINDS {
        let fields: Vec<&str> = feed::own_fields(kind).into_iter().chain(feed::OPTIONS).collect();
        tables.push(table(&format!("route_{kind}"), &fields));
    }
    for kind in policy::KINDS {
        let fields: Vec<&str> = policy::own_fields(kind).iter().chain(&policy::EVERY).copied().collect();
        tables.push(table(&format!("policy_{kind}"), &fields));
    }
    for kind in rerank::KINDS {
        let beside: &[&str] = if kind == "spread" { &rerank::SPREAD } else { &[] };
        tables.push(table(&format!("step_{kind}"), &[&[kind], beside].concat()));
    }
    tables
}
