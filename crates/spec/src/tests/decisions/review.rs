//! What waits for a person, guards, and shares that are held: what good ones become, and every mistake of bad ones.

use super::super::plan;
use crate::plan::{FactSource, GuardAction, GuardAgainst};
use crate::{bundle, compile, diff, frozen};
use domain::{Raw, Span};

const HEAD: &str = "version: 1
entities:
  device: {}
events:
  payment: { user: user, device: device, fields: { amount: float } }
  label: { user: user, fields: { payment: string, fraud: bool, note: string, points: int } }
  other: { item: item, fields: { payment: string, fraud: bool } }
decisions:
  risk:
    on: payment
    rules:
      - { id: large, when: amount > 100, outcome: check, share: 20% }
      - { id: huge, when: amount > 1000, outcome: stop }
    otherwise: go
";
const LABELS: &str = "    labels: { event: label, of: payment, when: fraud }\n";
const REVIEW: &str =
    "    review: { outcomes: [check], answers: { fraud: { fraud: true, note: '1', points: 3 }, fine: {} } }\n";

#[test]
fn what_they_become() {
    let guards = "    guards: [{ outcome: check, share_up: 8%, over: 10m, then: rollback }, \
                  { outcome: stop, share_up: 0.5, over: 1h, against: rest, rule: large, min: 9, then: freeze }]\n";
    let plan_of = plan(&format!("{HEAD}{LABELS}{REVIEW}{guards}"));
    let decision = &plan_of.decisions[0];
    let review = decision.review.as_ref().unwrap();
    assert_eq!((review.outcomes.as_slice(), review.claim), (&[0][..], Span(30 * 60_000)));
    let sets = [("fraud", Raw::Bool(true)), ("note", Raw::Str("1".into())), ("points", Raw::Int(3))];
    assert_eq!(review.answers[0].sets, sets.map(|(name, value)| (name.to_owned(), value)));
    assert_eq!((review.answers[1].name.as_str(), review.answers[1].sets.len()), ("fine", 0));
    let [first, second] = decision.guards.as_slice() else { panic!("{:?}", decision.guards) };
    assert_eq!((first.share_up, first.over, first.min, first.then), (0.08, Span(600_000), 200, GuardAction::Rollback));
    assert!(first.against == GuardAgainst::PreviousPlan && second.then == GuardAction::Freeze && second.min == 9);
    assert!(matches!(&second.against, GuardAgainst::Rest { rule, .. } if rule == "large"), "{second:?}");
    let other = plan(&format!("{HEAD}{LABELS}"));
    assert_eq!(diff(&other, &plan_of).changed, ["decision risk"]);
}

#[test]
fn mistakes_are_told() {
    let review = |inner: &str| format!("{HEAD}{LABELS}    review: {inner}\n");
    let guard = |inner: &str| format!("{HEAD}    guards: [{inner}]\n");
    let whole = "{ outcome: stop, share_up: 8%, over: 10m, then: rollback";
    let other = LABELS.replace("event: label", "event: other");
    for (text, code, said) in [
        (format!("{HEAD}{REVIEW}"), "missing_field", "needs `labels`"),
        (
            format!("{HEAD}{other}    review: {{ outcomes: [check], answers: {{ a: {{}} }} }}\n"),
            "missing_role",
            "concerns a `item`",
        ),
        (review("{ outcomes: [chek], answers: { a: {} } }"), "unknown_outcome", "chek"),
        (review("{ outcomes: [check] }"), "missing_field", "answers"),
        (review("{ answers: { a: {} } }"), "missing_field", "outcomes"),
        (review("{ outcomes: [check], answers: {} }"), "missing_field", "no answer"),
        (review("{ outcomes: [check], answers: { a: { frod: true } } }"), "unknown_field", "frod"),
        (review("{ outcomes: [check], answers: { a: { fraud: 1 } } }"), "wrong_type", "is bool"),
        (review("{ outcomes: [check], answers: { a: { payment: x } } }"), "not_here", "names the decided event"),
        (review("{ outcomes: [check], answers: { a: {} }, claim: 1s }"), "out_of_range", "`claim` is 1s"),
        (review("{ outcomes: [check], answers: { a: {} }, lease: 1h }"), "unknown_field", "lease"),
        (guard("{ outcome: stop, share_up: 8%, over: 10m }"), "missing_field", "then"),
        (guard("{ outcome: stop, share_up: 800%, over: 10m, then: freeze }"), "out_of_range", "share_up"),
        (guard("{ outcome: stop, share_up: 8%, over: 10s, then: freeze }"), "out_of_range", "over"),
        (guard("{ outcome: stopp, share_up: 8%, over: 10m, then: freeze }"), "unknown_outcome", "stopp"),
        (guard("{ outcome: stop, share_up: 8%, over: 10m, then: explode }"), "wrong_type", "explode"),
        (guard(&format!("{whole}, min: 0 }}")), "out_of_range", "`min` is 0"),
        (guard(&format!("{whole}, against: rest }}")), "missing_field", "needs the `rule`"),
        (guard(&format!("{whole}, rule: large }}")), "several_kinds", "not with a plan"),
        (guard(&format!("{whole}, against: rest, rule: largo }}")), "unknown_rule", "largo"),
        (guard(&format!("{whole}, against: rest, rule: huge }}")), "not_here", "no `share`"),
        (guard(&format!("{whole}, against: us }}")), "wrong_type", "previous_plan"),
    ] {
        let Err(wrong) = compile("spec.yaml", &text) else { panic!("not refused: {text}") };
        let told = wrong.list.iter().any(|of| of.code == code && of.message.contains(said));
        assert!(told && wrong.list.len() == 1, "{text}: {wrong}");
    }
}

fn shares(text: &str) -> Vec<Option<(f64, String)>> {
    let plan = plan(text);
    let decision = &plan.decisions[0];
    let share = |rule: &crate::plan::DecisionRule| match &decision.facts[usize::from(rule.share?)].source {
        FactSource::Share(share) => Some((share.share, share.salt.clone())),
        _ => None,
    };
    decision.rules.iter().map(share).collect()
}

#[test]
fn shares_are_held_at_what_they_were() {
    let before = plan(HEAD);
    let new = HEAD.replace("share: 20%", "share: 90%").replace(
        "    otherwise",
        "      - { id: new, when: amount > 5, outcome: stop, share: { of: 50%, by: device, salt: 'a, b' } }\n    otherwise",
    );
    let new = new.replace("outcome: stop }", "outcome: stop, share: 1% }");
    let now = plan(&new);
    assert_eq!(frozen(&now, &now, "risk"), None);
    let text = frozen(&before, &now, "risk").unwrap();
    let held = shares(&text);
    let share = |of: f64, salt: &str| Some((of, salt.to_owned()));
    assert_eq!(held, [share(0.2, "large"), share(1.0, "huge"), share(0.0, "a, b")]);
    assert_eq!(frozen(&before, &plan(&text), "risk"), None, "nothing is left to hold");
    assert_eq!(shares(&new)[0], share(0.9, "large"), "without the line it is free");
    // A rule that has lost its share is held too.
    let text = frozen(&before, &plan(&HEAD.replace(", share: 20%", "")), "risk").unwrap();
    assert_eq!(shares(&text)[0], share(0.2, "large"));
    // A line that is none is a comment.
    assert_eq!(shares(&format!("# frozen shares: risk/large 7 user x\n{new}"))[0], share(0.9, "large"));
}

#[test]
fn shares_of_several_files_are_held() {
    let files = |text: &str| bundle(&[("a.yaml".into(), text.into()), ("b.yaml".into(), "version: 1\n".into())]);
    let now = files(&HEAD.replace("share: 20%", "share: 90%"));
    let (before, now) = (compile("x", &files(HEAD)), compile("x", &now));
    let (Ok(before), Ok(now)) = (before, now) else { return };
    let text = frozen(&before, &now, "risk").unwrap();
    assert_eq!(shares(&text)[0], Some((0.2, "large".to_owned())));
    assert!(text.starts_with("---\n# file: a.yaml\n# frozen shares:"), "{text}");
}
