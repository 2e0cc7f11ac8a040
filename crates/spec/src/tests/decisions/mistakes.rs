//! What is wrong with a decision: one mistake after another, with its code, its place, and a part of what is said.

use super::{HEAD, RISK, with};
use crate::compile;

/// A rule (line and column are counted in it), code, column, a part of message or help.
type Rule = (&'static str, &'static str, u32, &'static str);

/// What is not as it should be when each text, put behind the given one, has exactly one mistake.
pub(super) fn wrong(
    before: &str,
    after: &str,
    (text, code, place, said): (&str, &str, (u32, u32), &str),
) -> Option<String> {
    let whole = format!("{before}{text}{after}");
    let line = before.lines().count() as u32 + place.0;
    let Err(diagnostics) = compile("spec.yaml", &whole) else { return Some(format!("not refused:\n{text}\n")) };
    let first = &diagnostics.list[0];
    let words = format!("{} {}", first.message, first.help.as_deref().unwrap_or(""));
    let found = (first.code, first.line, first.column) == (code, line, place.1);
    let fits = found && diagnostics.list.len() == 1 && words.contains(said) && first.help.is_some();
    (!fits).then(|| format!("wanted {code} {line}:{} with `{said}`, got\n{diagnostics}", place.1))
}

/// Each is a rule of a decision on `payment`.
fn check_rules(event: &str, rules: &[Rule]) {
    let before =
        format!("{HEAD}decisions:\n  d:\n    on: {event}\n    outcomes: [x, y]\n    otherwise: y\n    rules:\n");
    let wrong: Vec<String> = rules
        .iter()
        .filter_map(|&(rule, code, column, said)| {
            wrong(&before, "", (&format!("      - {rule}\n"), code, (1, column), said))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rules() {
    check_rules(
        "payment",
        &[
            ("{ when: amount > 1, outcome: x }", "missing_field", 11, "`id`"),
            ("{ id: a, outcome: x }", "missing_field", 15, "`when`"),
            ("{ id: a, when: amount > 1 }", "missing_field", 15, "does nothing"),
            ("{ id: a, when: amount > 1, score: 1, outcome: x }", "several_kinds", 15, "not both"),
            ("{ id: a b, when: amount > 1, outcome: x }", "bad_name", 15, "letters, digits"),
            ("{ id: a/b, when: amount > 1, outcome: x }", "bad_name", 15, "letters, digits"),
            ("{ id: a, whn: amount > 1, outcome: x, when: amount > 1 }", "unknown_field", 18, "did you mean `when`"),
            ("{ id: a, when: amount > 1, outcome: z }", "unknown_outcome", 45, "known here: x, y"),
            ("{ id: a, when: amount > 1, outcome: 'x y' }", "bad_name", 45, "letters, digits"),
            ("{ id: a, when: amount, outcome: x }", "wrong_type", 24, "condition"),
            ("{ id: a, when: amount > 1, score: amount > 2 }", "wrong_type", 43, "1.0 : 0.0"),
            ("{ id: a, when: amount > 1, score: country }", "wrong_type", 43, "number"),
            (
                "{ id: a, when: amount > 1, outcome: x, from: 2027-01-01, until: 2026-01-01 }",
                "out_of_range",
                15,
                "never fires",
            ),
            ("{ id: a, when: amount > 1, outcome: x, from: tomorrow }", "wrong_type", 54, "2026-12-24"),
            ("{ id: a, when: amount > 1, outcome: x, shadow: 1 }", "wrong_type", 56, "`true` or `false`"),
            ("{ id: a, when: amount > 1, outcome: x, share: 110% }", "out_of_range", 55, "from 0 to 1"),
            ("{ id: a, when: amount > 1, outcome: x, share: { by: device } }", "missing_field", 57, "of: 10%"),
            (
                "{ id: a, when: amount > 1, outcome: x, share: { of: 10%, by: devise } }",
                "unknown_role",
                70,
                "did you mean `device`",
            ),
            (
                "{ id: a, when: amount > 1, outcome: x, share: { of: 10%, bye: device } }",
                "unknown_field",
                66,
                "did you mean `by`",
            ),
            ("{ id: a, when: amount > 1, outcome: x, tags: [v, v] }", "duplicate_name", 58, "twice"),
            ("{ id: a, when: amount > 1, outcome: x, tags: ['a b'] }", "bad_name", 55, "a tag"),
            ("{ id: a, when: amount > 1, outcome: x, reason: 'a {amount' }", "bad_template", 59, "not closed"),
            ("{ id: a, when: amount > 1, outcome: x, reason: 'a } b' }", "bad_template", 59, "`}}`"),
            ("{ id: a, when: amount > 1, outcome: x, reason: 'a {} b' }", "bad_template", 59, "nothing between"),
            (
                "{ id: a, when: amount > 1, outcome: x, reason: 'a {amoun} b' }",
                "unknown_name",
                60,
                "did you mean `amount`",
            ),
            ("a", "wrong_type", 9, "a map"),
        ],
    );
}

#[test]
fn names() {
    check_rules(
        "payment",
        &[
            ("{ id: a, when: amuont > 1, outcome: x }", "unknown_name", 24, "did you mean `amount`"),
            ("{ id: a, when: event.amuont > 1, outcome: x }", "unknown_name", 24, "did you mean `amount`"),
            ("{ id: a, when: event == 1, outcome: x }", "wrong_type", 24, "event.amount"),
            ("{ id: a, when: user == 'x', outcome: x }", "wrong_type", 24, "listed(user"),
            ("{ id: a, when: cards_10m > 1, outcome: x }", "unknown_name", 24, "write `device.cards_10m`"),
            ("{ id: a, when: device.cards_1m > 1, outcome: x }", "unknown_name", 24, "did you mean `device.cards_10m`"),
            ("{ id: a, when: item.heat > 1, outcome: x }", "missing_role", 24, "add the role `item: item`"),
            (
                "{ id: a, when: user.category.share_7d > 1, outcome: x }",
                "missing_role",
                24,
                "a row of `user.category` is of one `item`",
            ),
            ("{ id: a, when: shop.x > 1, outcome: x }", "unknown_name", 24, "not a role of the event `payment`"),
            ("{ id: a, when: request.device == 'x', outcome: x }", "not_here", 24, "not about a request"),
            ("{ id: a, when: recall.score > 1, outcome: x }", "not_here", 24, "feeds only"),
            ("{ id: a, when: \"seen(item, 7d)\", outcome: x }", "not_here", 25, "a decision has none"),
            ("{ id: a, when: user.seen_it, outcome: x }", "not_here", 24, "`user.seen_it` asks `seen`"),
            ("{ id: a, when: \"count(payment, 1h) > 3\", outcome: x }", "not_here", 25, "declare a feature"),
            ("{ id: a, when: \"held(payment, amount > 1000, 5m)\", outcome: x }", "not_here", 25, "declare a feature"),
            ("{ id: a, when: \"listed(user, blokced)\", outcome: x }", "unknown_name", 38, "did you mean `blocked`"),
            (
                "{ id: a, when: \"listed(device, blocked)\", outcome: x }",
                "wrong_type",
                40,
                "a list of `user`, not of `device`",
            ),
            ("{ id: a, when: \"listed(item, goods)\", outcome: x }", "unknown_role", 32, "known here: user, device"),
            ("{ id: a, when: listed(user), outcome: x }", "wrong_arity", 24, "listed(<role>, <list>)"),
            ("{ id: a, when: \"listed(user, 'blocked')\", outcome: x }", "wrong_type", 38, "name of a list"),
            ("{ id: a, when: before(amount) > 1, outcome: x }", "wrong_type", 31, "without `before`"),
            ("{ id: a, when: before(now) > now, outcome: x }", "wrong_type", 31, "without `before`"),
            ("{ id: a, when: before(user.country) == 'DE', outcome: x }", "wrong_type", 31, "does not change"),
            ("{ id: a, when: before(user.views_1h + 1) > 1, outcome: x }", "wrong_type", 31, "takes a feature"),
            ("{ id: a, when: \"before(user.views_1h, 1) > 1\", outcome: x }", "wrong_arity", 25, "1 argument"),
            ("{ id: a, when: lsted(user) > 1, outcome: x }", "unknown_function", 24, "did you mean `listed`"),
        ],
    );
    check_rules(
        "transfer",
        &[
            (
                "{ id: a, when: user.spent_1d > 1, outcome: x }",
                "missing_role",
                24,
                "write `payer.spent_1d` or `payee.spent_1d`",
            ),
            ("{ id: a, when: payer.spend_1d > 1, outcome: x }", "unknown_name", 24, "did you mean `payer.spent_1d`"),
        ],
    );
    check_rules("impression", &[("{ id: a, when: decision == 'x', outcome: x }", "not_here", 24, "never recurs")]);
}

/// Each is a whole decision; the place is counted from its first line.
#[test]
fn decisions() {
    let rule = "rules: [{ id: r, when: amount > 1, outcome: x }]";
    let of = |text: &str| format!("  d: {{ {} }}\n", text.replace("RULES", rule));
    let cases: Vec<(String, &str, (u32, u32), &str)> = vec![
        (of("RULES, otherwise: y"), "missing_field", (1, 3), "on: payment"),
        (of("on: paymnt, RULES, otherwise: y"), "unknown_event", (1, 12), "did you mean `payment`"),
        (of("on: payment, RULES"), "missing_field", (1, 3), "`otherwise`"),
        (of("on: payment, otherwise: y"), "missing_field", (1, 3), "`rules`"),
        (of("on: payment, RULES, tiers: { act: 1, otherwise: y }, otherwise: y"), "several_kinds", (1, 104), "tiers"),
        (of("on: payment, RULES, tiers: { act: 1 }"), "missing_field", (1, 71), "otherwise: label"),
        (of("on: payment, RULES, tiers: { otherwise: y }"), "missing_field", (1, 71), "no tier"),
        (
            of("on: payment, score: 1, tiers: { act: 0.5, check: 0.9, otherwise: y }"),
            "unreachable_tier",
            (1, 57),
            "highest",
        ),
        (
            of("on: payment, score: 1, tiers: { act: 0.5, check: 0.5, otherwise: y }"),
            "unreachable_tier",
            (1, 57),
            "at 0.5",
        ),
        (
            of("on: payment, score: 1, tiers: { a: 0.5, b: amount, c: 0.6, otherwise: y }"),
            "unreachable_tier",
            (1, 62),
            "at 0.5",
        ),
        (of("on: payment, score: 1, tiers: { act: 1.0 / 0.0, otherwise: y }"), "out_of_range", (1, 45), "finite"),
        (
            of("on: payment, score: 1, tiers: { act: country, otherwise: y }"),
            "wrong_type",
            (1, 45),
            "a threshold is a number",
        ),
        (of("on: payment, score: 1, tiers: { 'a b': 1, otherwise: y }"), "bad_name", (1, 40), "letters, digits"),
        (
            of("on: payment, score: 1, outcomes: [y], tiers: { act: 1, otherwise: y }"),
            "unknown_outcome",
            (1, 55),
            "`outcomes`",
        ),
        (of("on: payment, RULES, outcomes: [x], otherwise: y"), "unknown_outcome", (1, 97), "`outcomes`"),
        (of("on: payment, RULES, outcomes: [x, y, x], otherwise: y"), "duplicate_name", (1, 88), "twice"),
        (of("on: payment, RULES, outcomes: x, otherwise: y"), "wrong_type", (1, 81), "a list"),
        (of("on: payment, RULES, otherwise: y, deadline: 5ms"), "missing_field", (1, 85), "`fallback`"),
        (of("on: payment, RULES, otherwise: y, deadline: 5, fallback: y"), "wrong_type", (1, 95), "50ms"),
        (of("on: payment, RULES, otherwise: y, deadlin: 5ms"), "unknown_field", (1, 85), "did you mean `deadline`"),
        (of("on: payment, score: country, otherwise: y"), "wrong_type", (1, 28), "a score is a number"),
        (of("on: payment, rules: {}, otherwise: y"), "wrong_type", (1, 28), "a list"),
        ("  'a b': { on: payment, score: 1, otherwise: y }\n".to_owned(), "bad_name", (1, 3), "letters"),
        ("  d: 1\n".to_owned(), "wrong_type", (1, 6), "a map"),
        (
            of(
                "on: payment, rules: [{ id: r, when: amount > 1, score: 1 }, { id: r, when: amount > 2, score: 1 }], otherwise: y",
            ),
            "duplicate_name",
            (1, 74),
            "two rules",
        ),
    ];
    let before = with("");
    let wrong: Vec<String> =
        cases.iter().filter_map(|(text, code, place, said)| wrong(&before, "", (text, code, *place, said))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn limits_hold() {
    let many = |count: usize, one: &dyn Fn(usize) -> String| (0..count).map(one).collect::<Vec<_>>().join(", ");
    let decision = |text: &str| with(&format!("  d: {{ on: payment, score: 1, {text} }}\n"));
    for (text, code) in [
        (decision(&format!("outcomes: [{}], otherwise: o0", many(65, &|n| format!("o{n}")))), "too_many"),
        (decision(&format!("tiers: {{ {}, otherwise: y }}", many(33, &|n| format!("t{n}: {}", 99 - n)))), "too_many"),
        (
            decision(&format!(
                "rules: [{{ id: a, when: amount > 1, score: 1, tags: [{}] }}], otherwise: y",
                many(17, &|n| format!("t{n}"))
            )),
            "too_many",
        ),
        (
            decision(&format!(
                "rules: [{{ id: a, when: amount > 1, score: 1, reason: '{}' }}], otherwise: y",
                "x".repeat(1_025)
            )),
            "out_of_range",
        ),
        (decision("deadline: 2m, fallback: y, otherwise: y"), "out_of_range"),
        (
            with(
                &many(257, &|n| format!("d{n}: {{ on: payment, score: 1, otherwise: y }}"))
                    .replace(", d", "\n  d")
                    .replacen("d0", "  d0", 1),
            ),
            "too_many",
        ),
    ] {
        let Err(diagnostics) = compile("spec.yaml", &text) else { panic!("taken: {text}") };
        assert_eq!((diagnostics.list[0].code, diagnostics.list.len()), (code, 1), "{diagnostics}");
    }
}

#[test]
fn what_does_nothing_is_warned_of() {
    let text = |decision: &str| with(&format!("  d:\n    on: payment\n{decision}"));
    for (decision, said) in [
        ("    rules: [{ id: a, when: amount > 5 && amount < 3, outcome: x }]\n    otherwise: y\n", "never true"),
        ("    rules: [{ id: a, when: 1 > 2, outcome: x }]\n    otherwise: y\n", "never true"),
        ("    rules: [{ id: a, when: amount > 1, outcome: y }]\n    otherwise: y\n", "asking for `y` changes nothing"),
        (
            "    outcomes: [y, x]\n    rules: [{ id: a, when: amount > 1, outcome: x }]\n    otherwise: y\n",
            "asking for `x`",
        ),
        (
            "    outcomes: [x, z, y]\n    rules: [{ id: a, when: amount > 1, outcome: x }]\n    otherwise: y\n",
            "nothing gives the outcome `z`",
        ),
        (
            "    rules: [{ id: a, when: amount > 1, outcome: x }, { id: b, when: amount>1, outcome: z }]\n    otherwise: y\n",
            "`a` asks for `x`",
        ),
        (
            "    rules: [{ id: a, when: amount > 1, outcome: x }, { id: b, when: amount>1, outcome: x }]\n    otherwise: y\n",
            "the same outcome",
        ),
        (
            "    rules: [{ id: a, when: amount > 1, outcome: x }]\n    tiers: { z: 1, otherwise: y }\n",
            "it is 0 for every event",
        ),
    ] {
        let plan = super::plan(&text(decision));
        let warnings: Vec<String> = plan.warnings.iter().map(|warning| warning.diagnostic.message.clone()).collect();
        assert!(warnings.len() == 1 && warnings[0].contains(said), "{decision}\n{warnings:?}");
    }
    let expired = super::plan(&text(
        "    rules: [{ id: a, when: amount > 1, outcome: x, until: 2026-01-01 }]\n    otherwise: y\n",
    ));
    assert!(expired.warnings[0].since.is_some());
    for quiet in [
        "    rules: [{ id: a, when: amount > 1, outcome: x, until: 2026-01-01 }, { id: b, when: amount > 1, outcome: z, from: 2026-01-01 }]\n    otherwise: y\n",
        "    rules: [{ id: a, when: amount > 1, outcome: x, shadow: true }, { id: b, when: amount > 1, outcome: z }]\n    otherwise: y\n",
    ] {
        let plan = super::plan(&text(quiet));
        assert!(plan.warnings.iter().all(|warning| warning.since.is_some()), "{quiet}");
    }
}

#[test]
fn mistakes_elsewhere_are_told_once() {
    let broken = format!("{HEAD}{RISK}").replace("distinct(payment, card, 10m)", "distinct(payment, crd, 10m)");
    let Err(diagnostics) = compile("spec.yaml", &broken) else { panic!() };
    assert_eq!(diagnostics.list.len(), 1, "{diagnostics}");
    let no_field = format!("{HEAD}{RISK}").replace("amount: float, card", "amount: flot, card");
    let Err(diagnostics) = compile("spec.yaml", &no_field) else { panic!() };
    assert_eq!(diagnostics.list.len(), 1, "{diagnostics}");
}
