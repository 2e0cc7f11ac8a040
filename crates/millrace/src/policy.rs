//! `millrace policy dry-run`: what a spec would have changed in the decisions of the last hour.

use crate::node;
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use domain::{Span, not_in_spec};
use engine::{Acted, Asked, DryRun};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Look at what policies do
#[derive(Subcommand)]
pub(crate) enum Policy {
    DryRun(Arguments),
}

/// Compute recent decisions again under another spec, and say what would have been different
///
/// Nothing is written, so it may run beside a serving node; it reads what is durable of the log at the start, and none can be
/// started while it runs. State is built as the other spec would have it. What users would have done with other slates is not guessed.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The data directory
    #[arg(long)]
    dir: PathBuf,
    /// The spec to try
    #[arg(long)]
    spec: PathBuf,
    /// How much of the log's end is looked at (10m, 1h, 7d, ...), by log time
    #[arg(long, default_value = "1h", value_parser = span)]
    last: Span,
    /// Look at this feed alone
    #[arg(long)]
    feed: Option<String>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

impl Policy {
    pub(crate) fn run(self) -> Result<()> {
        let Policy::DryRun(arguments) = self;
        arguments.run()
    }
}

impl Arguments {
    fn run(self) -> Result<()> {
        let plan = node::read_spec(&self.spec)?;
        if let Some(feed) = self.feed.as_ref().filter(|feed| plan.feed(feed).is_none()) {
            bail!(not_in_spec("feed", feed, plan.feeds.iter().map(|feed| feed.name.as_str())));
        }
        let log = node::open_log(&self.dir)?.0;
        let bar = node::bar(0, "recomputing");
        let asked = Asked { last: self.last, feed: self.feed.clone() };
        let report = log.dry_run(&plan, &asked, &mut |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        });
        bar.finish_and_clear();
        let report = report.with_context(|| format!("trying {} on {}", self.spec.display(), self.dir.display()))?;
        if self.json {
            say!("{:#}", as_json(&report));
        } else {
            show!("{}", as_text(&report, self.last));
        }
        Ok(())
    }
}

fn span(text: &str) -> Result<Span, String> {
    Span::parse(text).ok_or_else(|| format!("'{text}' is not a duration; write 10m, 1h or 7d"))
}

fn as_json(report: &DryRun) -> Value {
    let items = |items: &[(String, u64)]| -> Vec<Value> {
        items.iter().map(|(item, times)| json!({ "item": item, "times": times })).collect()
    };
    let policy = |acted: &Acted| {
        let Acted { feed, policy, decisions, removed, scaled, placed } = acted;
        json!({
            "feed": feed,
            "policy": policy,
            "decisions": decisions,
            "removed": removed,
            "scaled": scaled,
            "placed": placed,
        })
    };
    json!({
        "from_ms": report.span.0.0,
        "to_ms": report.span.1.0,
        "decisions": report.decisions,
        "changed": report.changed,
        "overlap": report.overlap,
        "items_gone": items(&report.items_gone),
        "items_added": items(&report.items_added),
        "places_changed": report.places,
        "policies": report.policies.iter().map(policy).collect::<Vec<_>>(),
        "cut_short": report.cut_short,
        "pages": report.pages,
        "gone": report.gone,
        "refused": report.refused.0,
        "refused_first": report.refused.1,
    })
}

fn as_text(report: &DryRun, last: Span) -> String {
    let DryRun { decisions, changed, .. } = report;
    let share = |part: u64| if *decisions == 0 { 0.0 } else { 100.0 * part as f64 / *decisions as f64 };
    let mut out =
        format!("{decisions} decisions of the last {last} of the log, {changed} changed ({:.1}%)\n", share(*changed));
    out.push_str(&format!("overlap of slates {:.1}% in the mean\n", 100.0 * report.overlap));
    for (what, items) in [("gone", &report.items_gone), ("added", &report.items_added)] {
        if !items.is_empty() {
            let items: Vec<String> = items.iter().map(|(item, times)| format!("{item} {times}x")).collect();
            out.push_str(&format!("{what:<6} {}\n", items.join(", ")));
        }
    }
    if *changed > 0 {
        let shown = report.places.iter().enumerate().take(10);
        let places: Vec<String> =
            shown.map(|(place, &differ)| format!("{}: {:.0}%", place + 1, share(differ))).collect();
        out.push_str(&format!("places that differ  {}\n", places.join("  ")));
    }
    for acted in &report.policies {
        let Acted { feed, policy, decisions, removed, scaled, placed } = acted;
        let counts = [(removed, "removed"), (scaled, "scaled"), (placed, "placed or moved")];
        let did: Vec<String> =
            counts.iter().filter(|(count, _)| **count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        let did = if did.is_empty() { "did nothing".to_owned() } else { did.join(", ") };
        out.push_str(&format!("policy {feed}: {policy}\n       in {decisions} decisions: {did}\n"));
    }
    let notes = [
        (report.cut_short, "were cut short by their deadline then, and are compared with whole ones"),
        (report.pages, "were further pages, which are not computed anew"),
        (report.gone, "read what retention has dropped"),
        (report.refused.0, "are refused by this spec"),
    ];
    for (count, what) in notes.iter().filter(|(count, _)| *count > 0) {
        out.push_str(&format!("{count} {what}\n"));
    }
    if let Some(first) = &report.refused.1 {
        out.push_str(&format!("       the first: {first}\n"));
    }
    out
}
