//! An expression that is tried once against the plan in force. It reads what a request's filter reads, and what the plan counts already
//! may be written out: `count(view, 7d)` where a feature has it.

use super::{Found, RequestScope, cost, refusal};
use crate::Plan;
use crate::build::canonical;
use crate::plan::{Slot, SlotIndex};
use domain::{Code, Refusal, limits};
use expr::{Checked, Diagnostic};
use std::ops::Range;

/// A checked expression of any type.
#[derive(Clone, Debug)]
pub struct Tried {
    /// Slots that it reads beside the plan's: slot `plan.slots.len() + i` is the `i`th of these.
    pub slots: Vec<Slot>,
    /// Its tree and type.
    pub checked: Checked,
}

/// Checks an expression in the place of a filter of a feed.
///
/// # Errors
/// `invalid_expression` with the place, `too_large`.
pub fn trial(plan: &Plan, feed: u16, text: &str) -> Result<Tried, Refusal> {
    let field = "expression";
    let ast = expr::parse(text).map_err(|wrong| refusal(field, text, wrong))?;
    let (nodes, depth) = cost(ast.root());
    if depth > limits::REQUEST_EXPRESSION_DEPTH_MAX || nodes > limits::REQUEST_EXPRESSION_NODES_MAX {
        let message = format!(
            "the expression costs too much: at most {} names, values and operators, nested at most {} deep; try its parts",
            limits::REQUEST_EXPRESSION_NODES_MAX,
            limits::REQUEST_EXPRESSION_DEPTH_MAX
        );
        return Err(Refusal::new(Code::TooLarge, field, message));
    }
    let feed = &plan.feeds[usize::from(feed)];
    let mut scope =
        RequestScope { plan, feed, slots: Vec::new(), unknown: Vec::new(), symbols: &|_| None, tried: Some(text) };
    let checked = expr::check_slots(ast.root(), &mut scope).map_err(|wrong| refusal(field, text, wrong))?;
    Ok(Tried { slots: scope.slots, checked })
}

impl RequestScope<'_> {
    /// An aggregate as the plan counts it already, if this one is tried and there is one: of the subject first, then of items, then
    /// of both.
    pub(super) fn kept(&self, span: &Range<usize>) -> Option<Found> {
        let wanted = canonical(self.tried?.get(span.clone())?);
        let readable = self.readable();
        let table = |slot: &SlotIndex| {
            let aggregate = self.plan.aggregates.iter().find(|aggregate| aggregate.slot == *slot)?;
            let table = self.plan.streams[usize::from(aggregate.stream)].table;
            let of = &self.plan.tables[usize::from(table)];
            let owner = readable.iter().position(|entity| *entity == of.entity)?;
            Some((of.cross.is_some(), owner))
        };
        let slots = self.plan.aggregates.iter().map(|aggregate| aggregate.slot);
        let same = slots.filter(|slot| canonical(&self.plan.slots[usize::from(*slot)].name) == wanted);
        let (_, slot) = same.filter_map(|slot| Some((table(&slot)?, slot))).min()?;
        Some(Ok((slot, self.plan.slots[usize::from(slot)].ty.clone())))
    }

    /// Says what of this function the plan does count.
    pub(super) fn not_kept(&self, name: &str, span: Range<usize>) -> Diagnostic {
        let begins = |slot: &&str| slot.split('(').next() == Some(name);
        let slots = self.plan.aggregates.iter().map(|of| self.plan.slots[usize::from(of.slot)].name.as_str());
        let known: Vec<&str> = slots.filter(begins).take(5).collect();
        let message = format!("the plan does not keep this `{name}`; an expression is tried on what it keeps already");
        let help = match known.is_empty() {
            true => "declare a feature for it in the spec; `millrace spec plan` says what that costs".to_owned(),
            false => format!("kept are: {}; declare a feature for another one", known.join(", ")),
        };
        Diagnostic::new("not_here", span, message).with_help(help)
    }

    /// Scores of routes are an answer's own.
    pub(super) fn no_scores(&self, args: &[&str], span: Range<usize>) -> Diagnostic {
        let message = format!("`{}` is made while a feed is answered; here is no answer", args.join("."));
        let help = "`millrace explain` says what it was in a decision";
        Diagnostic::new("not_here", span, message).with_help(help)
    }
}
