//! Expressions beside those of other crates: `benches/peers`, a workspace of its own, is built and run; what it prints are the
//! figures.

use super::{Figures, Report};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::Path;
use std::process::Command;

/// Measure expressions by closures and by columns, with the crates `cel` and `zen-expression` in the same run
#[derive(Args)]
pub(crate) struct Expr {
    #[command(flatten)]
    report: Report,
}

/// Of the predicate `amount > 1000.0 && country == "US" && risk >= 0.98`. The slowest compilation, that of a list of 100
/// constants, is noted beside as `compile_us_max`.
const GATES: [(&str, f64, bool); 5] = [
    ("predicate_closure_ns", 15.0, false),
    ("predicate_column_ns", 2.0, false),
    ("ratio_cel", 25.0, true),
    ("ratio_zen", 10.0, true),
    ("predicate_compile_us", 20.0, false),
];

impl Expr {
    pub(super) fn run(self, root: &Path) -> Result<()> {
        let mut figures = Figures(
            serde_json::from_str(&printed_by(root, "benches/peers", self.report.quick)?)
                .context("reading the figures")?,
        );
        for peer in ["cel", "zen"] {
            let ratio = figures.0.get(&format!("predicate_ratio_{peer}")).cloned().unwrap_or_default();
            figures.note(&format!("ratio_{peer}"), ratio);
        }
        let compile = figures.0.iter().filter(|(name, _)| name.ends_with("_compile_us"));
        let slowest = compile.filter_map(|(_, value)| value.as_f64()).fold(0.0, f64::max);
        figures.note("compile_us_max", slowest.into());
        self.report.close(root, super::now(), figures, "expr.jsonl", &GATES)
    }
}

/// Builds the program in a workspace beside this one and returns what it prints.
pub(super) fn printed_by(root: &Path, workspace: &str, quick: bool) -> Result<String> {
    let own = std::env::current_exe().context("finding this program")?;
    let target = own.parent().and_then(Path::parent).context("the target directory has a folder per profile")?;
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["run", "--release", "--quiet", "--locked", "--manifest-path"])
        .arg(Path::new(workspace).join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .args(if quick { &["--", "quick"][..] } else { &[] })
        .current_dir(root)
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("running cargo")?;
    if !output.status.success() {
        bail!("{workspace} does not run");
    }
    String::from_utf8(output.stdout).map(|text| text.trim().to_owned()).context("figures are text")
}
