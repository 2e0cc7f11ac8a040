//! The spec between two: what it says is the new one's, what is kept is the old one's. It needs no state that is not there; whatever
//! of the new spec does need some reads as missing until that is filled. Its text holds both texts, so that the log alone says what
//! it means, and its state is to the bit that of the old spec.

use crate::build;
use crate::decode;
use crate::diagnostic::{Diagnostics, Issue, Issues};
use crate::diff::state_digest;
use crate::plan::Plan;
use crate::{carried, compile, frozen, yaml};
use domain::Symbol;
use std::collections::BTreeMap;

/// How such a text begins; the length of the kept spec in bytes and a line's end follow.
const OPENING: &str = "# interim spec, kept bytes: ";

/// The text of the interim spec between a plan and a new spec.
fn text_between(kept: &Plan, new: &str) -> String {
    let kept = kept.text_of_state();
    format!("{OPENING}{}\n{kept}{}", kept.len(), written(new))
}

/// The two specs of an interim text: the kept and the new one.
pub(crate) fn parts(text: &str) -> Option<(&str, &str)> {
    let (length, rest) = text.strip_prefix(OPENING)?.split_once('\n')?;
    rest.split_at_checked(length.parse().ok()?)
}

/// The spec as the operator wrote it: of an interim text the new one's, without a line that says where state begins.
pub fn written(text: &str) -> &str {
    parts(text).map_or_else(|| carried::without(text), |(_, new)| new)
}

/// Whether a text is an interim one.
pub fn is_interim(text: &str) -> bool {
    parts(text).is_some()
}

/// The plan that serves at once in the place of `old` until the state of the new spec is filled: it has the state of `old`, and what
/// `old` does not count, keep or index reads as missing. Routes over indexes that are not there find nothing; caps, quotas, `fair`
/// and likeness that would have to be counted are left out.
///
/// # Errors
/// Everything that is wrong with the new spec; `needs_filling` if it declares other entities, events or lists than `old`, or its
/// decisions are attributed otherwise: these are one with the state.
pub fn interim(old: &Plan, file_name: &str, new: &str) -> Result<Plan, Diagnostics> {
    // Mistakes are those of the new spec alone.
    compile(file_name, written(new))?;
    compile(file_name, &text_between(old, new))
}

/// Compiles an interim text.
pub(crate) fn compile_interim(
    file_name: &str,
    text: &str,
    (kept, new): (&str, &str),
    numbers: &BTreeMap<String, Symbol>,
) -> Result<Plan, Diagnostics> {
    let of_state = crate::compile_with(file_name, kept, numbers)?;
    let kept = carried::without(kept);
    let mut issues = Issues::default();
    let mut source = |text: &str| {
        yaml::read(text, &mut issues).map(|root| {
            let mut source = decode::decode(&root, &mut issues);
            frozen::hold(text, &mut source);
            source
        })
    };
    let (kept_source, new_source) = (source(kept), source(new));
    let sources = kept_source.as_ref().zip(new_source.as_ref());
    let plan =
        sources.map(|(first, second)| build::build_interim((text, kept, new), first, second, numbers, &mut issues));
    let Some(plan) = plan.filter(|_| issues.is_empty()) else { return Err(issues.finish(file_name, new)) };
    let plan = Plan { carried: of_state.carried, ..plan };
    if state_digest(&plan) != state_digest(&of_state) {
        let message =
            "what is kept cannot go on under this spec before it is filled: it attributes decisions otherwise";
        issues.push(Issue::new(NEEDS_FILLING, &(0..0), message).help(HELP));
        return Err(issues.finish(file_name, new));
    }
    Ok(plan)
}

/// Code of what cannot be switched to at once.
pub(crate) const NEEDS_FILLING: &str = "needs_filling";
/// What to do about it.
pub(crate) const HELP: &str = "let the old version serve until the new one is filled (`--fill wait`)";

impl Plan {
    /// The spec as the operator wrote it.
    pub fn written(&self) -> &str {
        written(&self.text)
    }

    /// The spec whose state this plan has: that of an interim plan is the one it follows.
    pub fn text_of_state(&self) -> &str {
        parts(&self.text).map_or(&self.text, |(kept, _)| kept)
    }

    /// Whether it serves only until its own state is filled.
    pub fn is_interim(&self) -> bool {
        self.interim.is_some()
    }
}
