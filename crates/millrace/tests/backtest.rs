//! `millrace backtest` as a process: what it prints and writes, beside nothing that it changes, and what it refuses.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const OLD: &str = "
version: 1
events:
  payment: { user: user, fields: { amount: float } }
  label: { user: user, fields: { payment: string, fraud: bool } }
decisions:
  risk:
    on: payment
    score: amount
    tiers: { stop: 90, otherwise: go }
    labels: { event: label, of: payment, when: fraud }
";

struct Folder(PathBuf);

impl Folder {
    /// With a log of twenty payments, those of the largest amounts bad, as labels say two days later.
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("millrace-backtest-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("the temporary folder is writable");
        let folder = Folder(path);
        folder.write("old.yaml", OLD);
        folder.write("new.yaml", &OLD.replace("stop: 90", "stop: 80"));
        let payments = (0..20).map(|n| {
            format!(
                r#"{{"event":"payment","id":"p{n}","time":"2026-01-01T00:00:{n:02}Z","user":"u","amount":{}}}"#,
                n * 5
            )
        });
        let labels = (0..20).map(|n| {
            let fraud = n >= 16;
            format!(r#"{{"event":"label","id":"l{n}","time":"2026-01-03T00:00:{n:02}Z","user":"u","payment":"p{n}","fraud":{fraud}}}"#)
        });
        folder.write("in.jsonl", &payments.chain(labels).collect::<Vec<_>>().join("\n"));
        let mut import = Command::new(env!("CARGO_BIN_EXE_millrace"));
        import.arg("import").arg("--data").arg(folder.path("in.jsonl"));
        import.arg("--spec").arg(folder.path("old.yaml")).arg("--dir").arg(folder.path("data"));
        let output = import.output().expect("the program starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the folder is writable");
    }

    fn backtest(&self, spec: &str, more: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
        command.arg("backtest").arg("--dir").arg(self.path("data")).arg("--spec").arg(self.path(spec)).args(more);
        command.output().expect("the program starts")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind lies in the system's temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    // What lies in folders of its own (an import's progress) is no part of the log.
    let entries = fs::read_dir(dir).expect("the folder is there").map(|entry| entry.expect("it can be listed"));
    let file = |entry: fs::DirEntry| {
        (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).expect("a file can be read"))
    };
    entries.filter(|entry| entry.path().is_file()).map(file).collect()
}

#[test]
fn a_threshold_is_tried() {
    let folder = Folder::new("tried");
    let before = files(&folder.path("data"));
    let page = folder.path("page.html");
    let output = folder.backtest("new.yaml", &["--json", "--html", &page.to_string_lossy()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!((report["events"].as_u64(), report["changed"].as_u64()), (Some(20), Some(2)));
    let stop = |side: &str| report["labels"][side]["outcomes"][0].clone();
    assert_eq!((stop("old")["recall"].as_f64(), stop("new")["recall"].as_f64()), (Some(0.5), Some(1.0)));
    assert_eq!(report["labels"]["new"]["auc"], 1.0);
    let page = fs::read_to_string(page).expect("it was written");
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    let table = folder.backtest("new.yaml", &["--to", "2026-01-02", "--labels-until", "2026-01-03"]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(table.contains("0 of 20 events labelled") && table.contains("go -> stop: 2 events"), "{table}");
    assert!(files(&folder.path("data")) == before, "a backtest leaves no trace");
}

#[test]
fn what_is_refused() {
    let folder = Folder::new("refused");
    folder.write("bad.yaml", &OLD.replace("score: amount", "score: amuont"));
    for (spec, more, said) in [
        ("bad.yaml", &[][..], "did you mean `amount`"),
        ("none.yaml", &[], "none.yaml"),
        ("new.yaml", &["--decision", "rsk"], "the spec has no decision 'rsk'; it has: risk"),
        ("new.yaml", &["--from", "2026-01-02", "--to", "2026-01-01"], "--to is not after --from"),
        ("new.yaml", &["--from", "yesterday"], "2026-11-01"),
        ("new.yaml", &["--html", "/none/page.html"], "writing /none/page.html"),
    ] {
        let output = folder.backtest(spec, more);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(said), "wanted `{said}`, got: {error}");
        assert!(output.stdout.is_empty(), "{more:?}");
    }
    let empty = folder.backtest("new.yaml", &["--from", "2026-02-01"]);
    let said = String::from_utf8_lossy(&empty.stdout).into_owned();
    assert!(empty.status.success() && said.contains("no event was decided in this range"), "{said}");
    assert!(said.contains("the log reaches from 2026-01-") && !said.contains("1970"), "{said}");
}
