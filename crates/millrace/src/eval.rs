//! `millrace eval`: how good recommendations are on public data, measured with the code that serves, at the data's own time.

mod candidates;
mod decisions;
mod diversity;
mod held_out;
mod measure;
mod prequential;

use crate::{dataset, node};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;
use spec::Plan;
use std::path::PathBuf;
use std::sync::Arc;

/// Specs of the data sets that have one, by the folder's name.
const SPECS: [(&str, &str); 6] = [
    ("ml-100k", include_str!("../../../examples/eval/ml-100k.yaml")),
    ("retailrocket-multibehaviour", include_str!("../../../examples/eval/retailrocket-multibehaviour.yaml")),
    ("yoochoose-100k", include_str!("../../../examples/eval/yoochoose-100k.yaml")),
    ("amazon-beauty-seq", include_str!("../../../examples/eval/amazon-beauty-seq.yaml")),
    ("fraud-simulated", include_str!("../../../examples/eval/fraud-simulated.yaml")),
    ("ml-1m-ncf", include_str!("../../../examples/eval/ml-1m-ncf.yaml")),
];

/// Measure the quality of recommendations on a public data set
///
/// The data goes through exactly the code that serves: one log, one state, one feed pipeline; nothing is trained ahead and
/// no event is known before its turn.
///
/// MovieLens 100k, RetailRocket, and any file that `millrace import` reads, prequentially (ask, then learn). For each event in
/// file order: move the clock to the event's time (the clock is the largest time so far); ask every arm for the event's user,
/// 100 items of the whole catalogue, from the events before; note the rank of the event's item; then learn the event. Every
/// event with a user and an item is asked and learned, of whatever behaviour, the first one too. `all` counts every event;
/// `new_to_user` only those whose item the user has had no event with before. An item that is not among the 100 counts 0.
/// hr@10: the item is among the first 10. ndcg@10: 1/log2(rank + 1) if it is. mrr: 1/rank, within the 100. Scores that are
/// equal are ordered by item number, in the order of first appearance.
///
/// Arms: `feed`, the spec's feed of that name; each of its routes alone, by the route's name; `popularity`, the spec's feed of
/// that name (the most frequent items so far). All have the same filters. `coverage` is the share of the catalogue that `feed`
/// has ever put among its first 10.
///
/// MovieLens 1M, in the protocol of "Neural Collaborative Filtering" (He et al., WWW 2017): learn all pairs but the one held
/// out per user, in file order; then score that one and the 99 given negatives by the first route of each feed of the spec, with
/// the user's items as context. A negative with an equal score is ranked before the held-out item.
///
/// With --diversity, in the same order of asking and learning, ten items each: ild@10 is the mean distance of two items of a list
/// (1 - the share of common elements of the items' first attribute of type [string]), values@10 how many different elements a list
/// has, coverage the share of the catalogue that was ever listed, us the mean time of an answer in microseconds.
///
/// YOOCHOOSE (session-rec's 100k cut): learn the training file in order of time; then, learning nothing more, ask for every prefix
/// of every test session as an anonymous visit, its items as `recent`, at the time of its last click. Amazon Beauty (S3-Rec's
/// cut): learn all but everybody's last item, user after user, and ask for each user. 100 items of the whole catalogue; items with
/// an equal score are ranked before the one that came next. hr, ndcg and mrr look at the first 20 and the first 10. Where the data
/// comes with another program's recommendations for some prefixes, those are scored the same way, beside ours for the same prefixes.
///
/// Simulated card payments (the Fraud Detection Handbook's), decided by the spec's first decision, each as of its own position: the
/// first 8 days are for learning, the last 4 are judged; what was a fraud is known two days later, by `label` events. auc,
/// average_precision, and card_precision@100: the share of defrauded cards among a day's 100 with the highest scores, in the mean
/// over days. Over all cards, and over those that were not defrauded in the days of learning.
///
/// The settings of the specs in examples/eval were picked on these same streams: the figures say what the engine can do with
/// fitting settings, not what it would do on data nobody has looked at.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Eval {
    /// The folder or file
    #[arg(long)]
    data: PathBuf,
    /// The spec, with feeds `feed` and `popularity` [default: examples/eval/<the folder's name>.yaml, built in]
    #[arg(long)]
    spec: Option<PathBuf>,
    /// Stop after this many events
    #[arg(long)]
    limit: Option<u64>,
    /// The event type of CSV rows without a column `event`
    #[arg(long)]
    event: Option<String>,
    /// Measure what rerankers for variety cost and give instead: `feed` as it is, and with `spread`, `mmr` or `dpp`
    #[arg(long)]
    diversity: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What was measured: as JSON, and as a table for people.
struct Report {
    json: Value,
    table: String,
}

impl Eval {
    pub(crate) fn run(self) -> Result<()> {
        let judged = self.data.join("ml-1m.test.negative").is_file();
        let tests = if judged { dataset::judged(&self.data)? } else { Vec::new() };
        let data = dataset::open(&self.data, self.event.as_deref())?;
        let plan = self.plan(&data.name)?;
        if let Some(paid) = dataset::paid(&self.data)? {
            return self.print(&decisions::run(&plan, &data.name, paid)?);
        }
        let report = if self.diversity {
            diversity::run(&plan, data, self.limit)?
        } else if judged {
            candidates::run(&plan, data, &tests, self.limit)?
        } else if let Some(held) = dataset::held_out(&self.data)? {
            held_out::run(&plan, data, &held, self.limit)?
        } else {
            prequential::run(&plan, data, self.limit)?
        };
        self.print(&report)
    }

    fn print(&self, report: &Report) -> Result<()> {
        if self.json {
            say!("{:#}", report.json);
        } else {
            show!("{}", report.table);
        }
        Ok(())
    }

    fn plan(&self, name: &str) -> Result<Arc<Plan>> {
        if let Some(path) = &self.spec {
            return node::read_spec(path);
        }
        let Some((known, text)) = SPECS.iter().find(|(known, _)| *known == name) else {
            let known: Vec<&str> = SPECS.iter().map(|(known, _)| *known).collect();
            bail!("there is no spec for '{name}' (there is for {}); name one with --spec FILE", known.join(", "));
        };
        let plan = spec::compile(&format!("examples/eval/{known}.yaml"), text);
        plan.map(Arc::new).map_err(|wrong| anyhow::anyhow!("{}", spec::render(&wrong)))
    }
}

/// The feed of a name.
fn feed(plan: &Plan, name: &str) -> Result<usize> {
    plan.feed(name).map(usize::from).with_context(|| format!("the spec has no feed '{name}'"))
}

#[cfg(test)]
mod tests;
