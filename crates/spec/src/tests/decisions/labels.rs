//! Labels of a decision: what good ones become, and every mistake of bad ones.

use super::super::plan;
use super::mistakes::wrong;
use crate::diff;
use domain::Value;

const HEAD: &str = "version: 1
entities:
  device: {}
events:
  payment: { user: user, fields: { amount: float } }
  chargeback: { user: user, fields: { of: string, payment: string, kind: string, fee: float, sure: bool } }
features:
  user: { chargebacks: \"count(chargeback, 7d)\" }
decisions:
  risk: { on: payment, score: amount, otherwise: go";

#[test]
fn what_they_become() {
    let text = format!("{HEAD}, labels: {{ event: chargeback, of: payment, when: \"sure || kind == 'fraud'\" }} }}\n");
    let plan_of = plan(&text);
    let labels = plan_of.decisions[0].labels.as_ref().unwrap();
    assert_eq!((plan_of.events[usize::from(labels.event)].name.as_str(), labels.of), ("chargeback", 1));
    assert_eq!(labels.reads, [4, 2]);
    let sure = |sure: bool| labels.when.eval(&[Value::Bool(sure), Value::Missing]).is_true();
    assert_eq!((sure(true), sure(false)), (true, false));
    // They are no part of the state, but of what the decision means.
    let without = plan(&format!("{HEAD} }}\n"));
    let changed = diff(&without, &plan_of);
    assert!(!changed.rebuild && changed.changed == ["decision risk"], "{changed:?}");
}

#[test]
fn mistakes() {
    let cases = [
        ("{ event: chargebak, of: payment, when: sure }", "unknown_event", 71, "did you mean `chargeback`"),
        ("{ event: payment, of: payment, when: amount > 1 }", "not_here", 71, "its own label"),
        ("{ event: chargeback, of: paymnt, when: sure }", "unknown_name", 87, "did you mean `payment`"),
        ("{ event: chargeback, of: zzzzzzzz, when: sure }", "unknown_name", 87, "known here: of"),
        ("{ event: chargeback, of: fee, when: sure }", "wrong_type", 87, "string"),
        ("{ event: chargeback, of: payment, when: fee }", "wrong_type", 102, "condition"),
        ("{ event: chargeback, of: payment, when: shure }", "unknown_name", 102, "did you mean `sure`"),
        ("{ event: chargeback, of: payment, when: user.chargebacks > 1 }", "not_here", 102, "`user.chargebacks`"),
        ("{ event: chargeback, of: payment }", "missing_field", 54, "when: fraud"),
        ("{ event: chargeback, when: sure }", "missing_field", 54, "of: payment"),
        ("{ of: payment, when: sure }", "missing_field", 54, "event: label"),
        ("{ event: chargeback, of: payment, when: sure, whn: sure }", "unknown_field", 108, "did you mean `when`"),
        ("sure", "wrong_type", 62, "a map"),
    ];
    let (before, line) = HEAD.rsplit_once('\n').unwrap();
    let before = format!("{before}\n");
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(labels, code, column, said)| {
            let text = format!("{line}, labels: {labels} }}\n");
            wrong(&before, "", (&text, code, (1, *column), said))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
