//! What docs/spec.md shows of decisions compiles.

use crate::compile;

const HEAD: &str = "version: 1
entities:
  user: { fields: { country: string } }
  device: {}
events:
  payment: { user: user, device: device, fields: { amount: float, card: string, country: string } }
  chargeback: { user: user, fields: { payment: string, fraud: bool } }
features:
  user: { payments_1h: 'count(payment, 1h)', payments_1d: 'count(payment, 1d)' }
  device: { cards_10m: 'distinct(payment, card, 10m)' }
lists:
  stolen: { of: device }
";

/// The YAML blocks of the section.
fn blocks() -> Vec<&'static str> {
    let docs = include_str!("../../../../../docs/spec.md");
    let from = docs.find("## Decisions\n").unwrap();
    let section = &docs[from..from + docs[from..].find("## Alarms\n").unwrap()];
    section.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn the_examples_compile() {
    let blocks = blocks();
    let [whole, table, card, labels, review, guards] = blocks.as_slice() else { panic!("{blocks:?}") };
    let good = |text: String| compile("spec.yaml", &text).unwrap_or_else(|wrong| panic!("{wrong}"));
    let plan = good(format!("{HEAD}{whole}"));
    assert_eq!(plan.decisions[0].outcomes[0], "decline");
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
    let table = good(format!("{HEAD}decisions:\n  d:\n    on: payment\n    otherwise: go\n{table}"));
    assert!(table.warnings.is_empty() && table.decisions[0].rules.len() == 3, "{:?}", table.warnings);
    let card = good(format!("{HEAD}decisions:\n  d:\n    on: payment\n    otherwise: go\n{card}"));
    assert_eq!(card.decisions[0].scorecards[0].parts.len(), 2);
    let labels =
        good(format!("{HEAD}decisions:\n  d:\n    on: payment\n    score: amount\n    otherwise: go\n{labels}"));
    assert!(labels.decisions[0].labels.is_some());
    let whole = good(format!("{HEAD}{whole}{}{review}{guards}", blocks[3]));
    assert!(whole.decisions[0].review.is_some() && whole.decisions[0].guards.len() == 2);
}
