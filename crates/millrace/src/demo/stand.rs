//! A real server on a real log, and clients that speak HTTP to it.

use crate::node;
use anyhow::{Context, Result, ensure};
use engine::{Clock, Config, Engine, Plan};
use journal::Options;
use loadgen::{Client, Response};
use serde_json::Value;
use server::{Role, Server, Token};
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Threads of the server, by name, for their CPU time.
const SERVER_THREADS: [&str; 5] = ["http", "reader", "sync", "publish", "checkpoint"];
/// How long a client waits for the server.
const PATIENCE: Duration = Duration::from_secs(40);

/// A server that listens, and how to reach it.
pub(super) struct Stand {
    server: Server,
    token: Option<String>,
}

impl Stand {
    /// Serves a directory to this program only: on a free port, behind a token that nobody else learns.
    pub(super) fn private(dir: &Path, plan: &Arc<Plan>, clock: Clock) -> Result<Stand> {
        let hasher = RandomState::new();
        let token = format!("{:016x}{:016x}", hasher.hash_one(1), hasher.hash_one(2));
        let mut http = server::Config::new(SocketAddr::from(([127, 0, 0, 1], 0)));
        http.tokens.push(Token::new(Role::Admin, &token)?);
        let (engine, _) =
            Engine::open(node::open_disk(dir)?, Options::default(), plan.clone(), Config::new(clock), &mut |_, _| {})?;
        Ok(Stand { server: Server::start(http, Arc::new(engine))?, token: Some(token) })
    }

    /// Serves a directory to everybody on this machine, in real time.
    pub(super) fn open(dir: &Path, plan: &Arc<Plan>, bind: SocketAddr) -> Result<Stand> {
        let (engine, _) = node::open(dir, plan.clone(), Config::new(Clock::Wall), &mut |_, _| ())?;
        Ok(Stand { server: Server::start(server::Config::new(bind), Arc::new(engine))?, token: None })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// A connection of its own.
    pub(super) fn client(&self) -> Connection {
        let client = Client::new(self.address(), PATIENCE);
        Connection(match &self.token {
            Some(token) => client.with_token(token.clone()),
            None => client,
        })
    }

    /// Ends what is in flight, writes a checkpoint.
    pub(super) fn stop(self) {
        self.server.stop();
    }
}

/// A client that takes refusals for errors.
pub(super) struct Connection(Client);

impl Connection {
    /// Sends events or entities; returns the position that all of them are acknowledged at.
    pub(super) fn send(&mut self, path: &str, body: &[u8]) -> Result<u64> {
        let answer = self.json("POST", path, &[], Some(body))?;
        ensure!(answer["refused"] == 0, "the server refused a line: {}", answer["results"]);
        answer["position"].as_u64().context("an acknowledgement without a position")
    }

    /// Asks a feed for a user.
    pub(super) fn ask(&mut self, feed: &str, user: &str, count: usize) -> Result<Value> {
        let body = serde_json::json!({ "user": user, "count": count }).to_string();
        self.json("POST", &format!("/v1/feeds/{feed}"), &[], Some(body.as_bytes()))
    }

    /// Any request that is answered with JSON.
    pub(super) fn json(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Value> {
        Ok(serde_json::from_slice(&self.good(method, path, headers, body)?.body)?)
    }

    /// Any request that is answered with text.
    pub(super) fn text(&mut self, path: &str) -> Result<String> {
        Ok(self.good("GET", path, &[("accept", "text/plain")], None)?.text())
    }

    fn good(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Result<Response> {
        let response = self.0.request(method, path, headers, body)?;
        ensure!(
            (200..300).contains(&response.status),
            "{method} {path} was answered with {}: {}",
            response.status,
            response.text()
        );
        Ok(response)
    }
}

/// CPU seconds of the server's threads so far; none where the system does not tell.
pub(super) fn server_cpu() -> Option<f64> {
    let mut total_ns = 0;
    for task in fs::read_dir("/proc/self/task").ok()? {
        let path = task.ok()?.path();
        // A thread may end while we look.
        let Ok(name) = fs::read_to_string(path.join("comm")) else { continue };
        if SERVER_THREADS.contains(&name.trim()) {
            let figures = fs::read_to_string(path.join("schedstat")).ok()?;
            total_ns += figures.split(' ').next()?.parse::<u64>().ok()?;
        }
    }
    Some(total_ns as f64 / 1e9)
}
