//! Retention: which older checkpoints stay, so that every answer of the retained part can be computed again from one near
//! it, and up to where the log may be dropped. Both are functions of what the manifest says.

use domain::{Position, Span};
use journal::{CheckpointEntry, Manifest};
use spec::Carried;

/// The retained span is covered by about this many checkpoints: a replay reads at most about this part of it.
const RUNGS: i64 = 8;

/// As [`kept`], and in any case the newest of the plan in force, since what is written may be of a change that is never made, and of
/// a plan that can be gone back to; and what their states begin at, for as long as a checkpoint of another plan is kept.
pub(super) fn kept_beside(
    all: &Manifest,
    retain: Option<Span>,
    states: &[([u8; 32], Option<Carried>)],
) -> Vec<CheckpointEntry> {
    let mut kept = kept(all, retain);
    for (state, from) in states {
        let begins = |entry: &&CheckpointEntry| {
            from.is_some_and(|from| entry.position == from.position && entry.plan == from.state)
        };
        if kept.iter().any(|entry| entry.plan != *state)
            && let Some(base) = all.kept.iter().find(begins)
            && !kept.contains(base)
        {
            kept.push(*base);
            kept.sort_by_key(|entry| entry.generation);
        }
        let newest = [Some(all.newest), all.previous].into_iter().flatten();
        if newest.chain(kept.iter().copied()).all(|entry| entry.plan != *state)
            && let Some(last) = all.kept.iter().rfind(|entry| entry.plan == *state)
        {
            kept.push(*last);
            kept.sort_by_key(|entry| entry.generation);
        }
    }
    kept
}

/// Those of `all.kept` that stay named: from the newest one that retention no longer asks for, which the others continue,
/// every one that is an eighth of the span later than the one before it.
pub(super) fn kept(all: &Manifest, retain: Option<Span>) -> Vec<CheckpointEntry> {
    let Some(span) = retain else { return Vec::new() };
    let horizon = all.newest.log_time.minus(span);
    if all.previous.is_some_and(|previous| previous.log_time <= horizon) {
        return Vec::new();
    }
    // Rounded up, so that at most `RUNGS` lie within the span.
    let step = Span(span.0 / RUNGS + i64::from(span.0 % RUNGS > 0));
    let oldest = all.kept.iter().rposition(|entry| entry.log_time <= horizon).unwrap_or(0);
    let mut kept: Vec<CheckpointEntry> = Vec::new();
    for entry in &all.kept[oldest..] {
        if kept.last().is_none_or(|last| entry.log_time.since(last.log_time) >= step) {
            kept.push(*entry);
        }
    }
    kept
}

/// The position up to which nothing asks for the log: that of the oldest checkpoint, once that lies at or before the retained
/// start. After a change of the spec the log stays whole until the oldest checkpoint is of the new one: what came between
/// the change and its first checkpoint can be computed again only from the log's beginning. And it stays whole while a checkpoint
/// is of another plan than the one in force: one of a change that was not made.
pub(super) fn droppable(
    checkpoints: &Manifest,
    retain: Option<Span>,
    last_spec: Position,
    plan: &[u8; 32],
) -> Option<Position> {
    let horizon = checkpoints.newest.log_time.minus(retain?);
    let oldest = checkpoints.oldest();
    let mut named =
        [Some(checkpoints.newest), checkpoints.previous].into_iter().flatten().chain(checkpoints.kept.clone());
    let reached = oldest.log_time <= horizon && oldest.position >= last_spec && named.all(|entry| entry.plan == *plan);
    // One alone has no second copy should it be damaged.
    (reached && checkpoints.previous.is_some()).then_some(oldest.position)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Time;
    use proptest::prelude::*;

    fn entry(generation: u64, time: i64) -> CheckpointEntry {
        let none = [0; 32];
        let (position, log_time) = (Position(generation), Time(time));
        CheckpointEntry { generation, position, log_time, plan: none, state: none, chain: none }
    }

    proptest! {
        #[test]
        fn the_ladder_covers_the_span_and_stays_small(
            steps in prop::collection::vec(0i64..400, 2..120),
            span in prop_oneof![Just(0i64), 1i64..20, 100i64..5_000],
        ) {
            let mut time = 0;
            let mut manifest = Manifest { newest: entry(0, 0), previous: None, kept: Vec::new() };
            let (mut dropped, mut longest) = (None, 0);
            for (generation, step) in steps.into_iter().enumerate() {
                time += step;
                longest = longest.max(step);
                let mut all = manifest.clone();
                all.kept.extend(all.previous.replace(all.newest));
                all.newest = entry(generation as u64 + 1, time);
                let chosen = kept(&all, Some(Span(span)));
                prop_assert!(chosen.len() <= 1 + RUNGS as usize && chosen.len() <= journal::KEPT_MAX);
                prop_assert!(chosen.iter().all(|entry| all.kept.contains(entry)));
                manifest = Manifest { kept: chosen, ..all };
                let end = droppable(&manifest, Some(Span(span)), Position(0), &[0; 32]);
                prop_assert!(end.is_none_or(|end| end == manifest.oldest().position));
                // What was dropped once is never asked for again, and nothing within the span is dropped.
                prop_assert!(dropped <= end.or(dropped));
                dropped = dropped.max(end);
                let bottom = manifest.oldest().log_time.0;
                prop_assert!(dropped.is_none_or(|dropped| manifest.oldest().position >= dropped));
                prop_assert!(dropped.is_none() || bottom <= time - span);
                // No gap is much wider than a step, and no more is kept than one gap beyond the span.
                let gap = span / RUNGS + 1 + 3 * longest;
                let times: Vec<i64> = manifest.kept.iter().chain(&manifest.previous).map(|entry| entry.log_time.0).collect();
                prop_assert!(times.windows(2).all(|pair| pair[1] - pair[0] <= gap), "{times:?}");
                prop_assert!(bottom >= time - span - gap || dropped.is_none() && bottom == 0);
            }
        }
    }

    #[test]
    fn without_retention_only_two_stay_and_nothing_is_dropped() {
        let all = Manifest { newest: entry(3, 30), previous: Some(entry(2, 20)), kept: vec![entry(1, 10)] };
        assert!(kept(&all, None).is_empty());
        assert_eq!(droppable(&all, None, Position(1), &[0; 32]), None);
    }

    #[test]
    fn a_change_that_is_not_made_pushes_out_no_checkpoint_of_the_plan_in_force() {
        let of = |generation, plan| CheckpointEntry { plan: [plan; 32], ..entry(generation, generation as i64) };
        let all = Manifest { newest: of(4, 2), previous: Some(of(3, 2)), kept: vec![of(1, 1), of(2, 1)] };
        assert_eq!(kept_beside(&all, None, &[([1; 32], None)]), [of(2, 1)]);
        assert_eq!(kept_beside(&all, None, &[([2; 32], None)]), []);
    }

    #[test]
    fn a_changed_spec_holds_the_log_until_every_checkpoint_is_of_it() {
        let all = Manifest { newest: entry(3, 30), previous: Some(entry(2, 20)), kept: vec![] };
        assert_eq!(droppable(&all, Some(Span(5)), Position(3), &[0; 32]), None);
        assert_eq!(droppable(&all, Some(Span(5)), Position(2), &[0; 32]), Some(Position(2)));
        assert_eq!(droppable(&all, Some(Span(5)), Position(2), &[1; 32]), None, "of another plan");
        assert_eq!(droppable(&Manifest { previous: None, ..all }, Some(Span(0)), Position(1), &[0; 32]), None);
    }
}
