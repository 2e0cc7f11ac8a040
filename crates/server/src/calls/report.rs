//! What a decision has come to lately.

use super::reported;
use crate::Shared;
use crate::reply::Reply;
use domain::{Refusal, Time};
use engine::{DecisionReport, GuardReport, RuleReport, ShareReport, TierReport, WindowReport};
use wire::{write_array, write_float, write_key, write_text, write_time, write_uint};

/// The report, once all that it counts is durable.
pub(crate) async fn read(shared: &Shared, name: &str, text: bool) -> Result<Reply, Refusal> {
    let report = shared.engine.decision_report(name)?;
    reported(shared, (&report, report.position), text, write_report).await
}

fn write_report(out: &mut Vec<u8>, report: &DecisionReport) {
    out.push(b'{');
    text(out, "decision", &report.decision);
    uint(out, "plan", u64::from(report.plan.0));
    time(out, "since", report.since);
    flag(out, "cut", report.cut);
    time(out, "now", report.now);
    write_key(out, "windows");
    write_array(out, &report.windows, write_window);
    write_key(out, "rules");
    write_array(out, &report.rules, write_rule);
    uint(out, "more_rules", report.more_rules as u64);
    if let Some(tiers) = &report.tiers {
        write_key(out, "tiers");
        write_array(out, tiers, write_tier);
        uint(out, "unjoined", report.unjoined);
    }
    write_key(out, "guards");
    write_array(out, &report.guards, write_guard);
    if let Some((version, at, said)) = &report.last_broken {
        write_key(out, "last_broken");
        out.push(b'{');
        uint(out, "plan", u64::from(version.0));
        time(out, "at", *at);
        text(out, "message", said);
        out.push(b'}');
    }
    uint(out, "fallbacks_given", report.fallbacks);
    uint(out, "reviews_open", report.reviews as u64);
    out.push(b'}');
}

fn text(out: &mut Vec<u8>, name: &str, value: &str) {
    write_key(out, name);
    write_text(out, value);
}

fn uint(out: &mut Vec<u8>, name: &str, value: u64) {
    write_key(out, name);
    write_uint(out, value);
}

fn flag(out: &mut Vec<u8>, name: &str, value: bool) {
    write_key(out, name);
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

fn time(out: &mut Vec<u8>, name: &str, value: Time) {
    write_key(out, name);
    out.push(b'"');
    write_time(out, value);
    out.push(b'"');
}

fn write_counts(out: &mut Vec<u8>, name: &str, counts: &[(String, u64)]) {
    write_key(out, name);
    out.push(b'{');
    counts.iter().for_each(|(name, count)| uint(out, name, *count));
    out.push(b'}');
}

fn write_window(out: &mut Vec<u8>, window: &WindowReport) {
    out.push(b'{');
    text(out, "window", window.window);
    uint(out, "decisions", window.decisions);
    write_counts(out, "outcomes", &window.outcomes);
    write_counts(out, "tiers", &window.tiers);
    out.push(b'}');
}

fn write_rule(out: &mut Vec<u8>, rule: &RuleReport) {
    out.push(b'{');
    text(out, "rule", &rule.rule);
    uint(out, "fired", rule.fired);
    time(out, "since", rule.since);
    if let Some(shadow) = &rule.shadow {
        flag(out, "shadow", true);
        uint(out, "would_differ", shadow.differs);
        write_key(out, "examples");
        write_array(out, &shadow.examples, |out, id| write_text(out, &id.to_string()));
    }
    out.push(b'}');
}

fn write_tier(out: &mut Vec<u8>, tier: &TierReport) {
    out.push(b'{');
    write_key(out, "tier");
    match &tier.tier {
        Some(tier) => write_text(out, tier),
        None => out.extend_from_slice(b"null"),
    }
    for (name, count) in
        [("decided", tier.decided), ("bad", tier.bad), ("good", tier.good), ("unlabelled", tier.unlabelled)]
    {
        uint(out, name, count);
    }
    if let Some(share) = tier.share {
        write_key(out, "bad_share");
        write_float(out, share.value);
        write_key(out, "bad_share_95");
        write_array(out, &[share.low, share.high], |out, end| write_float(out, *end));
    }
    out.push(b'}');
}

fn write_guard(out: &mut Vec<u8>, guard: &GuardReport) {
    out.push(b'{');
    text(out, "outcome", &guard.outcome);
    write_key(out, "share_up");
    write_float(out, guard.share_up);
    uint(out, "over_ms", guard.over.0.max(0) as u64);
    text(out, "against", if guard.rule.is_some() { "rest" } else { "previous_plan" });
    guard.rule.iter().for_each(|rule| text(out, "rule", rule));
    text(out, "then", guard.then);
    text(out, "state", guard.state.as_str());
    for (name, ShareReport { hits, decisions }) in [("before", guard.before), ("now", guard.now)] {
        write_key(out, name);
        out.push(b'{');
        uint(out, "hits", hits);
        uint(out, "decisions", decisions);
        out.push(b'}');
    }
    out.push(b'}');
}
