//! Asking a running server, for commands that show what it says.

use anyhow::{Context, Result, bail};
use clap::Args;
use loadgen::{Client, Response};
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

/// How long the server may take to answer one request.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Time between two looks at something that the server computes in the background.
const PAUSE: Duration = Duration::from_millis(50);

/// Where the server is
#[derive(Args)]
pub(crate) struct Server {
    /// Address of the server: HOST:PORT or http://HOST:PORT
    #[arg(long, default_value = "127.0.0.1:7700")]
    server: String,
    /// Name of the tenant, if the server has tenants
    #[arg(long)]
    tenant: Option<String>,
    /// Bearer token; without it the environment's MILLRACE_TOKEN, which other users of the machine do not see
    #[arg(long)]
    token: Option<String>,
}

impl Server {
    /// The server at an address.
    #[cfg(test)]
    pub(crate) fn at(server: String) -> Server {
        Server { server, tenant: None, token: None }
    }

    /// What the server says at a path, as text for people or as JSON. What it computes in the background is waited for.
    pub(crate) fn read(&self, path: &str, json: bool) -> Result<String> {
        loop {
            let response = self.ask("GET", path, None, json)?;
            if response.status != 202 {
                return Ok(response.text());
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// What the server says to a call that changes something; a body is a spec.
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<&str>, json: bool) -> Result<String> {
        Ok(self.ask(method, path, body, json)?.text())
    }

    /// The same, and whether the server has only begun what was asked for.
    pub(crate) fn begin(&self, method: &str, path: &str, body: Option<&str>, json: bool) -> Result<(String, bool)> {
        let response = self.ask(method, path, body, json)?;
        Ok((response.text(), response.status == 202))
    }

    /// What the server says to a body of JSON that changes nothing.
    pub(crate) fn post(&self, path: &str, body: &str, json: bool) -> Result<String> {
        Ok(self.ask_with("POST", path, Some(("application/json", body)), json)?.text())
    }

    fn ask(&self, method: &str, path: &str, body: Option<&str>, json: bool) -> Result<Response> {
        self.ask_with(method, path, body.map(|body| ("application/yaml", body)), json)
    }

    /// A body comes with its type.
    fn ask_with(&self, method: &str, path: &str, body: Option<(&str, &str)>, json: bool) -> Result<Response> {
        let (address, prefix) = locate(&self.server)?;
        let mut client = Client::new(address, TIMEOUT);
        if let Some(token) = self.token.clone().or_else(|| std::env::var("MILLRACE_TOKEN").ok()) {
            client = client.with_token(token);
        }
        let tenant = self.tenant.as_ref().map_or(String::new(), |tenant| format!("/t/{}", encoded(tenant)));
        let accept = if json { "application/json" } else { "text/plain" };
        let mut headers = vec![("accept", accept)];
        headers.extend(body.map(|(form, _)| ("content-type", form)));
        let response = client
            .request(method, &format!("{prefix}{tenant}{path}"), &headers, body.map(|(_, body)| body.as_bytes()))
            .with_context(|| format!("asking the server {}", self.server))?;
        match response.status {
            200 | 202 => Ok(response),
            _ => bail!("{}", refused(&response)),
        }
    }
}

/// The address of a server, and what stands in front of every path, `/t/NAME` or nothing. It is written `HOST:PORT` or `http://HOST:PORT`.
pub(crate) fn locate(server: &str) -> Result<(SocketAddr, String)> {
    let bare = server.strip_prefix("http://").unwrap_or(server);
    if bare.contains("://") {
        bail!(
            "'{server}' is no address of a server: write HOST:PORT or http://HOST:PORT (there is no TLS here; use a proxy)"
        );
    }
    let (host, prefix) = bare.find('/').map_or((bare, ""), |at| bare.split_at(at));
    let with_port = if host.rsplit(']').next().is_some_and(|end| end.contains(':')) { "" } else { ":80" };
    let named = || format!("finding the server {server}; write HOST:PORT or http://HOST:PORT");
    let address = format!("{host}{with_port}").to_socket_addrs().with_context(named)?.next().with_context(named)?;
    Ok((address, prefix.trim_end_matches('/').to_owned()))
}

/// What a refusal says.
fn refused(response: &Response) -> String {
    let body = serde_json::from_slice::<serde_json::Value>(&response.body).unwrap_or_default();
    let caret = body["error"]["caret"].as_str().map_or(String::new(), |caret| format!("\n{caret}"));
    let field = body["error"]["field"].as_str().filter(|field| !field.is_empty());
    let field = field.map_or(String::new(), |field| format!(" (field '{field}')"));
    let message = body["error"]["message"].as_str().map(|message| format!("{message}{field}{caret}"));
    message.unwrap_or_else(|| format!("the server answered {}: {}", response.status, response.text()))
}

/// Percent-encodes a segment of a path or a value of a query.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    let bytes =
        text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    bytes.collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_refusal_names_the_field() {
        let body = |error: &str| format!("{{\"error\":{{{error}}}}}").into_bytes();
        let said = |body| super::refused(&super::Response { status: 400, headers: Vec::new(), body });
        let with = body("\"code\":\"invalid_value\",\"field\":\"answer\",\"message\":\"'froud' is no answer\"");
        assert_eq!(said(with), "'froud' is no answer (field 'answer')");
        assert_eq!(said(body("\"field\":\"\",\"message\":\"no\",\"caret\":\"^\"")), "no\n^");
    }

    #[test]
    fn keys_are_encoded() {
        assert_eq!(super::encoded("a/b \u{fc}-1"), "a%2Fb%20%C3%BC-1");
    }

    #[test]
    fn a_server_is_named_with_or_without_its_scheme() {
        let at = |text: &str| super::locate(text).map(|(address, prefix)| (address.to_string(), prefix)).unwrap();
        for (text, address, prefix) in [
            ("127.0.0.1:7700", "127.0.0.1:7700", ""),
            ("http://127.0.0.1:7700/", "127.0.0.1:7700", ""),
            ("http://127.0.0.1", "127.0.0.1:80", ""),
            ("127.0.0.1:7700/t/shop/", "127.0.0.1:7700", "/t/shop"),
            ("http://[::1]:7700/t/shop", "[::1]:7700", "/t/shop"),
            ("[::1]", "[::1]:80", ""),
        ] {
            assert_eq!(at(text), (address.to_owned(), prefix.to_owned()), "{text}");
        }
        for text in ["https://127.0.0.1:7700", "", "http://", "127.0.0.1:port"] {
            assert!(super::locate(text).is_err(), "{text}");
        }
    }
}
