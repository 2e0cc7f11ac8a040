//! `cargo xtask gorse-compat`: a conversation as the documentation of the Gorse REST API and its clients have it, played
//! against the real server; status, names, types and, where they follow from what was said before, values are compared.

mod shape;

use crate::node::{self, Folder, Node, Start};
use anyhow::{Context, Result, bail};
use clap::Args;
use loadgen::{Client, Response};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The secret of the conversation, for reading and writing.
const KEY: &str = "gorse-compat-0123456789";
/// Between two tries of a step that may take a while to come true.
const TRY_EVERY: Duration = Duration::from_millis(100);

/// Play a recorded conversation with the Gorse interface and compare every answer, inline and threaded
#[derive(Args)]
pub(crate) struct GorseCompat {
    /// The program to start; default: the release build of this repository
    #[arg(long)]
    program: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl GorseCompat {
    pub(crate) fn run(self, root: &Path) -> Result<()> {
        let program = match &self.program {
            Some(program) => program.clone(),
            None => node::program(root)?,
        };
        let (mut passed, mut failures) = (0, Vec::new());
        for mode in ["inline", "threaded"] {
            let (as_expected, wrong) = play(root, &program, mode)?;
            passed += as_expected;
            failures.extend(wrong.into_iter().map(|wrong| format!("{mode}: {wrong}")));
        }
        for failure in &failures {
            eprintln!("{failure}");
        }
        if self.json {
            println!("{:#}", json!({ "passed": passed, "failed": failures.len() }));
        } else {
            println!("{passed} passed, {} failed", failures.len());
        }
        if !failures.is_empty() {
            bail!("{} answers are not as expected", failures.len());
        }
        Ok(())
    }
}

/// Plays the conversation; returns how many answers were as expected, and what was wrong with the others.
fn play(root: &Path, program: &Path, mode: &str) -> Result<(usize, Vec<String>)> {
    let folder = Folder::new("gorse-compat")?;
    let tokens = folder.path.join("tokens");
    std::fs::write(&tokens, format!("ingest {KEY}\nserve {KEY}\n"))?;
    let more = ["--gorse", "--tokens", tokens.to_str().context("the temporary directory has a name in UTF-8")?];
    let start = Start {
        program,
        dir: &folder.path.join("data"),
        spec: &root.join("examples/gorse.yaml"),
        shards: 2,
        mode,
        threads: 2,
        checkpoint_every: "60s",
        core: None,
        more: &more,
    };
    let steps = include_str!("gorse_compat/conversation.jsonl");
    let mut node = start.ready()?;
    let (mut passed, mut failures) = (0, Vec::new());
    for (number, line) in steps.lines().enumerate() {
        let step: Value = serde_json::from_str(line).with_context(|| format!("line {} of the record", number + 1))?;
        if step["restart"] == true {
            node.kill();
            node = start.ready()?;
        } else if let Some(call) = step["call"].as_str() {
            match eventually(&node, call, &step)? {
                None => passed += 1,
                Some(wrong) => failures.push(format!("line {}: {call}: {wrong}", number + 1)),
            }
        }
    }
    Ok((passed, failures))
}

/// Takes a step, again and again if it may take a while; says what is wrong with the last answer.
fn eventually(node: &Node, call: &str, step: &Value) -> Result<Option<String>> {
    let end = Instant::now() + Duration::from_millis(step["within_ms"].as_u64().unwrap_or(0));
    loop {
        let wrong = judge(&answer(node, call, step)?, step);
        if wrong.is_none() || Instant::now() >= end {
            return Ok(wrong);
        }
        std::thread::sleep(TRY_EVERY);
    }
}

fn answer(node: &Node, call: &str, step: &Value) -> Result<Response> {
    let (method, path) = call.split_once(' ').context("a call is a method and a path")?;
    let key = match &step["key"] {
        Value::Null if step.get("key").is_some() => None,
        key => Some(key.as_str().unwrap_or(KEY)),
    };
    let mut headers: Vec<(&str, &str)> = key.map(|key| ("x-api-key", key)).into_iter().collect();
    let given = step["headers"].as_object().into_iter().flatten();
    headers.extend(given.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))));
    let body = match (step["raw"].as_str(), step.get("body")) {
        (Some(raw), _) => Some(raw.as_bytes().to_vec()),
        (None, Some(body)) => Some(body.to_string().into_bytes()),
        (None, None) => None,
    };
    let mut client: Client = node.client();
    Ok(client.request(method, path, &headers, body.as_deref())?)
}

/// What is wrong with an answer.
fn judge(response: &Response, step: &Value) -> Option<String> {
    let (status, text) = (step["status"].as_u64().unwrap_or(200), response.text());
    if u64::from(response.status) != status {
        return Some(format!("status {} and not {status}: {text}", response.status));
    }
    if let Some(expected) = step["text"].as_str()
        && text != expected
    {
        return Some(format!("'{text}' and not '{expected}'"));
    }
    let expected = step.get("answer")?;
    let Ok(value) = serde_json::from_str::<Value>(&text) else { return Some(format!("no JSON: {text}")) };
    shape::compare(expected, &value, "").map(|wrong| format!("{wrong} in {text}"))
}
