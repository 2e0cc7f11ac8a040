//! Sinks: where outcomes go, which of them, and how often it is tried.

use super::Decoder;
use crate::diagnostic::{Issue, quoted};
use crate::plan::{Retry, SinkUrl};
use crate::source::SinkSource;
use crate::yaml::{Node, Text};
use domain::{Span, limits};
use std::ops::RangeInclusive;

pub(super) const SINK: [&str; 9] =
    ["url", "decisions", "outcomes", "alarms", "secret", "facts", "timeout", "in_flight", "retry"];
pub(super) const RETRY: [&str; 4] = ["first", "most", "attempts", "within"];

const URL_HELP: &str = "write it as in `http://127.0.0.1:9000/outcomes`";

impl Decoder<'_> {
    pub(super) fn sinks(&mut self, key: &Text, node: &Node) -> Vec<SinkSource> {
        let sinks = self.section(key, node, Decoder::sink);
        self.at_most(key, sinks.len(), limits::SINKS_MAX);
        sinks
    }

    fn sink(&mut self, name: &Text, node: &Node) -> Option<SinkSource> {
        self.name(name, "a sink");
        let entries = self.map(node, "a sink")?;
        let mut sink = SinkSource::new(name);
        for (key, value) in entries {
            match key.text.as_str() {
                "url" => sink.url = self.sink_url(value),
                "decisions" => sink.decisions = Some(self.names_of(key, value, limits::DECISIONS_MAX)),
                "outcomes" => sink.outcomes = Some(self.names_of(key, value, limits::OUTCOMES_MAX)),
                "alarms" => sink.alarms = Some(self.names_of(key, value, limits::ALARMS_MAX)),
                "secret" => sink.secret = self.secret(value),
                "facts" => sink.facts = self.bool(value, "`facts`").unwrap_or_default(),
                "timeout" => self.pause(value, "`timeout`", limits::SINK_TIMEOUT, &mut sink.timeout),
                "in_flight" => {
                    let most = i64::from(limits::SINK_IN_FLIGHT_MAX);
                    let in_flight = self.int(value, "`in_flight`", 1..=most);
                    sink.in_flight = in_flight.map_or(sink.in_flight, |in_flight| in_flight as u16);
                }
                "retry" => self.retry(value, &mut sink.retry),
                _ => self.unknown(key, "a sink", &SINK),
            }
        }
        self.required(name, entries, "url", "a sink", "say where outcomes go, as in `url: http://127.0.0.1:9000/`");
        Some(sink)
    }

    fn names_of(&mut self, key: &Text, node: &Node, most: usize) -> Vec<Text> {
        let Some(list) = self.list(node, &format!("`{}`", key.text)) else { return Vec::new() };
        self.at_most(key, list.len(), most);
        list.iter().take(most).filter_map(|node| self.text(node, "a name").cloned()).collect()
    }

    /// The secret itself stands in no spec: specs are in the log, and are shown.
    fn secret(&mut self, node: &Node) -> Option<Text> {
        let text = self.text(node, "`secret`")?;
        if super::is_name(&text.text) {
            return Some(text.clone());
        }
        let issue = Issue::new("bad_name", &text.span, "`secret` is the name of a secret, not the secret itself");
        let help =
            "use letters, digits and `_`; the server reads what it is from `--secrets FILE`, a line `name secret`";
        self.issues.push(issue.help(help));
        None
    }

    fn retry(&mut self, node: &Node, retry: &mut Retry) {
        for (key, value) in self.map(node, "`retry`").unwrap_or_default() {
            match key.text.as_str() {
                "first" => self.pause(value, "`first`", limits::SINK_PAUSE, &mut retry.first),
                "most" => self.pause(value, "`most`", limits::SINK_PAUSE, &mut retry.most),
                "within" => {
                    self.pause(value, "`within`", *limits::SINK_PAUSE.start()..=limits::SINK_AGE_MAX, &mut retry.within)
                }
                "attempts" => {
                    let most = i64::from(limits::SINK_ATTEMPTS_MAX);
                    let attempts = self.int(value, "`attempts`", 1..=most);
                    retry.attempts = attempts.map_or(retry.attempts, |attempts| attempts as u32);
                }
                _ => self.unknown(key, "`retry`", &RETRY),
            }
        }
        if retry.first > retry.most {
            let issue = Issue::new("out_of_range", &node.span, "`first` is longer than `most`, the longest pause");
            self.issues.push(issue.help("make `most` at least as long"));
        }
    }

    fn pause(&mut self, node: &Node, what: &str, range: RangeInclusive<Span>, to: &mut Span) {
        let Some(text) = self.text(node, what) else { return };
        let span = match Span::parse(&text.text) {
            Some(span) => self.within(text, what, span, range),
            None => self.wrong_value(text, what, "a duration", "a number and a unit, as in `500ms`"),
        };
        *to = span.unwrap_or(*to);
    }

    fn sink_url(&mut self, node: &Node) -> Option<SinkUrl> {
        let text = self.text(node, "`url`")?;
        let issue = match parsed(&text.text) {
            Ok(url) => return Some(url),
            Err(Wrong::Https) => {
                Issue::new("not_available", &text.span, "outcomes are not sent over https by this release").help(
                    "name a proxy on this machine that speaks TLS to the sink, as in `http://127.0.0.1:9443/outcomes`",
                )
            }
            Err(Wrong::Other(why)) => {
                Issue::new("bad_url", &text.span, format!("{} is no URL of a sink: {why}", quoted(&text.text)))
                    .help(URL_HELP)
            }
        };
        self.issues.push(issue);
        None
    }
}

/// What is wrong with a URL.
enum Wrong {
    Https,
    Other(&'static str),
}

fn parsed(text: &str) -> Result<SinkUrl, Wrong> {
    let other = |why| Err(Wrong::Other(why));
    if text.len() > limits::SINK_URL_BYTES_MAX {
        return other("it is too long");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return other("what is not plain ASCII is written with %XX");
    }
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    if lower.starts_with("https://") {
        return Err(Wrong::Https);
    }
    if !lower.starts_with("http://") {
        return other("it does not begin with `http://`");
    }
    let rest = &text[7..];
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if path.contains('#') {
        return other("a part behind `#` is never sent");
    }
    if authority.contains('@') {
        return other("it has a user or a password in it: use `secret`");
    }
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':').or((port.is_empty()).then_some("80"))),
        None => authority.split_once(':').map_or((authority, Some("80")), |(host, port)| (host, Some(port))),
    };
    let v6 = authority.starts_with('[');
    let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') || (v6 && byte == b':');
    if host.is_empty() || !host.bytes().all(named) {
        return other("it names no host");
    }
    let port = port.and_then(|port| port.parse::<u16>().ok()).filter(|port| *port > 0);
    let Some(port) = port else { return other("its port is no number from 1 to 65535") };
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    Ok(SinkUrl { host: host.to_owned(), port, path })
}
