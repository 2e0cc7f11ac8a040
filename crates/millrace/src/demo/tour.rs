//! The end of the show: one slate with its reasons, and the same decision computed again from the log.

use super::place::Stop;
use super::screen::Screen;
use super::stand::Connection;
use anyhow::{Result, bail};
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};

/// Items of the slate that are shown.
const SHOWN: usize = 3;
/// How long a recomputation may take.
const REPLAY_MAX: Duration = Duration::from_secs(60);

/// What the server said of one decision.
pub(super) struct Tour {
    pub(super) decision: String,
    pub(super) identical: bool,
    differences: Value,
    seconds: f64,
}

impl Tour {
    /// Explains a decision and has it computed again. `title` names an item for people.
    pub(super) fn take(
        client: &mut Connection,
        decision: &str,
        title: &dyn Fn(&str) -> Option<String>,
        stop: &Stop,
        screen: &Screen,
    ) -> Result<Option<Tour>> {
        screen.line(&format!("\none slate and its reasons: GET /v1/decisions/{decision}/explain"));
        let text = client.text(&format!("/v1/decisions/{decision}/explain"))?;
        shown(&text, title).iter().for_each(|line| screen.line(&format!("  {line}")));
        let Some((result, seconds)) = replayed(client, decision, stop)? else { return Ok(None) };
        let identical = result["identical"] == true;
        let tour =
            Tour { decision: decision.to_owned(), identical, differences: result["differences"].clone(), seconds };
        screen.line(&format!("\nthe same answer computed again from the log: GET /v1/decisions/{decision}/replay"));
        let said =
            if identical { "identical, bit for bit".to_owned() } else { format!("DIFFERENT: {}", tour.differences) };
        screen.line(&format!("  {said} ({seconds:.1} s)"));
        Ok(Some(tour))
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "decision": self.decision,
            "identical": self.identical,
            "differences": self.differences,
            "seconds": self.seconds,
        })
    }
}

/// The explanation's head and first items, with their titles.
fn shown(text: &str, title: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut items = 0;
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let is_item = words.next().is_some_and(|word| word.trim_end_matches('.').parse::<u32>().is_ok());
        // A term's line begins with a number too, but with its sign.
        if is_item && line.contains(". ") && !line.trim_start().starts_with(['+', '-']) {
            items += 1;
            if items > SHOWN {
                break;
            }
            let named =
                words.next().and_then(|key| title(key).map(|title| line.replacen(key, &format!("{key} ({title})"), 1)));
            lines.push(named.unwrap_or_else(|| line.to_owned()));
        } else {
            lines.push(line.to_owned());
        }
    }
    lines.push("   ...".to_owned());
    lines
}

/// Asks until the recomputation is done; none if the demo is told to stop.
fn replayed(client: &mut Connection, decision: &str, stop: &Stop) -> Result<Option<(Value, f64)>> {
    let started = Instant::now();
    let path = format!("/v1/decisions/{decision}/replay");
    while !stop.told() {
        let result = client.json("GET", &path, &[], None)?;
        if result["state"] == "done" {
            return Ok(Some((result, started.elapsed().as_secs_f64())));
        }
        if started.elapsed() > REPLAY_MAX {
            bail!("the recomputation of {decision} is not done after {} s", REPLAY_MAX.as_secs());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(None)
}
