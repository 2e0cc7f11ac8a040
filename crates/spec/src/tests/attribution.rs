//! Weights and attribution: what the plan holds, and every mistake with its place.

use super::{plan, refused};
use crate::plan::{AttributedEvent, Index, Plan};
use crate::{compile, diff};
use domain::Span;

const HEAD: &str = "version: 1
entities: { device: {} }
events:
  view: { user: user, item: item }
  buy: { user: user, item: item }
  dislike: { user: user, item: item }
  login: { user: user, device: device }
features: { user: { recent: 'last(view, item, 20)' } }
";

fn with(rest: &str) -> Plan {
    plan(&format!("{HEAD}{rest}"))
}

fn names(plan: &Plan) -> Vec<(&str, f64, bool)> {
    let name = |of: &AttributedEvent| (plan.events[usize::from(of.event)].name.as_str(), of.weight, of.click);
    plan.attribution.as_ref().expect("it is declared").events.iter().map(name).collect()
}

#[test]
fn defaults_follow_from_weights() {
    let plan = with("weights: { buy: 10, view: 1, dislike: -5 }\nattribution: {}\n");
    let found = names(&plan);
    let wanted = [("impression", 0.0, false), ("view", 1.0, true), ("buy", 10.0, true), ("dislike", -5.0, false)];
    assert_eq!(found, wanted);
    let declared = plan.attribution.as_ref().unwrap();
    assert_eq!((declared.window, declared.decisions), (Span(30 * 60_000), 100_000));
    assert!(with("weights: { view: 1 }\n").attribution.is_none());
}

#[test]
fn what_is_declared_counts() {
    let plan = with(
        "weights: { buy: 10, dislike: -5, impression: -0.1 }\n\
         attribution: { window: 1h, decisions: 7, click: [view], events: [buy] }\n",
    );
    let found = names(&plan);
    assert_eq!(found, [("impression", -0.1, false), ("view", 0.0, true), ("buy", 10.0, false)]);
    let declared = plan.attribution.as_ref().unwrap();
    assert_eq!((declared.window, declared.decisions), (Span(3_600_000), 7));
}

#[test]
fn routes_fall_back_on_weights() {
    let feed = |events: &str| {
        format!("feeds: {{ f: {{ for: user, recall: {{ r: {{ co_visited: {events}, from: user.recent }} }} }} }}\n")
    };
    let weights = |spec: &str| match &with(spec).indexes[0] {
        Index::CoVisited(of) => of.events.iter().map(|(_, weight)| *weight).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let declared = "weights: { buy: 10, dislike: -5 }\n";
    assert_eq!(weights(&feed("[view, buy]")), [1.0, 1.0]);
    assert_eq!(weights(&format!("{declared}{}", feed("[view, buy]"))), [1.0, 10.0]);
    assert_eq!(weights(&format!("{declared}{}", feed("{ view: 2, buy: 3, dislike: 4 }"))), [2.0, 3.0, 4.0]);
    let wrong = compile("spec.yaml", &format!("{HEAD}{declared}{}", feed("[view, dislike]"))).unwrap_err();
    assert_eq!((wrong.list[0].code, wrong.list[0].line), ("out_of_range", 10));
}

#[test]
fn mistakes_have_their_places() {
    let many: String = (0..40).map(|n| format!("  e{n}: {{ user: user, item: item }}\n")).collect();
    let all: String = (0..40).map(|n| format!("e{n}: 1, ")).collect();
    let too_many =
        format!("version: 1\nevents:\n{many}weights: {{ {} }}\nattribution: {{}}\n", all.trim_end_matches(", "));
    assert_eq!(refused(&too_many).list[0].code, "too_many");
    for (rest, code, column, said) in [
        ("weights: { veiw: 1 }", "unknown_event", 12, "view"),
        ("weights: { view: 0 }", "out_of_range", 12, "leave the event out"),
        ("weights: { view: many }", "wrong_type", 18, "a number"),
        ("weights: { view: 1e9 }", "out_of_range", 18, "1000000"),
        ("weights: { view: 1, view: 2 }", "duplicate_key", 21, "first"),
        ("weights: { login: 1 }", "missing_role", 12, "does not name an item"),
        ("weights: [view]", "wrong_type", 10, "a map"),
        ("attribution: {}", "missing_field", 1, "click: [view]"),
        ("attribution: { click: [impression] }", "not_here", 24, "no click"),
        ("attribution: { click: [veiw] }", "unknown_event", 24, "view"),
        ("attribution: { click: view }", "wrong_type", 23, "a list"),
        ("attribution: { click: [view], window: 0s }", "out_of_range", 39, "1s"),
        ("attribution: { click: [view], decisions: 0 }", "out_of_range", 42, "1000000"),
        ("attribution: { click: [view], events: [login] }", "missing_role", 40, "item"),
        ("attribution: { click: [view], rewards: [buy] }", "unknown_field", 31, "rewards"),
        ("weight: { view: 1 }", "unknown_field", 1, "weights"),
    ] {
        let found = refused(&format!("{HEAD}{rest}\n")).list;
        let first = &found[0];
        let words = format!("{} {}", first.message, first.help.as_deref().unwrap_or(""));
        assert!(found.len() == 1 && (first.code, first.line, first.column) == (code, 9, column), "{rest}: {found:?}");
        assert!(words.contains(said), "{rest}: {words}");
    }
}

#[test]
fn a_change_is_told() {
    let old = with("weights: { view: 1 }\n");
    let new = with("weights: { view: 2, buy: 3 }\nattribution: {}\n");
    let found = diff(&old, &new);
    assert_eq!(found.added, ["attribution", "weight buy"]);
    assert_eq!(found.changed, ["weight view"]);
    assert!(found.rebuild);
    assert!(!diff(&new, &with("# as before\nweights: { view: 2, buy: 3 }\nattribution: { window: 30m }\n")).rebuild);
}

#[test]
fn the_text_of_a_decision_is_kept_where_it_is_read() {
    assert!(!with("").decision_read);
    for known in
        ["count(impression, 1d, has(decision))", "last_n(impression, decision, 5)", "streak(impression, has(decision))"]
    {
        let read = HEAD.replace("user: {", &format!("user: {{ known: '{known}',"));
        assert!(plan(&read).decision_read, "{known}");
    }
}
