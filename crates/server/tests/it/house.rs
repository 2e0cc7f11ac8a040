//! What every test here needs: a server that cleans up after itself, and answers as JSON.

use engine::{Clock, Engine};
use loadgen::{Client, Response};
use serde_json::Value;
use server::{Config, Server};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(crate) const SPEC: &str = "
version: 1
entities:
  item: { fields: { category: string, price: float } }
events:
  view: { user: user, item: item, fields: { dwell: duration } }
features:
  user:
    recent: last(view, item, 20)
    views: count(view, 1d)
  item:
    heat: decayed(view, 1h)
lists:
  picks: { of: item, max: 5 }
  blocked: { of: item }
feeds:
  home:
    for: user
    recall:
      hot:     { top: item.heat, limit: 50 }
      similar: { co_visited: view, from: user.recent, limit: 50 }
      picks:   { list: picks, limit: 5 }
    filter:
      - item.price < 100.0
      - '!listed(item, blocked)'
    rank: { score: recall.score + item.heat / 100 }
    rerank: { spread: item.category, window: 4, max: 2 }
";

pub(crate) struct House {
    server: Option<Server>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) folder: PathBuf,
}

impl House {
    /// A server without tokens and with short times.
    pub(crate) fn open() -> House {
        House::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> House {
        House::of(SPEC, change)
    }

    /// A server of another spec.
    pub(crate) fn of(spec: &str, change: impl FnOnce(&mut Config)) -> House {
        House::around(engine_of(spec, |_, _| {}), change)
    }

    /// A server whose log moves only when somebody is told that something was taken.
    pub(crate) fn quiet() -> House {
        House::around(engine_of(SPEC, |engine, _| engine.tick_every = domain::Span(0)), |_| {})
    }

    /// A server of another spec over an engine with other settings.
    pub(crate) fn settled(spec: &str, change: impl FnOnce(&mut engine::Config, &mut journal::Options)) -> House {
        House::around(engine_of(spec, change), |_| {})
    }

    /// The same directory, served again by a new engine.
    pub(crate) fn reopened(self, spec: &str) -> House {
        self.reopened_with(spec, |_| {})
    }

    /// The same by a server with other settings.
    pub(crate) fn reopened_with(mut self, spec: &str, change: impl FnOnce(&mut Config)) -> House {
        self.stop();
        self.engine.stop();
        let folder = std::mem::take(&mut self.folder);
        drop(self);
        House::around(engine_in(folder, spec, |_, _| {}), change)
    }

    fn around((engine, folder): (Arc<Engine>, PathBuf), change: impl FnOnce(&mut Config)) -> House {
        let mut config = Config::new(local());
        config.threads = 1;
        config.limits.head_time = Duration::from_millis(400);
        config.limits.idle_time = Duration::from_millis(1_500);
        config.limits.body_grace = Duration::from_millis(400);
        config.limits.stop_time = Duration::from_secs(2);
        change(&mut config);
        let server = Server::start(config, engine.clone()).expect("a loopback port is free");
        House { server: Some(server), engine, folder }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.as_ref().expect("the server runs").address()
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.address(), Duration::from_secs(5))
    }

    /// Stops the server and waits for it.
    pub(crate) fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop();
        if !self.folder.as_os_str().is_empty() {
            // What is left behind lies in the system's temporary folder.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// An engine in a temporary folder of its own.
pub(crate) fn engine() -> (Arc<Engine>, PathBuf) {
    engine_with(|_, _| {})
}

/// The same with other settings.
pub(crate) fn engine_with(change: impl FnOnce(&mut engine::Config, &mut journal::Options)) -> (Arc<Engine>, PathBuf) {
    engine_of(SPEC, change)
}

fn engine_of(spec: &str, change: impl FnOnce(&mut engine::Config, &mut journal::Options)) -> (Arc<Engine>, PathBuf) {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = format!("millrace-server-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    engine_in(std::env::temp_dir().join(name), spec, change)
}

fn engine_in(
    folder: PathBuf,
    spec: &str,
    change: impl FnOnce(&mut engine::Config, &mut journal::Options),
) -> (Arc<Engine>, PathBuf) {
    let disk = Arc::new(journal::FileDisk::open(&folder).expect("the temporary folder is writable"));
    let plan = spec::compile("test.yaml", spec).unwrap_or_else(|wrong| panic!("{}", spec::render(&wrong)));
    let (mut settings, mut options) = (engine::Config::new(Clock::Wall), journal::Options::default());
    change(&mut settings, &mut options);
    let (engine, _) =
        Engine::open(disk, options, Arc::new(plan), settings, &mut |_, _| {}).expect("an empty folder opens");
    (Arc::new(engine), folder)
}

pub(crate) fn local() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// The body as JSON.
pub(crate) fn json(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap_or_else(|error| panic!("{error}: {}", response.text()))
}

/// Asserts the one shape of errors; returns its code and field.
pub(crate) fn error(response: &Response) -> (u16, String, String) {
    let body = json(response);
    let error = body["error"].as_object().unwrap_or_else(|| panic!("no error in {body}"));
    let keys: Vec<&str> = error.keys().map(String::as_str).collect();
    let of_expression = ["caret", "code", "column", "field", "message"];
    assert!(keys == ["code", "field", "message"] || keys == of_expression, "{body}");
    let text = |name: &str| error[name].as_str().expect("a string").to_owned();
    assert!(!text("message").is_empty());
    for leak in ["src/", ".rs", "panicked", "Error {", "crates"] {
        assert!(!body.to_string().contains(leak), "{body} tells of {leak}");
    }
    (response.status, text("code"), text("field"))
}
