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
    let watching = move || Watch { path, settled: None, seen: None, filling: false, unread: None }.run(&engine);
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
    /// Why the last looks could not read the files, and how many.
    unread: Option<(String, u32)>,
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
        let Some(text) = self.read() else { return };
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

    /// The files' text. That they cannot be read is told at the second look, once for each reason: an editor may just be at work.
    fn read(&mut self) -> Option<String> {
        match node::read_text(&self.path) {
            Ok(text) => {
                self.unread = None;
                Some(text)
            }
            Err(error) => {
                let why = format!("{error:#}");
                let looks = self.unread.take().filter(|(before, _)| *before == why).map_or(1, |(_, looks)| looks + 1);
                if looks == 2 {
                    complain!("the watched spec cannot be read, the one before goes on serving: {why}");
                }
                self.unread = Some((why, looks));
                None
            }
        }
    }

    /// Whether the text is dealt with; a change that another one holds up is tried again.
    fn change(&mut self, engine: &Engine<FileDisk>, text: &str) -> bool {
        let name = self.path.display().to_string();
        match engine.change_spec(&name, text, None) {
            Ok(started) => match started.outcome {
                ChangeOutcome::Unchanged => {}
                ChangeOutcome::Switched { version, position } => {
                    say!("spec: version {} is in force from position {position}", version.0);
                    node::tell_diff("", &started.planned.diff);
                }
                // Whoever watches files waits for what they say.
                ChangeOutcome::Interim { .. } => self.filling = true,
                ChangeOutcome::Filling => {
                    say!(
                        "spec: state is being filled from the log; version {} serves until then",
                        started.planned.base.0
                    );
                    node::tell_diff("", &started.planned.diff);
                    self.filling = true;
                }
            },
            Err(refusal) if refusal.code == Code::ChangeRunning => return false,
            Err(refusal) => {
                complain!("the changed spec is not taken, the one before goes on serving:\n{}", refusal.message)
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
                say!("spec: version {} is in force from position {position}", version.0);
            }
            Some(ChangeStage::Failed(refusal)) => complain!("spec: the change failed: {}", refusal.message),
            Some(ChangeStage::Cancelled) => say!("spec: the change was cancelled"),
            _ => return,
        }
        self.filling = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_read_is_told_until_it_can() {
        let path = std::env::temp_dir().join(format!("millrace-watch-{}", std::process::id()));
        let mut watch = Watch { path: path.clone(), settled: None, seen: None, filling: false, unread: None };
        let told = |watch: &mut Watch| {
            assert_eq!(watch.read(), None);
            watch.unread.clone().expect("it could not be read")
        };
        let (why, looks) = told(&mut watch);
        assert!(why.contains("reading the spec") && looks == 1, "{why}");
        assert_eq!(told(&mut watch), (why, 2));
        std::fs::create_dir_all(&path).expect("the temporary directory is writable");
        let (why, looks) = told(&mut watch);
        assert!(why.contains("has no file that ends in .yaml") && looks == 1, "another reason: {why}");
        std::fs::write(path.join("a.yaml"), "version: 1\n").expect("the folder is there");
        assert_eq!(watch.read().as_deref(), Some("version: 1\n"));
        assert_eq!(watch.unread, None);
        std::fs::remove_dir_all(&path).expect("the folder is there");
    }
}
