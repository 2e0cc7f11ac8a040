//! What patterns in time cost: the same events applied to the same state in this process, without a pattern and with one of each kind,
//! and with an alarm over it, whose timers then are kept and go off.

use crate::bench::Figures;
use crate::bench::rows::per;
use crate::node;
use anyhow::Result;
use domain::{Event, Field, Payload, Raw, Time};
use engine::Machine;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// What is declared beside a count, and whether an alarm waits for it.
const PATTERNS: [(&str, &str, bool); 7] = [
    ("none", "", false),
    ("seq", "seq(view, view, buy, 10m)", false),
    ("absent", "absent(buy, view, 10m)", false),
    ("held", "held(view, amount > 500.0, 10m)", false),
    ("seq_alarm", "seq(view, view, buy, 10m)", true),
    ("absent_alarm", "absent(buy, view, 10m)", true),
    ("held_alarm", "held(view, amount > 500.0, 10m)", true),
];
/// Entities that the events are of.
const USERS: u64 = 50_000;
/// Each figure is the best of so many.
const ROUNDS: usize = 3;

pub(super) fn measure(quick: bool, figures: &mut Figures) -> Result<()> {
    let count = if quick { 40_000 } else { 300_000 };
    let events: Vec<(Time, Payload<'_>)> = (0..count).map(event).collect();
    let mut without = 0.0;
    for (name, pattern, alarmed) in PATTERNS {
        let mut best = (f64::INFINITY, 0);
        for _ in 0..ROUNDS {
            let round = round(pattern, alarmed, &events)?;
            if round.0 < best.0 {
                best = round;
            }
        }
        if name == "none" {
            without = best.0;
            figures.number("pattern_none_event_ns", best.0);
            continue;
        }
        figures.number(&format!("pattern_{name}_more_ns"), best.0 - without);
        if alarmed {
            figures.note(&format!("pattern_{name}s"), json!(best.1));
        }
    }
    Ok(())
}

/// Nanoseconds per event, and how many alarms were raised: the first third only fills the rows.
fn round(pattern: &str, alarmed: bool, events: &[(Time, Payload<'_>)]) -> Result<(f64, usize)> {
    let mut text = "version: 1
events:
  view: { user: user, fields: { amount: float } }
  buy: { user: user, fields: { amount: float } }
features:
  user:
    views: count(view, 1h)
"
    .to_owned();
    if !pattern.is_empty() {
        text += &format!("    pattern: {pattern}\n");
    }
    if alarmed {
        text += "alarms: { pattern: { of: user, when: pattern } }\n";
    }
    let plan = spec::compile("patterns.yaml", &text).map_err(|wrong| anyhow::anyhow!(spec::render(&wrong)))?;
    let mut machine = Machine::new(Arc::new(plan), 1, 1);
    let (warm, measured) = events.split_at(events.len() / 3);
    let (mut start, mut raised) = (Duration::ZERO, 0);
    for (part, counted) in [(warm, false), (measured, true)] {
        if counted {
            start = node::thread_cpu()?;
        }
        for (time, payload) in part {
            let position = machine.position.next();
            if alarmed {
                let (_, found) = machine.apply_telling(position, *time, payload);
                raised += if counted { found.len() } else { 0 };
            } else {
                machine.apply_deciding(position, *time, payload);
            }
        }
    }
    Ok((per(node::thread_cpu()? - start, measured.len()), raised))
}

fn event(number: u64) -> (Time, Payload<'static>) {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let field = |name: &'static str, value| Field { name: name.into(), value };
    let user = Raw::Str(format!("u{}", mixed % USERS).into());
    let fields = vec![field("user", user), field("amount", Raw::Float((mixed % 1_000) as f64))];
    let kind = if mixed.is_multiple_of(5) { "buy" } else { "view" };
    let time = Time(1_790_000_000_000 + number as i64 * 20);
    let (source, id) = ("bench".into(), None);
    (time, Payload::Event(Event { kind: kind.into(), source, id, time: Some(time), fields }))
}
