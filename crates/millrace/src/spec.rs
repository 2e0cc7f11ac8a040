//! `millrace spec ...`: what a change of a running server's spec would do, the change, the versions there were, the way back.

use crate::client::Server;
use crate::node;
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// Most pairs of lines that are compared; beyond it everything between the equal ends counts as different.
const PAIRS_MAX: usize = 4 << 20;
/// Time between two looks at a change that is being filled.
const PAUSE: Duration = Duration::from_millis(200);

/// Look at, change and roll back the spec of a running server
///
/// A change is compiled and compared first; it takes effect at one position of the log, without a restart. What needs state that
/// is not there yet is filled from the log beside the running server; until it is, the old version serves, or what is not filled reads
/// as missing (`--fill`).
#[derive(Subcommand)]
pub(crate) enum Spec {
    /// Say what changing to a spec would do; nothing is changed
    Plan(Proposed),
    /// Change to a spec, and wait until it is in force
    Apply(Apply),
    /// Print the differences between a spec and the one in force, line by line
    Diff(Proposed),
    /// Print the spec in force, or an earlier version
    Show(Show),
    /// List the versions there were
    Versions(Ask),
    /// Go back to an earlier version, and wait until it is in force
    Rollback(Rollback),
    /// Say how far the change is that is being filled
    Status(Ask),
    /// Give up the change that is being filled
    Cancel(Ask),
}

#[derive(Args)]
pub(crate) struct Ask {
    #[command(flatten)]
    server: Server,
    /// Print what the server says as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct Proposed {
    /// The spec file
    file: PathBuf,
    #[command(flatten)]
    ask: Ask,
}

/// What answers read until what a change needs is filled
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Fill {
    /// The old version serves until then
    #[default]
    Wait,
    /// The new version serves at once; features that are not filled yet read as missing
    Missing,
}

impl Fill {
    fn name(self) -> &'static str {
        match self {
            Fill::Wait => "wait",
            Fill::Missing => "missing",
        }
    }
}

#[derive(Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    proposed: Proposed,
    /// What answers read until new and changed features are filled from the log
    #[arg(long, value_enum, default_value_t)]
    fill: Fill,
    /// The version that you have looked at; if another one is in force by now, nothing is changed
    #[arg(long)]
    base: Option<u32>,
    /// Return at once, even if state is still being filled
    #[arg(long)]
    no_wait: bool,
}

#[derive(Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    ask: Ask,
    /// The version to go back to; default: the one before the version in force
    #[arg(long)]
    to: Option<u32>,
    /// What answers read until what the version needs is filled from the log
    #[arg(long, value_enum, default_value_t)]
    fill: Fill,
    /// The version that you believe is in force; if it is another one, nothing is changed
    #[arg(long)]
    base: Option<u32>,
    /// Return at once, even if state is still being filled
    #[arg(long)]
    no_wait: bool,
}

#[derive(Args)]
pub(crate) struct Show {
    #[command(flatten)]
    server: Server,
    /// The version; default: the one in force
    #[arg(long)]
    version: Option<u32>,
}

impl Spec {
    pub(crate) fn run(self) -> Result<()> {
        match self {
            Spec::Plan(proposed) => {
                let text = proposed.compiled()?;
                let Ask { server, json } = &proposed.ask;
                say(&server.send("POST", "/v1/spec/plan", Some(&text), *json)?)
            }
            Spec::Diff(proposed) => {
                let text = proposed.compiled()?;
                let in_force = proposed.ask.server.read("/v1/spec", false)?;
                show!("{}", line_diff(&in_force, &text));
                Ok(())
            }
            Spec::Apply(apply) => {
                let text = apply.proposed.compiled()?;
                let base = apply.base.map_or(String::new(), |base| format!("&base={base}"));
                let path = format!("/v1/spec?fill={}{base}", apply.fill.name());
                apply.proposed.ask.change("PUT", &path, Some(&text), apply.no_wait)
            }
            Spec::Rollback(rollback) => {
                let named = [("to", rollback.to), ("base", rollback.base)];
                let query: String =
                    named.iter().filter_map(|(name, of)| of.map(|of| format!("&{name}={of}"))).collect();
                let path = format!("/v1/spec/rollback?fill={}{query}", rollback.fill.name());
                rollback.ask.change("POST", &path, None, rollback.no_wait)
            }
            Spec::Show(show) => {
                let path = show.version.map_or("/v1/spec".to_owned(), |version| format!("/v1/spec/versions/{version}"));
                show!("{}", show.server.read(&path, false)?);
                Ok(())
            }
            Spec::Versions(ask) => say(&ask.server.read("/v1/spec/versions", ask.json)?),
            Spec::Status(ask) => say(&ask.server.read("/v1/spec/change", ask.json)?),
            Spec::Cancel(ask) => say(&ask.server.send("DELETE", "/v1/spec/change", None, ask.json)?),
        }
    }
}

impl Proposed {
    /// The text, once it compiles here: mistakes are shown with the file's name, and no server is asked.
    fn compiled(&self) -> Result<String> {
        Ok(node::read_spec(&self.file)?.text.clone())
    }
}

impl Ask {
    /// Asks for a change; waits until what it needs is filled.
    fn change(&self, method: &str, path: &str, text: Option<&str>, no_wait: bool) -> Result<()> {
        let (said, filling) = self.server.begin(method, path, text, self.json)?;
        say(&said)?;
        if no_wait || !filling {
            return Ok(());
        }
        self.wait().context("the change was taken, but its end was not seen; ask with `millrace spec status`")
    }

    /// Shows how the state of a change is filled until it is in force.
    fn wait(&self) -> Result<()> {
        let bar = node::bar(0, "filling");
        let mut waited_for = None;
        loop {
            let said = self.server.read("/v1/spec/change", true)?;
            let status: Value = serde_json::from_str(&said).context("the server's answer is JSON")?;
            if *waited_for.get_or_insert_with(|| status["digest"].clone()) != status["digest"] {
                bail!("another change of the spec was begun since");
            }
            bar.set_length(status["records_in_log"].as_u64().unwrap_or_default());
            bar.set_position(status["records"].as_u64().unwrap_or_default());
            match status["stage"].as_str().unwrap_or_default() {
                "filling" | "saving" | "following" => std::thread::sleep(PAUSE),
                "switched" => {
                    bar.finish_and_clear();
                    return say(&self.server.read("/v1/spec/change", self.json)?);
                }
                "cancelled" => bail!("the change was cancelled; the version before goes on serving"),
                _ => bail!("{}", status["message"].as_str().unwrap_or("the change failed")),
            }
        }
    }
}

fn say(text: &str) -> Result<()> {
    say!("{}", text.trim_end());
    Ok(())
}

/// The lines that only one of two texts has, with three unchanged lines around them: a longest common subsequence.
fn line_diff(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let marked = marked_lines(&old, &new);
    let near = |at: usize| {
        let around = at.saturating_sub(3)..(at + 4).min(marked.len());
        marked[around].iter().any(|(sign, _)| *sign != ' ')
    };
    let mut out = String::new();
    let mut skipped = false;
    for (at, (sign, line)) in marked.iter().enumerate() {
        if near(at) {
            if std::mem::take(&mut skipped) && !out.is_empty() {
                out.push_str("...\n");
            }
            out.push_str(&format!("{sign} {line}\n"));
        } else {
            skipped = true;
        }
    }
    out
}

fn marked_lines<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<(char, &'t str)> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (from, to) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let mut marked: Vec<(char, &str)> = old[..head].iter().map(|line| (' ', *line)).collect();
    if from.len() * to.len() > PAIRS_MAX {
        marked.extend(from.iter().map(|line| ('-', *line)));
        marked.extend(to.iter().map(|line| ('+', *line)));
    } else {
        mark_between(from, to, &mut marked);
    }
    marked.extend(old[old.len() - tail..].iter().map(|line| (' ', *line)));
    marked
}

/// Marks lines by a longest common subsequence.
fn mark_between<'t>(from: &[&'t str], to: &[&'t str], marked: &mut Vec<(char, &'t str)>) {
    let width = to.len() + 1;
    let mut common = vec![0u32; (from.len() + 1) * width];
    for i in (0..from.len()).rev() {
        for j in (0..to.len()).rev() {
            common[i * width + j] = if from[i] == to[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < from.len() || j < to.len() {
        if i < from.len() && j < to.len() && from[i] == to[j] {
            marked.push((' ', from[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == to.len() || i < from.len() && common[(i + 1) * width + j] >= common[i * width + j + 1] {
            marked.push(('-', from[i]));
            i += 1;
        } else {
            marked.push(('+', to[j]));
            j += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;

    /// A server that gives these answers, each on a connection of its own, and then is gone.
    fn server(answers: &'static [(u16, &'static str)]) -> Ask {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let server = Server::at(listener.local_addr().expect("it is bound").to_string());
        std::thread::spawn(move || {
            for (status, body) in answers {
                let (mut stream, _) = listener.accept().expect("somebody asks");
                let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).expect("a head");
                    length =
                        line.strip_prefix("content-length: ").map_or(length, |n| n.trim().parse().expect("a number"));
                    if line.trim().is_empty() {
                        break;
                    }
                }
                reader.read_exact(&mut vec![0; length]).expect("a body");
                let head =
                    format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                stream.write_all((head + body).as_bytes()).expect("it listens");
            }
        });
        Ask { server, json: true }
    }

    const FILLING: &str = r#"{"stage":"filling","digest":"a1","records":1,"records_in_log":2}"#;
    const SWITCHED: &str = r#"{"stage":"switched","digest":"a1","records":2,"records_in_log":2}"#;

    fn applied(answers: &'static [(u16, &'static str)]) -> Result<(), String> {
        let changed = server(answers).change("PUT", "/v1/spec", Some("version: 1"), false);
        changed.map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_change_is_waited_for_until_it_is_in_force() {
        assert_eq!(applied(&[(202, "{}"), (200, FILLING), (200, SWITCHED), (200, SWITCHED)]), Ok(()));
        // It needed no filling: nothing more is asked.
        assert_eq!(applied(&[(200, "{}")]), Ok(()));
    }

    #[test]
    fn a_change_whose_end_is_not_seen_is_no_success() {
        let lost = applied(&[(202, "{}"), (200, FILLING)]).expect_err("the server is gone");
        assert!(lost.contains("its end was not seen") && lost.contains("asking the server"), "{lost}");
        const REFUSED: &str = r#"{"error":{"message":"send a token"}}"#;
        const OTHER: &str = r#"{"stage":"filling","digest":"b2"}"#;
        const FAILED: &str = r#"{"stage":"failed","digest":"a1","message":"no room"}"#;
        let refused = applied(&[(202, "{}"), (401, REFUSED)]).expect_err("the token is no longer taken");
        assert!(refused.contains("its end was not seen") && refused.contains("send a token"), "{refused}");
        let other = applied(&[(202, "{}"), (200, FILLING), (200, OTHER)]).expect_err("it is another's");
        assert!(other.contains("another change"), "{other}");
        assert!(applied(&[(202, "{}"), (200, FAILED)]).expect_err("it failed").contains("no room"));
    }

    #[test]
    fn differences_are_the_lines_that_one_has() {
        let old = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n";
        let new = "a\nb\nc\nd\nE\nf\ng\nh\ni\nj\nk\n";
        assert_eq!(line_diff(old, new), "  b\n  c\n  d\n- e\n+ E\n  f\n  g\n  h\n  i\n  j\n+ k\n");
        assert_eq!(line_diff(old, old), "");
        assert_eq!(line_diff("", "a\n"), "+ a\n");
        assert_eq!(line_diff("a\n", ""), "- a\n");
    }

    #[test]
    fn far_places_are_parted() {
        let old: String = (0..40).map(|line| format!("{line}\n")).collect();
        let new = old.replace("\n5\n", "\nfive\n").replace("\n30\n", "\nthirty\n");
        let diff = line_diff(&old, &new);
        assert!(
            diff.contains("- 5\n+ five\n") && diff.contains("...\n") && diff.contains("- 30\n+ thirty\n"),
            "{diff}"
        );
    }
}
