//! The slow, obvious model: every event ever, and each aggregate worked out from all of them when it is asked for.

use domain::{EntityId, Time, Value, limits};
use spec::Plan;
use spec::plan::{Aggregate, AggregateOp, Calendar, PaneLevel, Stream, StreamValue, Window};
use state::{Change, Element, EventChange, Resolved};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// All events so far, in log order, with the log's time.
#[derive(Default)]
pub(crate) struct Reference {
    events: Vec<(EventChange, Time)>,
}

/// An event of a stream.
#[derive(Clone)]
struct Collected {
    time: Time,
    log_time: Time,
    number: f64,
    /// What a list keeps.
    value: Value,
    /// Whether it passes the filter and has a value.
    counts: bool,
    elements: Vec<Element>,
}

impl Reference {
    pub(crate) fn apply(&mut self, resolved: &Resolved) {
        if let Change::Event(event) = &resolved.change {
            self.events.push((event.clone(), resolved.log_time));
        }
    }

    /// The value of an aggregate for an owner (and second key part) at an instant.
    pub(crate) fn value(&self, plan: &Plan, aggregate: &Aggregate, owner: EntityId, second: u32, now: Time) -> Value {
        let stream = &plan.streams[aggregate.stream as usize];
        let every = self.collected(plan, stream, owner, second);
        let all: Vec<Collected> = every.iter().filter(|c| c.counts).cloned().collect();
        match aggregate.op {
            AggregateOp::Decayed(half_life) => {
                let (mut sum, mut since) = (0.0, Time(0));
                for event in &all {
                    let elapsed = |from: Time, to: Time| libm::exp2(-((to.0 - from.0) as f64) / half_life.0 as f64);
                    if event.time > since {
                        sum = sum * elapsed(since, event.time) + event.number;
                        since = event.time;
                    } else {
                        sum += event.number * elapsed(event.time, since);
                    }
                }
                let decay = libm::exp2(-((now.0 - since.0) as f64) / half_life.0 as f64);
                Value::Float(if sum == 0.0 { 0.0 } else { sum * decay })
            }
            AggregateOp::LastEntities(count) | AggregateOp::LastValues(count) => {
                Value::List(newest_first(&all).iter().take(count as usize).map(|c| c.value.clone()).collect())
            }
            AggregateOp::TimeSince => match all.iter().map(|c| c.time).max() {
                Some(newest) => Value::Span(domain::Span((now.0 - newest.0).max(0))),
                None => Value::Missing,
            },
            AggregateOp::StreakEvents => {
                let newest = newest_first(&all);
                let held = newest.iter().take_while(|c| c.value == Value::Bool(true)).count();
                Value::Float(held.min(limits::STREAK_EVENTS_MAX.into()) as f64)
            }
            AggregateOp::StreakPeriods(calendar) => {
                Value::Float(streak(&plan.calendars[calendar as usize], &all, now) as f64)
            }
            AggregateOp::CountRecents(window) => {
                let newer = all.iter().filter(|c| c.time.0 > now.0 - window.0).count();
                Value::Float(newer.min(stream.recents.into()) as f64)
            }
            AggregateOp::Seen(_) => panic!("seen is asked with `seen`"),
            op => match op.window().unwrap() {
                Window::Sliding(w) => {
                    let width = stream.panes.iter().find_map(|level| match level {
                        PaneLevel::Sliding { width, window } if *window >= w => Some(width.0),
                        _ => None,
                    });
                    let width = width.unwrap();
                    let mut panes: BTreeMap<i64, Vec<&Collected>> = BTreeMap::new();
                    for event in &all {
                        panes.entry(event.time.0.div_euclid(width)).or_default().push(event);
                    }
                    panes.retain(|pane, _| (pane + 1) * width > now.0 - w.0 && pane * width <= now.0);
                    windowed(op, &panes)
                }
                Window::Tumbling { width, back } => {
                    let current = now.0.div_euclid(width.0) - i64::from(back);
                    let within = all.iter().filter(|c| c.time.0.div_euclid(width.0) == current).collect::<Vec<_>>();
                    windowed(op, &[(0, within)].into_iter().filter(|(_, pane)| !pane.is_empty()).collect())
                }
                Window::Calendar { calendar, back } => {
                    let Calendar { unit, zone, .. } = &plan.calendars[calendar as usize];
                    let mut at = now;
                    for _ in 0..back {
                        at = Time(zone.start_of(*unit, at).0 - 1);
                    }
                    let period = zone.start_of(*unit, at)..zone.next_start(*unit, at);
                    let within = all.iter().filter(|c| period.contains(&c.time)).collect::<Vec<_>>();
                    windowed(op, &[(0, within)].into_iter().filter(|(_, pane)| !pane.is_empty()).collect())
                }
                Window::Session(gap) => {
                    let sessions = sessions(&every, gap.0);
                    let begun = sessions.iter().rev().find(|session| session.iter().any(|c| c.time <= now));
                    let current = begun.filter(|session| now.0 <= newest(session).0 + gap.0);
                    let within: Vec<&Collected> = current.into_iter().flatten().filter(|c| c.counts).collect();
                    windowed(op, &[(0, within)].into_iter().filter(|(_, pane)| !pane.is_empty()).collect())
                }
            },
        }
    }

    /// Whether an item is among an owner's recents within the window.
    pub(crate) fn seen(&self, plan: &Plan, aggregate: &Aggregate, owner: EntityId, item: EntityId, now: Time) -> bool {
        let AggregateOp::Seen(window) = aggregate.op else { panic!("not a seen") };
        let stream = &plan.streams[aggregate.stream as usize];
        let all = self.collected(plan, stream, owner, 0);
        let kept = newest_first(&all).into_iter().take(stream.recents as usize);
        kept.into_iter().any(|c| c.value == Value::Entity(item) && c.time.0 > now.0 - window.0 && c.time <= now)
    }

    fn collected(&self, plan: &Plan, stream: &Stream, owner: EntityId, second: u32) -> Vec<Collected> {
        let table = &plan.tables[stream.table as usize];
        let crossed: Vec<usize> = (0..plan.tables.len()).filter(|t| plan.tables[*t].cross.is_some()).collect();
        let cross = crossed.iter().position(|t| *t == stream.table as usize);
        let mut collected = Vec::new();
        for (event, log_time) in &self.events {
            let Some(nth) = stream.events.iter().position(|e| *e == event.event) else { continue };
            let roles = &plan.events[event.event as usize].roles;
            let role = roles.iter().position(|role| role.entity == table.entity).unwrap();
            let of_row = event.entities[role] == owner
                && cross.is_none_or(|cross| second != u32::MAX && event.crosses[cross] == second);
            if !of_row {
                continue;
            }
            let passes = stream.filter.as_ref().is_none_or(|f| f.eval(&event.values) == Value::Bool(true));
            let mut elements = Vec::new();
            let value = match &stream.value {
                StreamValue::Elements(at) => {
                    elements = event.elements.as_ref().unwrap().of(*at as usize).to_vec();
                    if elements.is_empty() { Value::Missing } else { Value::Float(1.0) }
                }
                StreamValue::One => Value::Float(1.0),
                StreamValue::Role(roles) => Value::Entity(event.entities[roles[nth] as usize]),
                StreamValue::Listed(program) => program.eval(&event.values),
                StreamValue::Pattern(_) => panic!("patterns have a model of their own: tests/patterns.rs"),
                StreamValue::Number(program) => match program.eval(&event.values) {
                    Value::Bool(bool) => Value::Float(if bool { 1.0 } else { 0.0 }),
                    Value::Int(int) => Value::Float(int as f64),
                    Value::Span(span) => Value::Float(span.0 as f64 / 1000.0),
                    other => other,
                },
            };
            let counts = passes && value != Value::Missing;
            let number = value.as_f64().unwrap_or(1.0);
            collected.push(Collected { time: event.time, log_time: *log_time, number, value, counts, elements });
        }
        collected
    }
}

fn newest(session: &[Collected]) -> Time {
    session.iter().map(|c| c.time).max().unwrap()
}

fn oldest(session: &[Collected]) -> Time {
    session.iter().map(|c| c.time).min().unwrap()
}

/// The sessions that are remembered after all events, oldest first.
fn sessions(every: &[Collected], gap: i64) -> Vec<Vec<Collected>> {
    let mut sessions: Vec<Vec<Collected>> = Vec::new();
    for event in every {
        let near = |session: &Vec<Collected>| {
            event.time.0 >= oldest(session).0 - gap && event.time.0 <= newest(session).0 + gap
        };
        let (joined, apart): (Vec<_>, Vec<_>) = sessions.into_iter().partition(near);
        sessions = apart;
        let of_its_own = joined.is_empty();
        let before = sessions.clone();
        sessions.push(joined.into_iter().flatten().chain([event.clone()]).collect());
        sessions.sort_by_key(|session| oldest(session));
        if of_its_own {
            sessions.retain(|session| newest(session).0 >= event.log_time.0 - 2 * gap);
            let more = sessions.len().saturating_sub(limits::SESSIONS_PER_ROW_MAX);
            sessions.drain(..more);
            // What would be forgotten at once changes nothing.
            if !sessions.iter().any(|session| session[0].time == event.time) {
                sessions = before;
            }
        }
    }
    sessions
}

fn streak(calendar: &Calendar, all: &[Collected], now: Time) -> usize {
    let Calendar { unit, zone, .. } = calendar;
    let has = |at: Time| {
        let period = zone.start_of(*unit, at)..zone.next_start(*unit, at);
        all.iter().any(|c| period.contains(&c.time))
    };
    let before = |at: Time| Time(zone.start_of(*unit, at).0 - 1);
    let mut at = if has(now) { now } else { before(now) };
    let mut streak = 0;
    while has(at) && streak < limits::STREAK_PERIODS_MAX.into() {
        streak += 1;
        at = before(at);
    }
    streak
}

/// By event time and then by position, newest first.
fn newest_first(all: &[Collected]) -> Vec<&Collected> {
    let mut order: Vec<(Time, usize)> = all.iter().enumerate().map(|(at, c)| (c.time, at)).collect();
    order.sort();
    order.iter().rev().map(|(_, at)| &all[*at]).collect()
}

fn windowed(op: AggregateOp, panes: &BTreeMap<i64, Vec<&Collected>>) -> Value {
    let all: Vec<&Collected> = panes.values().flatten().copied().collect();
    let count = all.len() as f64;
    // Sums are folded within each pane in log order, then over the panes.
    let sums = panes.values().map(|pane| pane[1..].iter().fold(pane[0].number, |sum, c| sum + c.number));
    let sum = sums.fold(0.0, |sum, pane| sum + pane);
    let elements = || all.iter().flat_map(|c| &c.elements);
    match op {
        AggregateOp::Distinct(_) => {
            let different: BTreeSet<(u64, u32)> = elements().map(|of| (of.hash, of.number)).collect();
            Value::Float(different.len() as f64)
        }
        AggregateOp::TopK(k, _) => {
            let mut counts: BTreeMap<(u64, u32), u64> = BTreeMap::new();
            elements().for_each(|of| *counts.entry((of.hash, of.number)).or_default() += 1);
            let mut order: Vec<_> = counts.into_iter().map(|(key, count)| (Reverse(count), key)).collect();
            order.sort_unstable();
            // The world's lists are of strings, but for one of items.
            let number = |(_, (_, number)): &(_, (u64, u32))| match k {
                3 => Value::Entity(EntityId(*number)),
                _ => Value::Str(domain::Symbol(*number)),
            };
            Value::List(order.iter().take(usize::from(k)).map(number).collect())
        }
        AggregateOp::Count(_) => Value::Float(count),
        AggregateOp::Sum(_) => Value::Float(sum),
        AggregateOp::Rate(window) => Value::Float(count / (window.0 as f64 / 1000.0)),
        _ if all.is_empty() => Value::Missing,
        AggregateOp::Quantile(millionths, _) => {
            let mut numbers: Vec<f64> = all.iter().map(|c| c.number).collect();
            numbers.sort_by(f64::total_cmp);
            Value::Float(numbers[((numbers.len() - 1) as f64 * f64::from(millionths) / 1e6) as usize])
        }
        AggregateOp::Mean(_) => Value::Float(sum / count),
        AggregateOp::Var(_) | AggregateOp::Stddev(_) => {
            let mean = sum / count;
            let squares: f64 = all.iter().map(|c| (c.number - mean) * (c.number - mean)).sum();
            match op {
                _ if all.len() < 2 => Value::Missing,
                AggregateOp::Var(_) => Value::Float(squares / (count - 1.0)),
                _ => Value::Float((squares / (count - 1.0)).sqrt()),
            }
        }
        AggregateOp::First(_) => {
            let oldest = all.iter().map(|c| c.time).min().unwrap();
            Value::Float(all.iter().find(|c| c.time == oldest).unwrap().number)
        }
        AggregateOp::Min(_) => {
            Value::Float(all.iter().fold(f64::INFINITY, |m, c| if c.number < m { c.number } else { m }))
        }
        AggregateOp::Max(_) => {
            Value::Float(all.iter().fold(f64::NEG_INFINITY, |m, c| if c.number > m { c.number } else { m }))
        }
        _ => {
            let newest = all.iter().max_by_key(|c| c.time).unwrap().time;
            Value::Float(all.iter().rfind(|c| c.time == newest).unwrap().number)
        }
    }
}
