//! `cargo xtask tidy`: the structure rules of ARCHITECTURE.md and STYLE.md held against the sources.
//! Each finding names the file, the line and the rule.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which product crates each crate may depend on.
const DIRECTIONS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("expr", &["domain"]),
    ("spec", &["domain", "expr"]),
    ("state", &["domain", "expr", "spec"]),
    ("recall", &["domain", "expr", "spec", "state"]),
    ("decision", &["domain", "expr", "spec", "state", "recall"]),
    ("journal", &["domain"]),
    ("engine", &["domain", "expr", "spec", "state", "recall", "decision", "journal"]),
    ("wire", &["domain"]),
    ("gorse", &["domain", "spec", "wire"]),
    ("server", &["domain", "engine", "wire", "gorse"]),
    ("grpc", &["domain", "server", "wire"]),
    ("loadgen", &["domain", "wire"]),
    ("sim", &["domain", "expr", "spec", "state", "recall", "decision", "journal", "engine"]),
    ("millrace", &["domain", "spec", "recall", "decision", "engine", "journal", "wire", "server", "grpc", "loadgen"]),
];

/// Crates that are functions of their arguments alone.
const PURE: &[&str] = &["domain", "expr", "spec", "state", "recall", "decision"];

/// What a pure crate must not name, and why.
const BANNED_IN_PURE: &[(&str, &str)] = &[
    ("std::time", "clocks come in as arguments"),
    ("SystemTime", "clocks come in as arguments"),
    ("Instant::now", "clocks come in as arguments"),
    ("std::thread", "threads are the engine's"),
    ("std::fs", "files are the journal's"),
    ("std::net", "sockets are the server's"),
    ("std::env", "the environment is the program's"),
    ("std::process", "processes are the program's"),
    (" rand::", "seeds come in as arguments"),
    ("HashMap", "its order differs from run to run; use KeyTable, BTreeMap or a sorted vector"),
    ("HashSet", "its order differs from run to run; use KeyTable, BTreeSet or a sorted vector"),
    ("RandomState", "seeds come in as arguments"),
    ("println!", "a pure crate has no output"),
    (".exp2()", "elementary functions come from libm, so that every machine agrees"),
    (".exp()", "elementary functions come from libm, so that every machine agrees"),
    (".ln()", "elementary functions come from libm, so that every machine agrees"),
    (".log2()", "elementary functions come from libm, so that every machine agrees"),
    (".powf(", "elementary functions come from libm, so that every machine agrees"),
];

const NAMES_REFUSED: &[&str] = &["common", "util", "utils", "helpers", "misc", "manager"];
/// How files begin that nobody writes by hand.
const GENERATED: &str = "// @generated";
const FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 70;

/// Checks everything; the error counts the findings, which have been printed.
pub(crate) fn run(root: &Path) -> Result<()> {
    let mut findings = Vec::new();
    check_directions(root, &mut findings)?;
    for file in sources(root)? {
        let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let name = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        check_file(&name, &text, &mut findings);
    }
    for finding in &findings {
        eprintln!("tidy: {finding}");
    }
    if !findings.is_empty() {
        bail!("{} findings", findings.len());
    }
    Ok(())
}

fn check_directions(root: &Path, findings: &mut Vec<String>) -> Result<()> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root)
        .output()
        .context("running cargo metadata")?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).context("reading cargo metadata")?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists packages")?;
    let ours: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        if name == "xtask" {
            continue;
        }
        let Some((_, allowed)) = DIRECTIONS.iter().find(|(of, _)| *of == name) else {
            findings.push(format!("crate {name} is not in the table of directions (xtask/src/tidy.rs)"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let on = dependency["name"].as_str().unwrap_or_default();
            let for_tests = dependency["kind"].as_str() == Some("dev");
            if ours.contains(&on) && !allowed.contains(&on) && !for_tests {
                findings.push(format!("crates/{name}/Cargo.toml: {name} must not depend on {on}"));
            }
            if on == "tokio" && !["server", "grpc", "loadgen", "millrace"].contains(&name) {
                findings.push(format!("crates/{name}/Cargo.toml: tokio belongs to the server only"));
            }
        }
    }
    Ok(())
}

fn sources(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.join("crates"), root.join("xtask")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn check_file(name: &str, text: &str, findings: &mut Vec<String>) {
    if text.starts_with(GENERATED) {
        return;
    }
    let lines: Vec<&str> = text.lines().collect();
    let is_test = name.contains("/tests") || name.contains("/examples/") || name.contains("/benches/");
    if !is_test && !text.starts_with("//!") {
        findings.push(format!("{name}:1: a file opens with `//!`: what it is for"));
    }
    if lines.len() > FILE_LINES_MAX {
        findings.push(format!("{name}: {} lines, at most {FILE_LINES_MAX}", lines.len()));
    }
    if name.split(['/', '.']).any(|part| NAMES_REFUSED.contains(&part)) {
        findings.push(format!("{name}: the name says nothing; put the code where it is used"));
    }
    // A table of test cases may be as long as the cases are many.
    if !is_test {
        check_functions(name, &lines, findings);
    }
    let crate_name = name.strip_prefix("crates/").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    if PURE.contains(&crate_name) && name.contains("/src/") && !is_test {
        check_purity(name, &lines, findings);
    }
}

fn check_purity(name: &str, lines: &[&str], findings: &mut Vec<String>) {
    for (index, line) in lines.iter().enumerate() {
        if line.trim_start().starts_with("#[cfg(test)]") {
            return;
        }
        if line.trim_start().starts_with("//") {
            continue;
        }
        for (banned, why) in BANNED_IN_PURE {
            if line.contains(banned) && !line.contains("libm::") {
                findings.push(format!("{name}:{}: `{banned}` in a pure crate: {why}", index + 1));
            }
        }
    }
}

fn check_functions(name: &str, lines: &[&str], findings: &mut Vec<String>) {
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        let is_function = [
            "fn ",
            "pub fn ",
            "pub(crate) fn ",
            "pub(super) fn ",
            "async fn ",
            "pub async fn ",
            "const fn ",
            "pub const fn ",
        ]
        .iter()
        .any(|head| code.starts_with(head));
        if !is_function || code.ends_with(';') {
            continue;
        }
        let close = format!("{}}}", " ".repeat(indent));
        let Some(length) = lines[start..].iter().position(|line| *line == close) else { continue };
        if length + 1 > FUNCTION_LINES_MAX {
            findings.push(format!(
                "{name}:{}: a function of {} lines, at most {FUNCTION_LINES_MAX}",
                start + 1,
                length + 1
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(name: &str, text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        check_file(name, text, &mut findings);
        findings
    }

    #[test]
    fn planted_faults_are_found() {
        let long = format!("//! x\nfn f() {{\n{}}}\n", "    g();\n".repeat(70));
        let cases = [
            ("crates/state/src/a.rs", "fn f() {}\n".to_owned(), "opens with"),
            ("crates/state/src/a.rs", "//! x\nuse std::collections::HashMap;\n".to_owned(), "HashMap"),
            ("crates/decision/src/a.rs", "//! x\nlet t = Instant::now();\n".to_owned(), "clocks"),
            ("crates/recall/src/a.rs", "//! x\nlet t = x.ln();\n".to_owned(), "libm"),
            ("crates/engine/src/util.rs", "//! x\n".to_owned(), "says nothing"),
            ("crates/engine/src/a.rs", long, "a function of 72 lines"),
            ("crates/engine/src/a.rs", format!("//! x\n{}", "//\n".repeat(800)), "801 lines"),
        ];
        for (name, text, expected) in cases {
            let found = findings(name, &text);
            assert!(found.iter().any(|finding| finding.contains(expected)), "{name}: {found:?}");
        }
        assert_eq!(findings("crates/engine/src/a.rs", "//! x\nuse std::time::Instant;\n"), Vec::<String>::new());
    }
}
