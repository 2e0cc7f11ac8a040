//! What conditions require, by example.

use super::{Obstacle, RankKind, Reading, Required, Test, Wanted};
use crate::tests::{House, build};
use domain::Value;

/// Slots as the tests of this crate have them: `b` 0 and 1, `i` 2 and 3, `f` 4 and 5, `s` 6 and 7.
fn required(text: &str) -> Required {
    let mut house = House { constants: vec!["zero".into(), "one".into()] };
    build(text, &mut house).unwrap().1.required()
}

fn test(slot: u16, kind: RankKind, wanted: Wanted) -> Test {
    Test { reading: Reading { slot, kind, otherwise: None }, wanted }
}

#[test]
fn a_conjunction_of_comparisons_is_complete() {
    let found = required("i.x > 3 && s.x in ['zero', 'one'] && !b.x && (i.y == 1 || i.y == 5)");
    let expected = [
        test(2, RankKind::Int, Wanted::Between(4, i64::MAX)),
        test(6, RankKind::Str, Wanted::Among(vec![0, 1])),
        test(0, RankKind::Bool, Wanted::Among(vec![0])),
        test(3, RankKind::Int, Wanted::Among(vec![1, 5])),
    ];
    assert_eq!(found.tests, expected);
    assert!(found.is_complete() && !found.never && found.obstacle.is_none());
}

#[test]
fn what_is_no_test_is_named() {
    for (text, obstacle) in [
        ("i.x > i.y && b.x", Obstacle::Computed),
        ("f.x != 1.0", Obstacle::Negated),
        ("!has(s.x)", Obstacle::Negated),
        ("b.x && (i.x > 3 || f.x > f.y)", Obstacle::Alternative),
        ("s.x.startsWith('z') && b.x", Obstacle::Computed),
    ] {
        let found = required(text);
        assert_eq!(found.obstacle, Some(obstacle), "{text}");
        assert!(!found.is_complete(), "{text}");
    }
}

#[test]
fn operands_beside_one_that_reads_texts_are_tests() {
    let found = required("b.y && s.x.startsWith('z') && s.y == 'one'");
    let expected = [test(1, RankKind::Bool, Wanted::Among(vec![1])), test(7, RankKind::Str, Wanted::Among(vec![1]))];
    assert_eq!(found.tests, expected);
}

#[test]
fn alternatives_on_different_slots_are_kept_apart() {
    let found = required("i.x > 3 || b.x && i.y == 1");
    assert_eq!(found.tests, []);
    assert_eq!(found.either.len(), 2);
    assert_eq!(found.either[1].len(), 2);
}

#[test]
fn ranks_stand_for_values_in_their_order() {
    let floats = [f64::NEG_INFINITY, -1e300, -2.5, -5e-324, 0.0, 5e-324, 1.0, 1.0f64.next_up(), f64::INFINITY];
    let of =
        |value: &Value| Reading { slot: 0, kind: RankKind::Float, otherwise: None }.rank(std::slice::from_ref(value));
    let ranks: Vec<i64> = floats.iter().filter_map(|float| of(&Value::Float(*float))).collect();
    assert!(ranks.is_sorted_by(|a, b| a < b) && ranks.len() == floats.len());
    ranks.iter().zip(floats).for_each(|(rank, float)| assert_eq!(RankKind::Float.value(*rank), Value::Float(float)));
    assert_eq!(of(&Value::Float(-0.0)), of(&Value::Float(0.0)));
    assert_eq!(of(&Value::Float(f64::NAN)), None);
}

#[test]
fn what_cannot_be_is_never() {
    assert!(required("i.x < -9223372036854775808").never);
    assert!(required("i.x == 2.5 && b.x").never);
    assert!(!required("i.x > 0 && i.x < 0").never, "tests are not joined");
}

#[test]
fn what_is_left_of_conditions_is_equal_where_it_says_the_same() {
    let rest = |text: &str| required(text).rest;
    let compared = rest("i.x > i.y && b.x");
    assert_eq!(compared.len(), 1);
    assert_eq!(compared, rest("s.x == 'one' && i.x > i.y"));
    assert_eq!(rest("!(i.x > i.y || b.x)"), rest("!(i.x > i.y)"));
    for other in ["i.x < i.y", "i.y > i.x", "!(i.x > i.y)", "i.x > i.y + 1"] {
        assert_ne!(compared, rest(other), "{other}");
    }
    // The zeros are equal, but not what is divided by them.
    assert_ne!(rest("f.x / 0.0 > f.y"), rest("f.x / -0.0 > f.y"));
    assert_eq!(rest("f.x / 0.0 > f.y"), rest("f.x / 0.0 > f.y"));
    // What the interpreter runs is equal to itself alone.
    let run = rest("[i.x].exists(n, n > i.y) && b.x");
    assert_eq!(run, run.clone());
    assert_ne!(run, rest("[i.x].exists(n, n > i.y) && b.x"));
}

#[test]
fn an_alternative_is_left_where_its_branches_say_too_little() {
    let found = required("i.x > 3 || b.x && f.x > f.y");
    assert!(found.rest.is_empty() && found.either_of.is_some() && !found.either_complete);
    let found = required("(i.x > 3 || b.x) && (i.y > 3 || b.y)");
    assert!(found.rest.len() == 1 && found.either_complete && !found.is_complete());
}
