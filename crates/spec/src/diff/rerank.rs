//! The meaning of a reranker as text, in which no index of the plan occurs.

use super::{index_definition, program};
use crate::plan::{Fair, Feed, Likeness, Of, PlaceSource, Plan, Rerank, Rule, Target};
use domain::Symbol;

/// One line for each rule.
pub(super) fn definition(plan: &Plan, feed: &Feed, rerank: &Rerank, features: &[String]) -> String {
    match rerank {
        Rerank::Spread(rules) => rules.iter().map(|of| format!("spread {}", rule(plan, of, features))).collect(),
        Rerank::Fresh(of) => format!("fresh {}", rule(plan, of, features)),
        Rerank::Mmr(mmr) => {
            format!("mmr {} {:?} {}\n", likeness(plan, mmr.by, features), mmr.lambda, mmr.depth)
        }
        Rerank::Dpp(dpp) => format!("dpp {} {:?} {}\n", likeness(plan, dpp.by, features), dpp.theta, dpp.depth),
        Rerank::Slots(places) => {
            let place = |of: &crate::plan::PlaceRule| {
                let source = match &of.source {
                    PlaceSource::Route(route) => {
                        format!("route {}\n", feed.routes[usize::from(*route)].name)
                    }
                    PlaceSource::Condition(condition) => program(plan, condition, features),
                };
                format!("slot {} {:?} {source}", of.at, of.every)
            };
            places.iter().map(place).collect()
        }
        Rerank::Mix(mix) => {
            let other = &plan.feeds[usize::from(mix.feed)];
            format!("mix {} {} {} {:?}\n", other.name, mix.at, mix.every, mix.context)
        }
        Rerank::Fair(of) => fair(plan, of),
    }
}

fn field(plan: &Plan, field: u16) -> &str {
    &plan.entities[1].fields[usize::from(field)].name
}

fn rule(plan: &Plan, rule: &Rule, features: &[String]) -> String {
    let of = match &rule.of {
        Of::Attribute(of) => field(plan, *of).to_owned(),
        Of::Condition(condition) => program(plan, condition, features),
        Of::Age { field: of, within } => format!("{} within {within}", field(plan, *of)),
    };
    format!("{of} {} {:?} {}\n", rule.window, rule.most, rule.least)
}

fn likeness(plan: &Plan, likeness: Likeness, features: &[String]) -> String {
    match likeness {
        Likeness::Equal(of) | Likeness::Shared(of) | Likeness::Cosine(of) => field(plan, of).to_owned(),
        Likeness::CoVisited(index) => index_definition(plan, index, features),
    }
}

fn fair(plan: &Plan, fair: &Fair) -> String {
    let exposure = &plan.exposures[usize::from(fair.exposure)];
    let target = match &fair.target {
        Target::Shares(shares) => {
            let share = |(value, share): &(u32, f64)| format!("{} {share:?} ", plan.constant(Symbol(*value)));
            shares.iter().map(share).collect()
        }
        other => format!("{other:?}"),
    };
    let Fair { strength, depth, .. } = fair;
    format!("fair {} {} {target} {strength:?} {depth}\n", field(plan, exposure.field), exposure.window)
}
