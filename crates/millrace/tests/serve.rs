//! `millrace serve` and `check` as a process of its own: one node, and tenants from a file.

use loadgen::Client;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const SPEC: &str = "
version: 1
events:
  view: { user: user, item: item }
features:
  user:
    views: count(view, 1d)
  item:
    heat: decayed(view, 1h)
feeds:
  home: { for: user, recall: { hot: { top: item.heat } } }
";

const TENANTS: &str = "
version: 1
operator: operator.tokens
tenants:
  good: { spec: good.yaml, tokens: good.tokens, limits: { entities: 1000, log_bytes: 100MiB } }
  broken: { spec: broken.yaml, tokens: broken.tokens }
";

/// A folder with the files of two tenants, the spec of one of them broken.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("millrace-serve-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = Folder(std::env::temp_dir().join(name));
        fs::create_dir_all(&folder.0).expect("the temporary folder is writable");
        folder.write("good.yaml", SPEC);
        folder.write("broken.yaml", "version: 1\nfeeeds: {}\n");
        folder.write("tenants.yaml", TENANTS);
        for name in ["good", "broken", "operator"] {
            folder.write(&format!("{name}.tokens"), &format!("admin secret-of-{name}-0123456789\n"));
        }
        folder
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).expect("the folder is writable");
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

fn millrace() -> Command {
    Command::new(env!("CARGO_BIN_EXE_millrace"))
}

/// A server that was started; killed when dropped.
struct Serving {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Serving {
    fn start(what: [&str; 2], folder: &Folder) -> Serving {
        let mut command = millrace();
        command.args(["serve", "--bind", "127.0.0.1:0", what[0]]).arg(folder.path(what[1]));
        command.arg("--dir").arg(folder.path("data"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it was built");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        Serving { child, stdout }
    }

    /// Reads lines to the one that begins so; returns the address in it.
    fn until(&mut self, begin: &str) -> SocketAddr {
        let mut line = String::new();
        while self.stdout.read_line(&mut line).expect("it is text") > 0 {
            if line.starts_with(begin) {
                let rest = line.split("http://").nth(1).and_then(|rest| rest.split(';').next());
                return rest.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("no address in {line}"));
            }
            line.clear();
        }
        panic!("it ended before it said '{begin}'");
    }

    /// Stops it as an operator would; whether it ended well.
    fn stop(mut self) -> bool {
        let told = Command::new("kill").arg(self.child.id().to_string()).status().expect("kill is there");
        told.success() && self.child.wait().expect("it ends").success()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It has ended already where the test was a success.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn client(address: SocketAddr, tenant: &str) -> Client {
    Client::new(address, Duration::from_secs(10)).with_token(format!("secret-of-{tenant}-0123456789"))
}

fn views(client: &mut Client, path: &str) -> f64 {
    let entity = client.get(path).expect("an answer");
    let entity: serde_json::Value = serde_json::from_slice(&entity.body).expect("it is JSON");
    entity["features"]["views"].as_f64().unwrap_or(-1.0)
}

fn run(arguments: &[&str], folder: &Folder) -> (Output, String) {
    let output = millrace().args(arguments).current_dir(&folder.0).output().expect("it was built");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output, text)
}

#[test]
fn tenants_are_served_from_their_file() {
    let folder = Folder::new();
    let view = br#"{"event":"view","user":"ann","item":"i1"}"#;
    for (round, expected) in [1.0, 2.0].into_iter().enumerate() {
        let mut serving = Serving::start(["--tenants", "tenants.yaml"], &folder);
        let address = serving.until("serving 1 of 2 tenants");
        let mut good = client(address, "good");
        assert_eq!(good.post("/t/good/v1/events", view).expect("an answer").status, 200, "round {round}");
        assert_eq!(views(&mut good, "/t/good/v1/entities/user/ann"), expected, "round {round}");
        let broken = client(address, "broken").get("/t/broken/v1/spec").expect("an answer");
        assert!(broken.status == 503 && broken.text().contains("tenant_failed"), "{}", broken.text());
        assert_eq!(client(address, "broken").get("/t/good/v1/spec").expect("an answer").status, 401);
        let metrics = client(address, "operator").get("/metrics").expect("an answer").text();
        assert!(metrics.contains("millrace_ready{tenant=\"good\"} 1"), "{metrics}");
        assert!(serving.stop(), "it ends well");
    }
    assert!(folder.path("data/good").is_dir());
    let (output, text) = run(&["replay", "--dir", "data/good"], &folder);
    assert!(output.status.success(), "a tenant's directory is like any other: {text}");
}

#[test]
fn one_node_listens_first_and_serves_then() {
    let folder = Folder::new();
    let mut serving = Serving::start(["--spec", "good.yaml"], &folder);
    let listening = serving.until("listening on http://");
    let address = serving.until("serving on http://");
    assert_eq!(listening, address);
    assert_eq!(client(address, "good").get("/readyz").expect("an answer").status, 200);
    let (output, text) = run(&["serve", "--spec", "good.yaml", "--dir", "data", "--bind", "127.0.0.1:0"], &folder);
    assert!(!output.status.success() && text.contains("opening data"), "two on one directory: {text}");
    assert!(serving.stop(), "it ends well");
    let (output, text) =
        run(&["serve", "--tenants", "tenants.yaml", "--dir", "data", "--bind", "127.0.0.1:0"], &folder);
    assert!(!output.status.success() && text.contains("single node"), "{text}");
}

#[test]
fn check_reads_a_file_of_tenants() {
    let folder = Folder::new();
    let (output, text) = run(&["check", "tenants.yaml"], &folder);
    assert!(!output.status.success() && text.contains("good: no mistakes") && text.contains("`feeeds`"), "{text}");
    assert!(text.contains("1 of 2 tenants would not be served"), "{text}");
    folder.write("broken.yaml", SPEC);
    let (output, text) = run(&["check", "--json", "tenants.yaml"], &folder);
    assert!(output.status.success(), "{text}");
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!((&list[0]["name"], list[1]["summary"]["feeds"].as_array().map(Vec::len)), (&"good".into(), Some(1)));
    let (output, text) = run(&["check", "good.yaml"], &folder);
    assert!(output.status.success() && text.contains("good.yaml: no mistakes"), "a spec is a spec: {text}");
}

#[test]
fn mistakes_in_the_file_refuse_the_start() {
    let folder = Folder::new();
    let start = |arguments: &[&str]| {
        let (output, text) = run(&[&["serve", "--dir", "data", "--bind", "127.0.0.1:0"], arguments].concat(), &folder);
        assert!(!output.status.success(), "{text}");
        assert!(!text.contains("secret-of"), "a secret is shown: {text}");
        text
    };
    let with = |text: &str| {
        folder.write("changed.yaml", text);
        start(&["--tenants", "changed.yaml"])
    };
    assert!(with(&TENANTS.replace("good:", "../good:")).contains("error[bad_name]"));
    assert!(with(&TENANTS.replace("broken.tokens", "good.tokens")).contains("token in common"));
    assert!(with(&TENANTS.replace(", tokens: broken.tokens", "")).contains("'broken' has no tokens"));
    assert!(with(&TENANTS.replace("good.tokens", "nothing.tokens")).contains("nothing.tokens"));
    folder.write("good.tokens", "owner secret-of-good-0123456789\n");
    assert!(with(TENANTS).contains("good.tokens line 1"));
    folder.write("good.tokens", "admin secret\n");
    assert!(with(TENANTS).contains("at least 16 bytes"));
    assert!(start(&["--spec", "good.yaml", "--tenants", "tenants.yaml"]).contains("cannot be used with"));
    assert!(start(&[]).contains("--spec"));
    assert!(!Path::new(&folder.path("data")).exists(), "nothing was made");
}

#[test]
fn a_refused_start_leaves_a_folder_as_it_was() {
    let folder = Folder::new();
    folder.write("notes.txt", "somebody's");
    let spec = folder.path("good.yaml");
    let names = || {
        let entries =
            fs::read_dir(&folder.0).expect("it is there").map(|entry| entry.expect("it is there").file_name());
        entries.collect::<std::collections::BTreeSet<_>>()
    };
    let before = names();
    let output = millrace()
        .args(["serve", "--bind", "127.0.0.1:0", "--spec"])
        .arg(spec)
        .arg("--dir")
        .arg(&folder.0)
        .output()
        .expect("it runs");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && error.contains("broken.tokens"), "{error}");
    assert_eq!(names(), before);
}

#[test]
fn an_address_that_is_none_is_told_with_an_example() {
    let output = millrace().args(["serve", "--dir", "none", "--bind", "localhost:7700"]).output().expect("it runs");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && error.contains("write 127.0.0.1:7700"), "{error}");
}
