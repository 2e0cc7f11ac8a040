//! Shares that a broken guard holds back. The spec's text says so in a comment of its own, so that the log alone says what the plan is,
//! and the operator sees it; a spec sent without that line is free again.

use crate::bundle;
use crate::plan::{Decision, DecisionRule, FactSource, Plan, Share};
use crate::source::{ShareSource, Source};
use crate::yaml::Text;
use std::collections::BTreeMap;

/// How the line begins.
const OPENING: &str = "# frozen shares:";

/// What a share is held at.
#[derive(Clone, Debug, PartialEq)]
struct Held {
    of: f64,
    by: String,
    salt: String,
}

/// Held shares by decision and rule.
type AllHeld = BTreeMap<(String, String), Held>;

/// The text before the line's place, and from there on: the first line, of a bundle the first in its first file.
fn split(text: &str) -> (&str, &str) {
    if !bundle::begins_at(text, 0) {
        return ("", text);
    }
    let lines = text.match_indices('\n').nth(1).map_or(text.len(), |(at, _)| at + 1);
    text.split_at(lines)
}

/// What a text holds; a line that is not of the form is a comment like any.
fn held(text: &str) -> AllHeld {
    let (_, rest) = split(text);
    let line = rest.strip_prefix(OPENING).and_then(|rest| rest.lines().next());
    let entries = line.into_iter().flat_map(|line| line.split(',')).map(|entry| entry.trim());
    entries.map(entry).collect::<Option<_>>().unwrap_or_default()
}

/// `risk/burst 0.1 device 6275727374`: decision and rule, share, role, salt in hexadecimal.
fn entry(text: &str) -> Option<((String, String), Held)> {
    let mut parts = text.split(' ');
    let (decision, rule) = parts.next()?.split_once('/')?;
    let of: f64 = parts.next()?.parse().ok().filter(|of| (0.0..=1.0).contains(of))?;
    let (by, salt) = (parts.next()?.to_owned(), unhexed(parts.next()?)?);
    parts.next().is_none().then(|| ((decision.to_owned(), rule.to_owned()), Held { of, by, salt }))
}

fn unhexed(text: &str) -> Option<String> {
    let digits = text.strip_prefix('x')?;
    let bytes = (0..digits.len() / 2).map(|at| u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok());
    String::from_utf8(bytes.collect::<Option<_>>()?).ok().filter(|_| digits.len().is_multiple_of(2))
}

/// Holds the shares of a source as its text says.
pub(crate) fn hold(text: &str, source: &mut Source) {
    let held = held(text);
    if held.is_empty() {
        return;
    }
    for decision in &mut source.decisions {
        for rule in &mut decision.rules {
            if let Some(Held { of, by, salt }) = held.get(&(decision.name.text.clone(), rule.id.text.clone())) {
                let by = Some(Text { text: by.clone(), ..rule.id.clone() });
                rule.share = Some(ShareSource { of: *of, by, salt: Some(salt.clone()) });
            }
        }
    }
}

/// The text of `now` with every share of one of its decisions held at what it was in `before`: a rule that had none held for all
/// entities, one that was not there for none. `None` if no share differs.
pub fn frozen(before: &Plan, now: &Plan, decision: &str) -> Option<String> {
    let of = |plan: &'_ Plan| plan.decision(decision).map(usize::from);
    let (old, new) = (of(before).map(|at| &before.decisions[at]), &now.decisions[of(now)?]);
    let mut held = held(now.written());
    let mut differs = false;
    for rule in &new.rules {
        let share = share_of(new, rule);
        let known = old.and_then(|old| Some((old, old.rules.iter().find(|known| known.id == rule.id)?)));
        let was = known.and_then(|(old, known)| Some((before, old, share_of(old, known)?)));
        let part = match (was, share, known) {
            (Some((plan, old, was)), _, _) => Some((plan, old, was.clone())),
            (None, Some(share), Some(_)) => Some((now, new, Share { share: 1.0, ..share.clone() })),
            (None, Some(share), None) => Some((now, new, Share { share: 0.0, ..share.clone() })),
            (None, None, _) => None,
        };
        let Some((plan, of, part)) = part else { continue };
        let by = plan.events[usize::from(of.event)].roles[usize::from(part.role)].name.clone();
        let same = share.is_some_and(|share| {
            let role = &now.events[usize::from(new.event)].roles[usize::from(share.role)].name;
            (share.share, role, &share.salt) == (part.share, &by, &part.salt)
        });
        if !same {
            differs = true;
            held.insert((decision.to_owned(), rule.id.clone()), Held { of: part.share, by, salt: part.salt });
        }
    }
    differs.then(|| with(now.written(), &held))
}

fn share_of<'d>(decision: &'d Decision, rule: &DecisionRule) -> Option<&'d Share> {
    match &decision.facts[usize::from(rule.share?)].source {
        FactSource::Share(share) => Some(share),
        _ => None,
    }
}

/// The text with this line in the place of the one it has.
fn with(text: &str, held: &AllHeld) -> String {
    let (head, rest) = split(text);
    let rest = match rest.strip_prefix(OPENING) {
        Some(line) => line.split_once('\n').map_or("", |(_, rest)| rest),
        None => rest,
    };
    let entry = |((decision, rule), Held { of, by, salt }): (&(String, String), &Held)| {
        let salt: String = salt.bytes().map(|byte| format!("{byte:02x}")).collect();
        format!(" {decision}/{rule} {of} {by} x{salt}")
    };
    let line = held.iter().map(entry).collect::<Vec<_>>().join(",");
    format!("{head}{OPENING}{line}\n{rest}")
}
