//! What the operator wrote, checked, as one immutable plan; or all that is wrong with it, each mistake with its place.
//! `compile` is the way in; `diff` compares two plans; `bind` fits one to a dictionary; `Plan::describe` says what one costs.

mod build;
mod bundle;
mod carried;
mod carry;
mod cost;
mod decode;
mod diagnostic;
mod diff;
mod frozen;
mod interim;
pub mod plan;
mod request;
mod schema;
mod source;
mod summary;
mod tenants;
mod yaml;

pub use bundle::bundle;
pub use carried::{Carried, carried};
pub use carry::{Carrying, carry};
pub use diagnostic::{Diagnostic, Diagnostics, Warning, render, render_warning};
pub use diff::{Diff, attributes_alike, diff, state_digest};
pub use frozen::frozen;
pub use interim::{interim, is_interim, written};
pub use plan::Plan;
pub use request::{Overlay, Tried, overlay, trial};
pub use schema::schema;
pub use summary::{DecisionSummary, FeatureSummary, Summary, TableSummary};
pub use tenants::{Tenant, TenantLimits, Tenants, is_tenant_name, read_tenants};

use diagnostic::{Issue, Issues};
use domain::Symbol;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Compiles a spec. `file_name` is only for the diagnostics.
///
/// # Errors
/// Everything that is wrong with it, in the order of the file. Text that is not YAML stops at the first mistake of syntax.
pub fn compile(file_name: &str, text: &str) -> Result<Plan, Diagnostics> {
    compile_with(file_name, text, &BTreeMap::new())
}

/// The same plan for a dictionary that has numbers of its own for the string constants: `number` says which.
pub fn bind(plan: &Arc<Plan>, number: &mut dyn FnMut(&str) -> Symbol) -> Arc<Plan> {
    let symbols: Vec<Symbol> = plan.constants.iter().map(|text| number(text)).collect();
    if symbols == plan.symbols {
        return plan.clone();
    }
    let numbers = plan.constants.iter().cloned().zip(symbols).collect();
    Arc::new(compile_with("a plan", &plan.text, &numbers).expect("it has been compiled before"))
}

fn compile_with(file_name: &str, text: &str, numbers: &BTreeMap<String, Symbol>) -> Result<Plan, Diagnostics> {
    if let Some((kept, new)) = interim::parts(text) {
        // One level: a kept text is never an interim one.
        let nested = interim::parts(kept).is_some() || interim::parts(new).is_some();
        if !nested {
            return interim::compile_interim(file_name, text, (kept, new), numbers);
        }
    }
    if let Some((from, written)) = carried::parts(text) {
        let plan = compile_with(file_name, written, numbers)?;
        // The digest stays that of what was written.
        return Ok(Plan { text: text.to_owned(), carried: Some(from), ..plan });
    }
    let mut issues = Issues::default();
    let plan = yaml::read(text, &mut issues).map(|root| {
        let mut source = decode::decode(&root, &mut issues);
        frozen::hold(text, &mut source);
        build::build(text, &source, numbers, &mut issues)
    });
    match plan {
        Some(mut plan) if issues.is_empty() => {
            plan.warnings = issues.take_warnings(text);
            Ok(plan)
        }
        _ => Err(issues.finish(file_name, text)),
    }
}

/// Compiles a spec from the bytes of a file.
///
/// # Errors
/// As `compile`; and bytes that are not UTF-8 are refused.
pub fn compile_bytes(file_name: &str, bytes: &[u8]) -> Result<Plan, Diagnostics> {
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return compile(file_name, text),
        Err(error) => error,
    };
    let valid = &bytes[..error.valid_up_to()];
    let text = std::str::from_utf8(valid).expect("this part was found to be UTF-8");
    let sixteen =
        matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) || bytes.iter().take(4).filter(|&&b| b == 0).count() > 1;
    let message = if sixteen { "the file is UTF-16; a spec must be UTF-8" } else { "the file is not UTF-8" };
    let mut issues = Issues::default();
    issues.push(Issue::new("not_utf8", &(valid.len()..valid.len()), message).help("save it as UTF-8 without BOM"));
    Err(issues.finish(file_name, text))
}

#[cfg(test)]
mod tests;
