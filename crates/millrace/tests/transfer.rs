//! `millrace import` and `export` as processes: killed at any moment, and against a running server.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const SPEC: &str = "
version: 1
entities:
  item: { fields: { price: float } }
events:
  view: { user: user, item: item }
features:
  user:
    views: count(view, 1d)
";

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("millrace-transfer-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("the temporary folder is writable");
        fs::write(path.join("spec.yaml"), SPEC).expect("the folder is writable");
        Folder(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind lies in the system's temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It has ended already where the test was a success.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn import(folder: &Folder, to: &[&str], dir: Option<&Path>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
    command.args(["import", "--json", "--data"]).arg(folder.path("in.jsonl"));
    command.arg("--spec").arg(folder.path("spec.yaml")).args(to);
    if let Some(dir) = dir {
        command.arg("--dir").arg(dir);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

fn summary(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).expect("it prints its summary")
}

fn write_rows(folder: &Folder, count: u64) {
    let line = |n: u64| match n % 5 {
        0 => format!("{{\"entity\":\"item\",\"key\":\"i{}\",\"fields\":{{\"price\":{n}}}}}\n", n % 90),
        // Hours apart: within a second's rows ids are forgotten.
        _ => format!("{{\"event\":\"view\",\"user\":\"u{}\",\"item\":\"i1\",\"time\":{}}}\n", n % 50, n * 7_000_000),
    };
    fs::write(folder.path("in.jsonl"), (0..count).map(line).collect::<String>()).expect("the folder is writable");
}

#[test]
fn an_import_that_is_killed_goes_on_without_doubling() {
    let folder = Folder::new("killed");
    write_rows(&folder, 60_000);
    let dir = folder.path("dir");
    for pause_ms in [40, 90, 160] {
        let mut child = Killed(import(&folder, &[], Some(&dir)).spawn().expect("it was built"));
        std::thread::sleep(Duration::from_millis(pause_ms));
        child.0.kill().expect("it can be killed");
    }
    let last = import(&folder, &[], Some(&dir)).output().expect("it was built");
    assert!(last.status.success());
    let last = summary(&last);
    assert_eq!((last["complete"].as_bool(), last["rows_done"].as_u64()), (Some(true), Some(60_000)));
    // The spec's record, and each row once.
    assert_eq!(last["position"], 60_001);
}

#[test]
fn a_running_server_takes_rows_and_is_exported() {
    let folder = Folder::new("server");
    write_rows(&folder, 5_000);
    let mut server = Command::new(env!("CARGO_BIN_EXE_millrace"));
    server.args(["serve", "--bind", "127.0.0.1:0", "--spec"]).arg(folder.path("spec.yaml"));
    server.arg("--dir").arg(folder.path("dir"));
    let mut server = Killed(server.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it was built"));
    // Open to the end: a server whose output is closed cannot say more.
    let mut lines = BufReader::new(server.0.stdout.take().expect("it is piped")).lines();
    let url = lines.by_ref().map(|line| line.expect("it is text")).find_map(|line| {
        let rest = line.split("http://").nth(1)?;
        Some(format!("http://{}", rest.split(';').next()?.trim()))
    });
    let url = url.expect("it says where it listens");
    let sent = summary(&import(&folder, &["--to", &url], None).output().expect("it was built"));
    assert_eq!((sent["accepted"].as_u64(), sent["refused"].as_u64()), (Some(5_000), Some(0)));
    let again = summary(&import(&folder, &["--to", &url, "--restart"], None).output().expect("it was built"));
    assert_eq!((again["accepted"].as_u64(), again["duplicates"].as_u64()), (Some(1_000), Some(4_000)));
    let mut export = Command::new(env!("CARGO_BIN_EXE_millrace"));
    export.args(["export", "--json", "--what", "events,item", "--dir"]).arg(folder.path("dir"));
    let exported = summary(&export.arg("--out").arg(folder.path("out")).output().expect("it was built"));
    assert_eq!(exported["rows"], 4_000 + 18);
    drop(lines);
}
