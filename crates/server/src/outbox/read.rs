//! What a sink reads of the log: the outcomes that the version of the spec at their position sends there, as bodies.

use super::Node;
use domain::{OutcomeId, Position, Refusal};
use engine::{Engine, Kinds, Outcome, OutcomeReader, OutcomesAsked, Plan, Sink, What, Which};
use hyper::body::Bytes;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

/// Outcomes read at once.
const READ_AT_ONCE: usize = 64;
/// Outcomes that were given up and are looked for at once.
pub(super) const FETCHED_AT_ONCE: usize = 256;

/// What one call has read.
pub(super) struct Read {
    pub(super) outcomes: Vec<(OutcomeId, Bytes)>,
    /// Whether there may be more already, or why not.
    pub(super) more: Result<bool, Refusal>,
}

/// What was found of outcomes that were given up.
#[derive(Default)]
pub(super) struct Fetched {
    pub(super) outcomes: Vec<(OutcomeId, Bytes)>,
    /// Those that are not there, and why.
    pub(super) missing: Vec<(OutcomeId, String)>,
}

/// The sink of this name in the plan that an outcome is of: a version decides for its own part of the log, so that the same outcome
/// always has the same body.
fn sink_of<'o>(plan: &'o Plan, name: &str) -> Option<&'o Sink> {
    plan.sinks.iter().find(|sink| sink.name == name)
}

fn takes(which: &Which<'_>, name: &str) -> bool {
    let takes = |sink: &Sink| match which.what {
        What::Verdict { decision, outcome } => sink.takes(decision, outcome),
        What::Alarm(alarm) => sink.takes_alarm(alarm),
    };
    sink_of(which.plan, name).is_some_and(takes)
}

fn body(outcome: &Outcome<'_>, name: &str) -> Bytes {
    let facts = sink_of(outcome.plan, name).is_some_and(|sink| sink.facts);
    let mut body = Vec::new();
    wire::write_outcome(&mut body, &crate::calls::outcomes::seen(outcome, facts));
    Bytes::from(body)
}

/// Reads on.
pub(super) fn read(mut reader: OutcomeReader, name: &str) -> (OutcomeReader, Read) {
    let mut outcomes = Vec::new();
    let wanted = |which: &Which<'_>| takes(which, name);
    let mut tell = |outcome: &Outcome<'_>| outcomes.push((outcome.id, body(outcome, name)));
    let more = reader.read(&mut OutcomesAsked { most: READ_AT_ONCE, wanted: &wanted, tell: &mut tell });
    (reader, Read { outcomes, more })
}

/// What a sink reads: which of it goes there is said by each version of the spec.
pub(super) fn reader(engine: &Engine, after: Position) -> OutcomeReader {
    engine.core().outcomes(after, Kinds::ALL)
}

/// Derives outcomes by their ids, which ascend. What a stop leaves unread is neither found nor missing.
pub(super) fn fetch(node: &Node, name: &str, ids: &[OutcomeId]) -> Fetched {
    let (mut fetched, asked) = (Fetched::default(), ids.iter().copied().collect::<BTreeSet<OutcomeId>>());
    let positions: BTreeSet<Position> = ids.iter().map(|id| id.decision.position).collect();
    let (Some(first), Some(last)) = (positions.first(), positions.last()) else { return fetched };
    let mut reader = reader(&node.engine, Position(first.0.saturating_sub(1)));
    let mut why = "the log has no such outcome".to_owned();
    while reader.position() < *last {
        if node.stopping.load(Ordering::Acquire) {
            return fetched;
        }
        let wanted = |which: &Which<'_>| asked.contains(&which.id);
        let mut tell = |outcome: &Outcome<'_>| fetched.outcomes.push((outcome.id, body(outcome, name)));
        match reader.read(&mut OutcomesAsked { most: READ_AT_ONCE, wanted: &wanted, tell: &mut tell }) {
            Ok(true) => {}
            Ok(false) => break,
            Err(refusal) => {
                why = refusal.message;
                if reader.pass_over() == 0 {
                    break;
                }
            }
        }
    }
    let found: BTreeSet<OutcomeId> = fetched.outcomes.iter().map(|(id, _)| *id).collect();
    fetched.missing = asked.into_iter().filter(|id| !found.contains(id)).map(|id| (id, why.clone())).collect();
    fetched
}

/// Where a sink begins that nothing is remembered of: at the first of the versions of the spec up to now that all have it.
pub(super) fn begins(engine: &Engine, name: &str) -> Position {
    let specs = engine.spec_positions();
    let mut version = specs.len();
    let has = |version: usize| {
        let plan = engine.plan_of(domain::PlanVersion(version as u32));
        plan.is_ok_and(|plan| plan.sinks.iter().any(|sink| sink.name == name))
    };
    while version > 1 && has(version - 1) {
        version -= 1;
    }
    version.checked_sub(1).and_then(|at| specs.get(at)).copied().unwrap_or_default()
}
