//! `millrace serve --watch`: changes a running node's spec when the file, or a file of the folder, has changed.

use crate::node;
use anyhow::{Context, Result};
use domain::Code;
use engine::{ChangeOutcome, ChangeStage, Engine};
use journal::FileDisk;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Time between two looks at the files. A text is taken once two looks have found it the same: editors write in pieces.
const PAUSE: Duration = Duration::from_millis(500);

/// Watches until the engine is gone.
pub(crate) fn start(path: PathBuf, engine: &Arc<Engine<FileDisk>>) -> Result<()> {
    let engine = Arc::downgrade(engine);
    let watching = move || Watch { settled: None, seen: None, filling: false, path }.run(&engine);
    std::thread::Builder::new().name("watch".into()).spawn(watching).context("starting a thread")?;
    Ok(())
}

struct Watch {
    path: PathBuf,
    /// The text that was last taken, or refused.
    settled: Option<String>,
    /// What the last look found.
    seen: Option<String>,
    /// The end of a change has still to be told.
    filling: bool,
}

impl Watch {
    fn run(mut self, engine: &Weak<Engine<FileDisk>>) {
        loop {
            std::thread::sleep(PAUSE);
            let Some(engine) = engine.upgrade() else { return };
            self.tell_the_end(&engine);
            self.look(&engine);
        }
    }

    fn look(&mut self, engine: &Engine<FileDisk>) {
        let Ok(text) = node::read_text(&self.path) else { return };
        let steady = self.seen.as_ref() == Some(&text);
        self.seen = Some(text.clone());
        if !steady || self.settled.as_ref() == Some(&text) {
            return;
        }
        if self.settled.is_none() && text == engine.plan().written() {
            self.settled = Some(text);
            return;
        }
        if self.change(engine, &text) {
            self.settled = Some(text);
        }
    }

    /// Whether the text is dealt with; a change that another one holds up is tried again.
    fn change(&mut self, engine: &Engine<FileDisk>, text: &str) -> bool {
        let name = self.path.display().to_string();
        match engine.change_spec(&name, text, None) {
            Ok(started) => match started.outcome {
                ChangeOutcome::Unchanged => {}
                ChangeOutcome::Switched { version, position } => {
                    println!("spec: version {} is in force from position {position}", version.0);
                    node::tell_diff("", &started.planned.diff);
                }
                // Whoever watches files waits for what they say.
                ChangeOutcome::Interim { .. } => self.filling = true,
                ChangeOutcome::Filling => {
                    println!(
                        "spec: state is being filled from the log; version {} serves until then",
                        started.planned.base.0
                    );
                    node::tell_diff("", &started.planned.diff);
                    self.filling = true;
                }
            },
            Err(refusal) if refusal.code == Code::ChangeRunning => return false,
            Err(refusal) => {
                eprintln!("the changed spec is not taken, the one before goes on serving:\n{}", refusal.message)
            }
        }
        true
    }

    fn tell_the_end(&mut self, engine: &Engine<FileDisk>) {
        if !self.filling {
            return;
        }
        match engine.change_status().map(|status| status.stage) {
            Some(ChangeStage::Switched { version, position }) => {
                println!("spec: version {} is in force from position {position}", version.0);
            }
            Some(ChangeStage::Failed(refusal)) => eprintln!("spec: the change failed: {}", refusal.message),
            Some(ChangeStage::Cancelled) => println!("spec: the change was cancelled"),
            _ => return,
        }
        self.filling = false;
    }
}
