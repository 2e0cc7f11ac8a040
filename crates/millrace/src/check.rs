//! `millrace check`: is a spec, or a file of tenants, right, and what does it cost?

use crate::node;
use crate::tenants::{self, Hosted};
use anyhow::{Result, bail};
use clap::Args;
use decision::Rulesets;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Rules that run on every event and are told of one by one.
const UNINDEXED_TOLD: usize = 10;

/// Check a spec: every mistake and every warning with its place, and what its features cost
///
/// Takes a file of tenants too (`tenants:` in it): every spec and file of tokens that it names is read, and what is wrong is
/// said tenant by tenant.
#[derive(Args)]
pub(crate) struct Check {
    /// The spec file, or the file of tenants
    spec: PathBuf,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(crate) fn run(self) -> Result<()> {
        // A file that cannot be read or is no text is the spec reader's to report.
        if std::fs::read_to_string(&self.spec).is_ok_and(|text| tenants::is_tenants_file(&text)) {
            return self.check_tenants();
        }
        let plan = node::read_spec(&self.spec)?;
        let summary = plan.describe();
        if self.json {
            let mut told = as_json(&summary, &plan.warnings_at(node::now()));
            told["unindexed_rules"] = unindexed(&plan).into_iter().map(Unindexed::into_json).collect();
            say!("{told:#}");
            return Ok(());
        }
        say!("{}: no mistakes", self.spec.display());
        show!("{summary}");
        print_unindexed(&plan);
        Ok(())
    }

    fn check_tenants(&self) -> Result<()> {
        let hosting = tenants::read(&self.spec)?;
        // As the server would: names, tokens in common.
        server::check_tenants(&hosting.configs(), &hosting.operator)?;
        let broken = hosting.tenants.iter().filter(|hosted| hosted.plan.is_err()).count();
        if self.json {
            say!("{:#}", Value::Array(hosting.tenants.iter().map(tenant_as_json).collect()));
        } else {
            hosting.tenants.iter().for_each(print_tenant);
        }
        match broken {
            0 => Ok(()),
            _ => bail!("{broken} of {} tenants would not be served", hosting.tenants.len()),
        }
    }
}

/// A rule that is evaluated on every event.
struct Unindexed<'p> {
    decision: &'p str,
    rule: &'p str,
    why: &'static str,
}

impl Unindexed<'_> {
    fn into_json(self) -> Value {
        json!({ "decision": self.decision, "rule": self.rule, "why": self.why })
    }
}

fn unindexed(plan: &spec::Plan) -> Vec<Unindexed<'_>> {
    let rulesets = Rulesets::new(plan, &[]);
    let mut found = Vec::new();
    for (at, decision) in (0..).zip(&plan.decisions) {
        let rules = rulesets.of(at).unindexed().iter();
        found.extend(rules.map(|of| {
            let rule = &decision.rules[of.rule as usize].id;
            Unindexed { decision: &decision.name, rule, why: of.why }
        }));
    }
    found
}

fn print_unindexed(plan: &spec::Plan) {
    let unindexed = unindexed(plan);
    for Unindexed { decision, rule, why } in unindexed.iter().take(UNINDEXED_TOLD) {
        say!("decision {decision}: rule {rule} runs on every event because {why}");
    }
    if let Some(more) = unindexed.len().checked_sub(UNINDEXED_TOLD).filter(|more| *more > 0) {
        say!("... and {more} more; `--json` names all");
    }
}

fn print_tenant(hosted: &Hosted) {
    let name = &hosted.written.name;
    match &hosted.plan {
        Err(error) => say!("{name}: {error:#}"),
        Ok(plan) => {
            let rows = match (hosted.written.limits.entities, row_bytes(plan)) {
                (Some(entities), bytes) => {
                    let most = u64::from(entities).saturating_mul(bytes) >> 20;
                    format!(
                        "at most {most} MiB of rows with {entities} entities of each type, crossed rows not counted"
                    )
                }
                (None, bytes) => format!("{bytes} bytes of rows for an entity of each type; `entities` is not limited"),
            };
            say!("{name}: no mistakes in {}; {rows}", hosted.spec.display());
        }
    }
}

fn tenant_as_json(hosted: &Hosted) -> Value {
    let mut tenant = json!({ "name": hosted.written.name, "spec": hosted.spec.display().to_string() });
    match &hosted.plan {
        Ok(plan) => tenant["summary"] = as_json(&plan.describe(), &plan.warnings_at(node::now())),
        Err(error) => tenant["mistakes"] = format!("{error:#}").into(),
    }
    tenant
}

/// Bytes of rows that one entity of each type needs, its crossed rows not counted.
fn row_bytes(plan: &spec::Plan) -> u64 {
    let tables = plan.describe().tables;
    tables.iter().filter(|table| !table.name.contains('.')).map(|table| table.bytes_per_key as u64).sum()
}

fn as_json(summary: &spec::Summary, warnings: &[&spec::Diagnostic]) -> Value {
    let warnings: Vec<Value> = warnings
        .iter()
        .map(|warning| {
            json!({
                "code": warning.code,
                "line": warning.line,
                "column": warning.column,
                "message": warning.message,
                "help": warning.help,
            })
        })
        .collect();
    let tables: Vec<Value> = summary
        .tables
        .iter()
        .map(|table| {
            let features: Vec<Value> = table
                .features
                .iter()
                .map(|feature| {
                    json!({
                        "name": feature.name,
                        "type": feature.ty,
                        "bytes_per_key": feature.bytes_per_key,
                        "ns_per_event": feature.ns_per_event,
                        "window_error_ms": feature.window_error.map(|span| span.0),
                    })
                })
                .collect();
            json!({ "name": table.name, "bytes_per_key": table.bytes_per_key, "features": features })
        })
        .collect();
    json!({
        "tables": tables,
        "streams": summary.streams,
        "slots": summary.slots,
        "costliest_event": summary.costliest_event.as_ref().map(|(event, ns)| json!({ "event": event, "ns": ns })),
        "indexes": summary.indexes,
        "feeds": summary.feeds,
        "warnings": warnings,
    })
}
