//! Decision tables and scorecards: what they become, and what is found in them.

use super::{HEAD, plan, with};
use crate::plan::{Decision, Effect, Hit, RuleTable};
use crate::{Plan, compile, diff};
use domain::{Symbol, Value};

const LIMITS: &str = "  d:
    on: payment
    tables:
      limits:
        hit: first
        inputs: { country: country, amount: amount }
        rows:
          - { country: US, amount: \"> 1000\", outcome: decline, reason: 'large: {amount}' }
          - { country: [DE, FR], amount: \"100..1000\", score: 0.3, tags: [europe] }
          - { score: 0 }
    otherwise: approve
";

fn symbol(plan: &Plan, text: &str) -> Value {
    let at = plan.constants.iter().position(|known| known == text);
    Value::Str(Symbol(at.map_or(u32::MAX, |at| at as u32)))
}

/// The rows that fire for a country and an amount, as a table says it (from 1).
fn fired(plan: &Plan, decision: &Decision, country: &str, amount: Option<f64>) -> Vec<usize> {
    let row: Vec<Value> = decision
        .facts
        .iter()
        .map(|fact| match fact.name.as_str() {
            "country" => symbol(plan, country),
            _ => amount.map_or(Value::Missing, Value::Float),
        })
        .collect();
    let rules = decision.rules.iter().enumerate().filter(|(_, rule)| rule.when.eval_bool(&row));
    rules.map(|(index, _)| index + 1).collect()
}

#[test]
fn rows_become_rules() {
    let plan = plan(&with(LIMITS));
    let decision = &plan.decisions[0];
    assert_eq!(decision.tables, [RuleTable { name: "limits".to_owned(), hit: Hit::First, rules: 0..3 }]);
    let rules: Vec<(&str, &str)> = decision.rules.iter().map(|rule| (rule.id.as_str(), rule.when.text())).collect();
    assert_eq!(
        rules,
        [
            ("limits/1", "country == \"US\" && amount > 1000"),
            ("limits/2", "country in [\"DE\", \"FR\"] && amount >= 100 && amount < 1000"),
            ("limits/3", "true"),
        ]
    );
    assert!(matches!(decision.rules[1].effect, Effect::Score(_)) && decision.rules[1].tags == ["europe"]);
    assert_eq!((decision.rules[0].reason.len(), decision.outcomes.join(" ")), (2, "decline approve".to_owned()));
    for (country, amount, rows) in [
        ("US", Some(1001.0), vec![1, 3]),
        ("US", Some(1000.0), vec![3]),
        ("DE", Some(100.0), vec![2, 3]),
        ("FR", Some(999.9), vec![2, 3]),
        ("FR", Some(1000.0), vec![3]),
        ("ES", Some(500.0), vec![3]),
        ("US", None, vec![3]),
    ] {
        assert_eq!(fired(&plan, decision, country, amount), rows, "{country} {amount:?}");
    }
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
}

#[test]
fn cells_of_every_type() {
    let text = "  d:
    on: order
    tables:
      t:
        hit: collect
        inputs: { n: n, vip: user.vip, seen: now - timestamp('2026-01-01T00:00:00Z'), what: item.category }
        rows:
          - { n: 5, vip: true, score: 1 }
          - { n: [-5, '> 7', 1..3], vip: false, score: 1 }
          - { seen: '< 5m', what: 'a\"b', score: 1 }
          - { seen: 1m..2h, n: '-', score: 1 }
    otherwise: y
";
    let plan = plan(&with(text));
    let conditions: Vec<&str> = plan.decisions[0].rules.iter().map(|rule| rule.when.text()).collect();
    let seen = "(now - timestamp('2026-01-01T00:00:00Z'))";
    assert_eq!(
        conditions,
        [
            "n == 5 && user.vip".to_owned(),
            "((n == -5) || (n > 7) || (n >= 1 && n < 3)) && !(user.vip)".to_owned(),
            format!("{seen} < 5m && item.category == \"a\\\"b\""),
            format!("{seen} >= 1m && {seen} < 2h"),
        ]
    );
}

fn warnings(plan: &Plan) -> Vec<(&'static str, u32, String)> {
    let told = plan.warnings.iter().map(|warning| &warning.diagnostic);
    told.map(|one| (one.code, one.line, one.message.clone())).collect()
}

/// A table with these rows.
fn table(hit: &str, inputs: &str, rows: &[&str]) -> String {
    let rows: String = rows.iter().map(|row| format!("          - {{ {row}, score: 1 }}\n")).collect();
    with(&format!(
        "  d:\n    on: payment\n    tables:\n      t:\n        hit: {hit}\n        inputs: {inputs}\n        rows:\n{rows}    otherwise: y\n"
    ))
}

#[test]
fn gaps_and_unreachable_rows_are_found() {
    let first = HEAD.lines().count() as u32 + 9;
    for (inputs, rows, expected) in [
        ("{ a: amount }", vec!["a: '< 5'", "a: '>= 5'"], vec![]),
        ("{ a: amount }", vec!["a: '< 5'", "a: '> 5'"], vec![("gap", 4, "`a` >= 5 and <= 5")]),
        (
            "{ a: amount }",
            vec!["a: '< 5'", "a: 3..4", "a: '>= 5'"],
            vec![("unreachable_row", first + 1, "no event reaches")],
        ),
        (
            "{ a: amount }",
            vec!["a: 1..3", "a: 3..9", "a: 2..8", "a: '< 1'", "a: '>= 9'"],
            vec![("unreachable_row", first + 2, "")],
        ),
        ("{ a: n }", vec!["a: '<= 5'", "a: '>= 6'"], vec![]),
        ("{ c: country }", vec!["c: US", "c: [DE, US]"], vec![("gap", 4, "`c` anything else")]),
        ("{ c: country }", vec!["c: US", "c: US", "c: '-'"], vec![("unreachable_row", first + 1, "")]),
        ("{ c: country, a: amount }", vec!["c: US", "a: '> 5'"], vec![("gap", 4, "`c` anything else, `a` <= 5")]),
        (
            "{ b: amount > 3, c: country }",
            vec!["b: true", "b: false, c: US"],
            vec![("gap", 4, "`b` false, `c` anything else")],
        ),
        ("{ b: amount > 3 }", vec!["b: true", "b: false"], vec![]),
    ] {
        let text = table("first", inputs, &rows);
        let text = if inputs.contains(": n ") { text.replace("on: payment", "on: order") } else { text };
        let found = warnings(&plan(&text));
        assert_eq!(found.len(), expected.len(), "{rows:?}: {found:?}");
        for ((code, line, message), (wanted, at, said)) in found.iter().zip(expected) {
            let line_fits = *line == at || at == 4 && *line == HEAD.lines().count() as u32 + 5;
            assert!(*code == wanted && line_fits && message.contains(said), "{rows:?}: {found:?}");
        }
    }
}

#[test]
fn unique_rows_may_not_overlap() {
    let taken = table("unique", "{ c: country, a: amount }", &["c: US, a: '< 5'", "c: US, a: '>= 5'", "c: DE"]);
    assert_eq!(warnings(&plan(&taken)).len(), 1, "a gap");
    let overlap = table("unique", "{ c: country, a: amount }", &["c: US, a: '< 5'", "c: DE", "c: [FR, US], a: 4..9"]);
    let diagnostics = compile("spec.yaml", &overlap).unwrap_err();
    let [one] = diagnostics.list.as_slice() else { panic!("{diagnostics}") };
    assert_eq!((one.code, one.line), ("overlap", HEAD.lines().count() as u32 + 11));
    assert!(one.message.contains("row 1"), "{diagnostics}");
}

#[test]
fn a_large_table_is_searched() {
    let rows: Vec<String> = (0..3_000).map(|n| format!("c: C{}, a: {}..{}", n / 10, n % 10, n % 10 + 1)).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let plan = plan(&table("unique", "{ c: country, a: amount }", &rows));
    assert_eq!(plan.decisions[0].rules.len(), 3_000);
    assert_eq!(warnings(&plan)[0].0, "gap");
}

const CARD: &str = "  d:
    on: payment
    scorecards:
      risk:
        base: 10
        points:
          amount: { of: amount, bins: [{ below: 10, points: 0 }, { below: 100, points: 5 }, { points: 20 }], missing: 3, reason: 'amount of {amount}' }
          place: { of: country, values: { US: 5, DE: 0 }, otherwise: 10 }
    score: scorecards.risk / 100 + scorecards.risk.place
    tiers: { act: 0.5, otherwise: label }
";

#[test]
fn a_scorecard_is_facts() {
    let plan = plan(&with(CARD));
    let decision = &plan.decisions[0];
    let names: Vec<&str> = decision.facts.iter().map(|fact| fact.name.as_str()).collect();
    assert_eq!(names, ["amount", "scorecards.risk.amount", "country", "scorecards.risk.place", "scorecards.risk"]);
    for (amount, country, points, reasons) in [
        (Some(9.9), "US", [0.0, 5.0, 15.0], vec!["place"]),
        (Some(10.0), "DE", [5.0, 0.0, 15.0], vec!["amount"]),
        (Some(100.0), "FR", [20.0, 10.0, 40.0], vec!["amount", "place"]),
        (None, "FR", [3.0, 10.0, 23.0], vec!["place", "amount"]),
    ] {
        let mut row = vec![Value::Missing; 5];
        row[0] = amount.map_or(Value::Missing, Value::Float);
        row[2] = symbol(&plan, country);
        for (index, fact) in decision.facts.iter().enumerate() {
            if let crate::plan::FactSource::Derived(program) = &fact.source {
                row[index] = program.eval(&row);
            }
        }
        assert_eq!([&row[1], &row[3], &row[4]], points.map(Value::Float).each_ref(), "{amount:?} {country}");
        let found: Vec<&str> =
            decision.scorecards[0].reasons(&row).iter().map(|(part, _)| part.name.as_str()).collect();
        assert_eq!(found, reasons);
        assert!(decision.score.as_ref().unwrap().eval_f64(&row).is_some());
    }
    let other = super::plan(&with(&CARD.replace("points: 20 }", "points: 21 }")));
    assert_eq!(diff(&plan, &other).changed, ["decision d"]);
}

#[test]
fn mistakes_of_tables_and_scorecards() {
    let limits = |from: &str, to: &str| with(&LIMITS.replace(from, to));
    let card = |from: &str, to: &str| with(&CARD.replace(from, to));
    for (text, code, line, said) in [
        (limits("hit: first", "hit: frist"), "out_of_range", 5, "did you mean `first`"),
        (limits("        hit: first\n", ""), "missing_field", 4, "`hit`"),
        (limits("        rows:", "        row:"), "unknown_field", 7, "did you mean `rows`"),
        (limits("{ country: country, amount: amount }", "{}"), "out_of_range", 6, "from 1"),
        (
            limits("{ country: country, amount: amount }", "{ country: country, amount: amount, score: amount }"),
            "reserved_name",
            6,
            "another name",
        ),
        (limits("amount: amount }", "amount: amuont }"), "unknown_name", 6, "did you mean `amount`"),
        (limits("amount: amount }", "amount: now }"), "wrong_type", 6, "getHours"),
        (limits("country: US", "contry: US"), "unknown_field", 8, "did you mean `country`"),
        (limits("\"> 1000\"", "\"> much\""), "bad_cell", 8, "> much"),
        (limits("\"100..1000\"", "\"1000..100\""), "bad_cell", 9, "1..5"),
        (limits("[DE, FR]", "[]"), "missing_value", 9, "leave the cell out"),
        (limits("outcome: decline, ", ""), "missing_field", 8, "does nothing"),
        (limits("outcome: decline", "outcome: decline, score: 1"), "several_kinds", 8, "not both"),
        (limits("{amount}", "{amoun}"), "unknown_name", 8, "did you mean `amount`"),
        (card("scorecards.risk /", "scorecards.risc /"), "unknown_name", 9, "did you mean `scorecards.risk`"),
        (card("base: 10", "bas: 10"), "unknown_field", 5, "did you mean `base`"),
        (card("of: amount, ", ""), "missing_field", 7, "`of`"),
        (card("of: amount", "of: country"), "wrong_type", 7, "values"),
        (card("of: country", "of: amount"), "wrong_type", 8, "bins"),
        (card("below: 100", "below: 10"), "unreachable_bin", 7, "ascending"),
        (card(", { points: 20 }", ""), "gap", 7, "without `below`"),
        (card("{ below: 10, points: 0 }", "{ points: 0 }"), "unreachable_bin", 7, "no bound"),
        (card(", otherwise: 10", ""), "missing_field", 8, "otherwise: 0"),
        (card("values: { US: 5, DE: 0 }, ", ""), "missing_field", 8, "gives no points"),
        (card("US: 5", "US: many"), "wrong_type", 8, "a number"),
        (card("{amount}", "{amoun}"), "unknown_name", 7, "did you mean `amount`"),
    ] {
        let Err(diagnostics) = compile("spec.yaml", &text) else { panic!("taken: {text}") };
        let first = diagnostics.list.iter().find(|one| one.code == code).unwrap_or(&diagnostics.list[0]);
        let words = format!("{} {}", first.message, first.help.as_deref().unwrap_or(""));
        let place = HEAD.lines().count() as u32 + 1 + line;
        assert!(
            first.code == code && first.line == place && words.contains(said),
            "wanted {code} {place} {said}\n{diagnostics}"
        );
        // A field that is misspelt may also be missed.
        assert!(diagnostics.list.len() == 1 || code == "unknown_field" && diagnostics.list.len() == 2, "{diagnostics}");
    }
}

#[test]
fn a_row_that_fires_is_the_last_of_its_table() {
    let of = |name: &str, hit: &str| {
        format!(
            "      {name}: {{ hit: {hit}, inputs: {{ a: amount }}, rows: [{{ a: '> 1', score: 1 }}, {{ a: '<= 1', score: 1 }}] }}\n"
        )
    };
    let text = format!(
        "  d:\n    on: payment\n    otherwise: y\n    rules: [{{ id: a, when: amount > 1, score: 1 }}]\n    tables:\n{}{}{}",
        of("one", "first"),
        of("two", "collect"),
        of("three", "unique"),
    );
    let plan = plan(&with(&text));
    let decision = &plan.decisions[0];
    let after: Vec<u32> = (0..7).map(|rule| decision.rule_after(rule)).collect();
    assert_eq!(after, [1, 3, 3, 4, 5, 7, 7]);
}
