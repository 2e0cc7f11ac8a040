//! The specs that are built in compile, and the protocol on a stream small enough to work out by hand.

use super::measure::Sums;
use super::*;
use domain::{Event, Field, Payload, Raw, Time};

#[test]
fn built_in_specs_compile() {
    for (name, text) in SPECS {
        let plan = spec::compile(name, text).unwrap_or_else(|wrong| panic!("{}", spec::render(&wrong)));
        let asked = plan.feed("popularity").is_some() || !plan.decisions.is_empty();
        assert!(name == "ml-1m-ncf" || asked, "{name}");
    }
}

#[test]
fn ranks_become_figures() {
    let mut sums = Sums::default();
    [Some(0), Some(2), Some(10), Some(100), None].into_iter().for_each(|place| sums.add(place));
    let figures = sums.figures();
    assert_eq!((figures.hr, figures.ndcg), (2.0 / 5.0, (1.0 + 0.5) / 5.0));
    assert!((figures.mrr - (1.0 + 1.0 / 3.0 + 1.0 / 11.0) / 5.0).abs() < 1e-12);
    assert_eq!(figures.over(figures).hr, 1.0);
}

fn payload(at: i64, user: &str, item: &str) -> Payload<'static> {
    let field = |name: &'static str, key: &str| Field { name: name.into(), value: Raw::Str(key.to_owned().into()) };
    let fields = vec![field("user", user), field("item", item)];
    Payload::Event(Event { kind: "view".into(), source: "".into(), id: None, time: Some(Time(at)), fields })
}

#[test]
fn every_event_is_asked_before_it_is_learned() {
    let (_, text) = SPECS[1];
    let plan = Arc::new(spec::compile("retailrocket", text).unwrap());
    // a: nothing is known. a again: at the top of every arm that repeats. b for another user: a is before it. b once more.
    let stream = [("u", "a"), ("u", "a"), ("v", "b"), ("v", "b")];
    let payloads: Vec<Payload<'static>> = stream.into_iter().zip(1..).map(|((u, i), at)| payload(at, u, i)).collect();
    let payloads = Box::new(payloads.into_iter().map(Ok));
    let data = dataset::Dataset { name: "small".to_owned(), about: 4, payloads };
    let report = prequential::run(&plan, data, None).unwrap();
    let arm = |name: &str, of: &str| report.json["arms"][name][of]["mrr"].as_f64().unwrap();
    assert_eq!(report.json["requests"], 4);
    assert_eq!(report.json["requests_new_to_user"], 2);
    // Places of the target: none, 1, none, 2 for popularity (a has two events, b one).
    assert_eq!(arm("popularity", "all"), 0.375);
    assert_eq!(arm("again", "all"), 0.5);
    assert_eq!(arm("similar", "all"), 0.0);
    assert_eq!(arm("feed", "all"), 0.5);
    assert_eq!(arm("feed", "new_to_user"), 0.0);
    assert_eq!(report.json["coverage"], 1.0);
}
