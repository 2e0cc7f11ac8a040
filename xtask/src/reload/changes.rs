//! The changes themselves, over HTTP: each is sent, waited for, and held against what it must come to.

use super::load::{Found, Shared, json};
use super::script::{Kind, Script, Version};
use serde_json::Value;
use sim::Rng;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const YAML: &[(&str, &str)] = &[("content-type", "application/yaml")];
/// Between two looks at a change that is being filled.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The longest that a change may be filled.
const FILL_MAX: Duration = Duration::from_secs(120);

/// Who changes the spec.
pub(super) struct Changer<'a> {
    http: loadgen::Client,
    shared: &'a Shared,
    script: Script,
    rng: Rng,
    /// All versions there were, the one in force last.
    pub(super) versions: Vec<Version>,
    /// How many changes came to what.
    pub(super) outcomes: BTreeMap<&'static str, u64>,
    /// Records per second of every fill from the log.
    pub(super) fills: Vec<f64>,
    pub(super) found: Found,
}

impl<'a> Changer<'a> {
    pub(super) fn new(
        http: loadgen::Client,
        shared: &'a Shared,
        script: Script,
        first: Version,
        rng: Rng,
    ) -> Changer<'a> {
        let (outcomes, fills, found) = (BTreeMap::new(), Vec::new(), Found::default());
        shared.in_force.store(1, Ordering::Release);
        Changer { http, shared, script, rng, versions: vec![first], outcomes, fills, found }
    }

    /// Tries one change.
    pub(super) fn change(&mut self, kind: Kind) {
        let done = match kind {
            Kind::Tuned => {
                let version = self.script.tuned(last(&self.versions));
                self.put(version)
            }
            Kind::Filled => {
                let version = self.script.filled(last(&self.versions));
                self.put(version)
            }
            Kind::Invalid => self.mistake(),
            Kind::Stale => self.stale(),
            Kind::Back => self.back(),
            Kind::Same => self.same(),
        };
        match done {
            Ok(outcome) => *self.outcomes.entry(outcome).or_default() += 1,
            Err(what) => self.found.error(format!("{kind:?} after version {}: {what}", self.versions.len())),
        }
    }

    fn send(&mut self, path: &str, text: &str, status: u16) -> Result<Value, String> {
        json(self.http.request("PUT", path, YAML, Some(text.as_bytes())), status)
    }

    /// A change that must take place, mostly with the version that it is based on.
    fn put(&mut self, version: Version) -> Result<&'static str, String> {
        let path = match self.rng.percent(90) {
            true => format!("/v1/spec?base={}", self.versions.len()),
            false => "/v1/spec".to_owned(),
        };
        let fills = last(&self.versions).is_filled_for(&version);
        let reply = self.send(&path, &version.text, if fills { 202 } else { 200 })?;
        self.follow(&reply, version, fills, "filled")
    }

    fn back(&mut self) -> Result<&'static str, String> {
        let Some(to) = Script::back(&mut self.rng, &self.versions) else { return self.same() };
        let version = self.versions[to].clone();
        let fills = last(&self.versions).is_filled_for(&version);
        let path = format!("/v1/spec/rollback?to={}&base={}", to + 1, self.versions.len());
        let reply = json(self.http.post(&path, b""), if fills { 202 } else { 200 })?;
        self.follow(&reply, version, fills, "filled_back").map(|outcome| match outcome {
            "adopted" => "adopted_back",
            other => other,
        })
    }

    /// What a change that was taken comes to.
    fn follow(
        &mut self,
        reply: &Value,
        version: Version,
        fills: bool,
        filled: &'static str,
    ) -> Result<&'static str, String> {
        let next = self.versions.len() as u64 + 1;
        if fills {
            if self.rng.percent(50) {
                self.meanwhile()?;
            }
            self.wait(next, filled == "filled")?;
        } else if reply["outcome"] != "switched" || reply["version"].as_u64() != Some(next) {
            return Err(format!("version {next} was to be switched to: {reply}"));
        }
        self.versions.push(version);
        self.shared.in_force.store(next as u32, Ordering::Release);
        Ok(if fills { filled } else { "adopted" })
    }

    /// Another change while one is being filled: refused, for it or, if that is in force by now, for its base.
    fn meanwhile(&mut self) -> Result<(), String> {
        let version = self.script.tuned(last(&self.versions));
        let path = format!("/v1/spec?base={}", self.versions.len());
        let reply = self.send(&path, &version.text, 409)?;
        match code(&reply) {
            "change_running" => *self.outcomes.entry("change_running").or_default() += 1,
            "spec_conflict" => *self.outcomes.entry("spec_conflict").or_default() += 1,
            _ => return Err(format!("a change while one is filled: {reply}")),
        }
        Ok(())
    }

    /// Waits until the change that is being filled is in force.
    fn wait(&mut self, next: u64, fresh: bool) -> Result<(), String> {
        let since = Instant::now();
        while since.elapsed() < FILL_MAX {
            std::thread::sleep(LOOK_EVERY);
            let status = json(self.http.get("/v1/spec/change"), 200)?;
            match status["stage"].as_str() {
                Some("filling" | "saving" | "following") => {}
                Some("switched") if status["version"].as_u64() == Some(next) => {
                    self.fills.extend(status["records_per_s"].as_f64().filter(|_| fresh));
                    return Ok(());
                }
                _ => return Err(format!("version {next} was to be filled: {status}")),
            }
        }
        Err(format!("version {next} was not filled within {} s", FILL_MAX.as_secs()))
    }

    fn mistake(&mut self) -> Result<&'static str, String> {
        let text = self.script.invalid(last(&self.versions));
        let path = format!("/v1/spec?base={}", self.versions.len());
        let reply = self.send(&path, &text, 400)?;
        refused(&reply, "invalid_spec")
    }

    fn stale(&mut self) -> Result<&'static str, String> {
        let version = self.script.tuned(last(&self.versions));
        let last = self.versions.len() as u64;
        // One that is gone, or, while there is none, one that is still to come.
        let base = if last == 1 { 2 } else { 1 + self.rng.below(last - 1) };
        let reply = self.send(&format!("/v1/spec?base={base}"), &version.text, 409)?;
        refused(&reply, "spec_conflict")
    }

    fn same(&mut self) -> Result<&'static str, String> {
        let text = last(&self.versions).text.clone();
        let reply = self.send("/v1/spec", &text, 200)?;
        if reply["outcome"] == "unchanged" { Ok("unchanged") } else { Err(format!("the text in force: {reply}")) }
    }
}

fn last(versions: &[Version]) -> &Version {
    versions.last().expect("there is the one that the server was started with")
}

fn code(reply: &Value) -> &str {
    reply["error"]["code"].as_str().unwrap_or_default()
}

fn refused(reply: &Value, expected: &'static str) -> Result<&'static str, String> {
    if code(reply) == expected { Ok(expected) } else { Err(format!("{expected} was to be the code: {reply}")) }
}
