//! Sinks: declared, and each way to get that wrong. Nothing that is counted hangs on them.

use super::{plan, refused};
use crate::diff;
use crate::plan::SinkUrl;
use domain::Span;

fn spec(sinks: &str) -> String {
    format!(
        "version: 1
events: {{ payment: {{ user: user, fields: {{ amount: float }} }} }}
features: {{ user: {{ idle: 'absent(payment, payment, 1h)' }} }}
alarms: {{ idle: {{ of: user, when: idle }}, away: {{ of: user, when: idle && idle }} }}
decisions:
  risk: {{ on: payment, rules: [{{ id: large, when: amount > 100, outcome: decline }}], otherwise: approve }}
sinks: {sinks}
"
    )
}

#[test]
fn a_sink_says_where_what_and_how_often() {
    let declared = plan(&spec("{ ledger: { url: 'http://127.0.0.1:9000/in?x=1', outcomes: [decline], secret: key } }"));
    let sink = &declared.sinks[0];
    let url = SinkUrl { host: "127.0.0.1".into(), port: 9000, path: "/in?x=1".into() };
    assert_eq!((&sink.url, sink.secret.as_deref(), sink.in_flight), (&url, Some("key"), 4));
    assert_eq!((sink.retry.first, sink.retry.most, sink.facts), (Span(1_000), Span(60_000), false));
    assert!(sink.takes("risk", "decline") && !sink.takes("risk", "approve") && sink.takes_alarm("idle"));
    let chosen = plan(&spec("{ calls: { url: 'http://sink/', decisions: [], alarms: [idle] } }"));
    let calls = &chosen.sinks[0];
    assert!(!calls.takes("risk", "decline") && calls.takes_alarm("idle") && !calls.takes_alarm("away"));
    assert!(!plan(&spec("{ calls: { url: 'http://sink/', alarms: [] } }")).sinks[0].takes_alarm("idle"));
    for (text, host, port, path, authority) in [
        ("http://sink", "sink", 80, "/", "sink"),
        ("HTTP://Sink:81?a", "Sink", 81, "/?a", "Sink:81"),
        ("http://[::1]:9/x", "::1", 9, "/x", "[::1]:9"),
        ("http://[::1]/x", "::1", 80, "/x", "[::1]"),
    ] {
        let found = plan(&spec(&format!("{{ ledger: {{ url: '{text}' }} }}"))).sinks[0].url.clone();
        assert_eq!(found, SinkUrl { host: host.into(), port, path: path.into() });
        assert_eq!(found.authority(), authority);
    }
    let other = plan(&spec("{ ledger: { url: 'http://127.0.0.1:9000/in?x=2', outcomes: [decline], secret: key } }"));
    let difference = diff(&declared, &other);
    assert_eq!((difference.changed, difference.rebuild), (vec!["sink ledger".to_owned()], false));
}

#[test]
fn mistakes_are_named() {
    let url = |url: &str| format!("{{ ledger: {{ url: '{url}' }} }}");
    let with = |more: &str| format!("{{ ledger: {{ url: 'http://sink/', {more} }} }}");
    for (sinks, code, said) in [
        ("{ ledger: {} }".to_owned(), "missing_field", "url: http://"),
        ("{ ledger: 'http://sink/' }".to_owned(), "wrong_type", "map"),
        ("{ 'a b': { url: 'http://sink/' } }".to_owned(), "bad_name", "letters"),
        (url("https://sink/"), "not_available", "proxy"),
        (url("ftp://sink/"), "bad_url", "http://"),
        (url("sink:9000"), "bad_url", "http://"),
        (url("http://"), "bad_url", "host"),
        (url("http://:80/"), "bad_url", "host"),
        (url("http://sink:0/"), "bad_url", "port"),
        (url("http://sink:99999/"), "bad_url", "port"),
        (url("http://me:word@sink/"), "bad_url", "secret"),
        (url("http://sink/a#b"), "bad_url", "never sent"),
        (url("http://sink/a b"), "bad_url", "%XX"),
        (url("http://s\u{fc}nk/"), "bad_url", "%XX"),
        (url("http://[::1"), "bad_url", "host"),
        (url(&format!("http://sink/{}", "a".repeat(2_048))), "bad_url", "long"),
        (with("decisions: [rsk]"), "unknown_name", "did you mean `risk`"),
        (with("outcomes: [declin]"), "unknown_name", "did you mean `decline`"),
        (with("alarms: [idel]"), "unknown_name", "did you mean `idle`"),
        (with("alarms: idle"), "wrong_type", "list"),
        (with("secret: 'Bearer abc'"), "bad_name", "--secrets"),
        (with("timeout: 1ms"), "out_of_range", "10ms"),
        (with("timeout: 1h"), "out_of_range", "2m"),
        (with("in_flight: 0"), "out_of_range", "256"),
        (with("facts: yes"), "wrong_type", "true"),
        (with("retry: { first: 2m }"), "out_of_range", "`most`"),
        (with("retry: { attempts: 0 }"), "out_of_range", "1000000"),
        (with("retry: { within: 31d }"), "out_of_range", "30d"),
        (with("retries: 3"), "unknown_field", "retry"),
    ] {
        let text = spec(&sinks);
        let errors = refused(&text);
        let all = crate::render(&errors);
        assert!(all.contains(&format!("error[{code}]")) && all.contains(said), "{sinks}: {all}");
    }
    let many: String = (0..17).map(|number| format!("s{number}: {{ url: 'http://sink/' }}, ")).collect();
    assert!(crate::render(&refused(&spec(&format!("{{ {many} }}")))).contains("too_many"));
}
