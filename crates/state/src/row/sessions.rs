//! Sessions of one stream in a row: entries of start, end, count and parts, ascending and further apart than the gap.
//!
//! An event joins the session that it lies in or within a gap of; one between two that are near enough makes them one. When it
//! begins a session of its own, those that ended more than two gaps before the log's time are forgotten (no event that is late by
//! a gap at most can reach them), and of more than `limits::SESSIONS_PER_ROW_MAX` the oldest; if that is its own, nothing changes.

use super::{Row, panes::lower_bound, parts};
use crate::layout::{SESSION_HEAD, Segment, TableLayout};
use domain::{Span, Time, limits};

/// An event of a session: when, and the value if it counts.
type Happened = (Time, Option<f64>);

impl Row {
    /// Adds an event to its session.
    pub(crate) fn add_to_session(
        &mut self,
        layout: &TableLayout,
        at: usize,
        gap: Span,
        event: Happened,
        log_time: Time,
    ) {
        let segment = &layout.segments[at];
        let (range, stride, time) = (self.range(layout, at), segment.stride, event.0);
        let sessions = &self.words[range.clone()];
        // Sessions up to this one began at or before the event.
        let after = lower_bound(sessions, segment, time.0.saturating_add(1));
        let end = |of: usize| Time(sessions[of * stride + 1] as i64);
        let joins_older = after > 0 && time <= end(after - 1).plus(gap);
        let joins_newer = sessions.get(after * stride).is_some_and(|start| *start as i64 <= time.plus(gap).0);
        match (joins_older, joins_newer) {
            (false, false) => self.begin_session(layout, at, (gap, after), event, log_time),
            (older, both) => {
                let into = range.start + (after - usize::from(older)) * stride;
                add(&mut self.words[into..into + stride], segment, event);
                if older && both {
                    let (left, right) = self.words[into..into + 2 * stride].split_at_mut(stride);
                    join(left, right, segment);
                    self.forget(layout, at, into + stride, 1);
                }
            }
        }
    }

    fn begin_session(
        &mut self,
        layout: &TableLayout,
        at: usize,
        (gap, place): (Span, usize),
        event: Happened,
        log_time: Time,
    ) {
        let segment = &layout.segments[at];
        let (range, stride) = (self.range(layout, at), segment.stride);
        let sessions = &self.words[range.clone()];
        let forgotten = log_time.minus(gap).minus(gap);
        if event.0 < forgotten {
            return;
        }
        let count = sessions.len() / stride;
        let gone = sessions.chunks_exact(stride).take_while(|session| Time(session[1] as i64) < forgotten).count();
        let gone = gone.max((count + 1).saturating_sub(limits::SESSIONS_PER_ROW_MAX));
        if place < gone {
            return;
        }
        self.forget(layout, at, range.start, gone);
        let place = range.start + (place - gone) * stride;
        let start = self.insert(layout, at, place, 0).unwrap_or_else(|| {
            let before = place - range.start;
            self.grow(layout, log_time, |_, other| other == at);
            let start = self.range(layout, at).start + before;
            self.insert(layout, at, start, 0).expect("the row has just been given room for it")
        });
        let session = &mut self.words[start..start + stride];
        session.fill(0);
        session[0] = event.0.0 as u64;
        session[1] = event.0.0 as u64;
        add(session, segment, event);
    }

    /// Takes out so many sessions from this word on.
    fn forget(&mut self, layout: &TableLayout, at: usize, from: usize, sessions: usize) {
        let (end, words) = (self.range(layout, at).end, sessions * layout.segments[at].stride);
        self.words.copy_within(from + words..end, from);
        self.set_end(layout, at, end - words);
    }

    /// The session that goes on at `now`: its count and the entry.
    pub(crate) fn session(&self, layout: &TableLayout, at: usize, gap: Span, now: Time) -> Option<(u64, &[u64])> {
        let segment = &layout.segments[at];
        let sessions = self.panes(layout, at);
        let begun = lower_bound(sessions, segment, now.0.saturating_add(1));
        let session = &sessions[begun.checked_sub(1)? * segment.stride..][..segment.stride];
        (now <= Time(session[1] as i64).plus(gap)).then_some((session[2], session))
    }
}

/// Adds an event to the session that it belongs to.
fn add(session: &mut [u64], segment: &Segment, (time, value): Happened) {
    session[0] = session[0].min(time.0 as u64);
    session[1] = session[1].max(time.0 as u64);
    let Some(value) = value else { return };
    match session[2] {
        0 => parts::fresh(session, segment, (time, value)),
        before => parts::add(session, segment, before, (time, value)),
    }
    session[2] += 1;
}

/// Adds a newer session to an older one.
fn join(older: &mut [u64], newer: &[u64], segment: &Segment) {
    older[1] = older[1].max(newer[1]);
    match (older[2], newer[2]) {
        (_, 0) => {}
        (0, _) => older[SESSION_HEAD..].copy_from_slice(&newer[SESSION_HEAD..]),
        counts => parts::join(older, newer, segment, counts),
    }
    older[2] += newer[2];
}
