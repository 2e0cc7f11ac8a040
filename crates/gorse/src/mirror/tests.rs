//! The read-model against the obvious one: a list of all feedback that is searched from end to end.

use super::*;
use crate::{Feedback, FeedbackKey, neighbours};
use domain::{Time, Upsert};
use proptest::prelude::*;

const SPEC: &str = include_str!("../../../../examples/gorse.yaml");

fn shape() -> Arc<Shape> {
    let plan = spec::compile("examples/gorse.yaml", SPEC).map_err(|all| spec::render(&all)).unwrap();
    Arc::new(Shape::of(&plan).unwrap())
}

fn upsert(entity: &'static str, key: &str) -> Payload<'static> {
    Payload::Upsert(Upsert { entity: entity.into(), key: key.to_owned().into(), fields: Vec::new() })
}

fn feedback(kind: &str, user: &str, item: &str, value: f64, ms: i64) -> Feedback<'static> {
    Feedback {
        kind: kind.to_owned().into(),
        user: user.to_owned().into(),
        item: item.to_owned().into(),
        value,
        timestamp: Some(Time(ms)),
        ..Feedback::default()
    }
}

/// One step of a client.
#[derive(Clone, Debug)]
enum Step {
    Add { kind: usize, user: usize, item: usize, value: i8, ms: i64, overwrite: bool },
    Remove { kind: Option<usize>, user: usize, item: usize },
    DeleteUser(usize),
    DeleteItem(usize),
    InsertUser(usize),
}

const KINDS: [&str; 4] = ["click", "like", "odd", "feedback"];

fn key(prefix: &str, index: usize) -> String {
    format!("{prefix}{index}")
}

fn step() -> impl Strategy<Value = Step> {
    let add = (0..4usize, 0..4usize, 0..5usize, any::<i8>(), 0..1_000i64, any::<bool>());
    prop_oneof![
        8 => add.prop_map(|(kind, user, item, value, ms, overwrite)| Step::Add { kind, user, item, value, ms, overwrite }),
        2 => (proptest::option::of(0..4usize), 0..4usize, 0..5usize).prop_map(|(kind, user, item)| Step::Remove { kind, user, item }),
        1 => (0..4usize).prop_map(Step::DeleteUser),
        1 => (0..5usize).prop_map(Step::DeleteItem),
        1 => (0..4usize).prop_map(Step::InsertUser),
    ]
}

fn payload(shape: &Shape, step: &Step) -> Payload<'static> {
    match step {
        Step::Add { kind, user, item, value, ms, overwrite } => {
            let one = feedback(KINDS[*kind], &key("u", *user), &key("i", *item), f64::from(*value), *ms);
            shape.feedback(&one, Time(1_000), *overwrite)
        }
        Step::Remove { kind, user, item } => {
            shape.deleted(kind.map_or("", |kind| KINDS[kind]), &key("u", *user), &key("i", *item))
        }
        Step::DeleteUser(user) => Payload::Delete { entity: "user".into(), key: key("u", *user).into() },
        Step::DeleteItem(item) => Payload::Delete { entity: "item".into(), key: key("i", *item).into() },
        Step::InsertUser(user) => upsert("user", &key("u", *user)),
    }
}

/// (type, user, item, value, time, updated)
type Simple = (String, String, String, f64, i64, i64);

fn obvious(steps: &[Step]) -> Vec<Simple> {
    let mut rows: Vec<Simple> = Vec::new();
    for step in steps {
        match step {
            Step::Add { kind, user, item, value, ms, overwrite } => {
                let (kind, user, item) = (KINDS[*kind].to_owned(), key("u", *user), key("i", *item));
                let value = f64::from(*value);
                match rows.iter_mut().find(|row| (&row.0, &row.1, &row.2) == (&kind, &user, &item)) {
                    Some(row) if *overwrite => (row.3, row.4, row.5) = (value, *ms, *ms),
                    Some(row) => (row.3, row.4, row.5) = (row.3 + value, row.4.min(*ms), row.5.max(*ms)),
                    None => rows.push((kind, user, item, value, *ms, *ms)),
                }
            }
            Step::Remove { kind, user, item } => rows.retain(|row| {
                (&row.1, &row.2) != (&key("u", *user), &key("i", *item))
                    || kind.is_some_and(|kind| KINDS[kind] != row.0)
            }),
            Step::DeleteUser(user) => rows.retain(|row| row.1 != key("u", *user)),
            Step::DeleteItem(item) => rows.retain(|row| row.2 != key("i", *item)),
            Step::InsertUser(_) => {}
        }
    }
    rows.sort_by(|a, b| a.partial_cmp(b).unwrap());
    rows
}

fn simple(rows: Vec<Row<'_>>) -> Vec<Simple> {
    let simple =
        |row: Row<'_>| (row.kind.into(), row.user.into(), row.item.into(), row.value, row.time.0, row.updated.0);
    rows.into_iter().map(simple).collect()
}

fn all(mirror: &Mirror, kind: &str, count: usize) -> Vec<Simple> {
    let (mut rows, mut from) = (Vec::new(), None);
    loop {
        let page = mirror.page(kind, from.as_ref(), count);
        assert!(page.rows.len() <= count);
        rows.extend(simple(page.rows));
        from = FeedbackKey::decode(&page.next).unwrap();
        if from.is_none() {
            rows.sort_by(|a, b| a.partial_cmp(b).unwrap());
            return rows;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_list_is_what_a_search_finds(steps in proptest::collection::vec(step(), 0..60), count in 1usize..5) {
        let shape = shape();
        let mut mirror = Mirror::new(shape.clone());
        for (index, step) in steps.iter().enumerate() {
            mirror.apply(Position(index as u64 + 1), Time(1_000), &payload(&shape, step));
        }
        let expected = obvious(&steps);
        prop_assert_eq!(mirror.counts().2, expected.len());
        prop_assert_eq!(&all(&mirror, "", count), &expected);
        let some = |fits: &dyn Fn(&Simple) -> bool| expected.iter().filter(|row| fits(row)).cloned().collect::<Vec<_>>();
        for kind in KINDS {
            prop_assert_eq!(all(&mirror, kind, count), some(&|row| row.0 == kind));
        }
        for user in 0..4 {
            let user = key("u", user);
            let of = |kind, item| simple(mirror.feedback(Filter { kind, user: &user, item }, 100));
            prop_assert_eq!(of("", ""), some(&|row| row.1 == user));
            prop_assert_eq!(of("click", ""), some(&|row| row.1 == user && row.0 == "click"));
            prop_assert_eq!(of("", "i2"), some(&|row| row.1 == user && row.2 == "i2"));
            prop_assert_eq!(of("odd", "i2"), some(&|row| row.1 == user && row.2 == "i2" && row.0 == "odd"));
        }
        for item in 0..5 {
            let item = key("i", item);
            let filter = Filter { kind: "", user: "", item: &item };
            prop_assert_eq!(simple(mirror.feedback(filter, 100)), some(&|row| row.2 == item));
        }
    }
}

#[test]
fn users_and_items_are_there_from_insertion_to_deletion() {
    let shape = shape();
    let mut mirror = Mirror::new(shape.clone());
    let mut position = 0;
    let mut apply = |mirror: &mut Mirror, payload: Payload<'static>| {
        position += 1;
        mirror.apply(Position(position), Time(5), &payload);
    };
    for user in ["b", "a", "c", "a"] {
        apply(&mut mirror, upsert("user", user));
    }
    apply(&mut mirror, shape.feedback(&feedback("click", "z", "i", 1.0, 1), Time(5), false));
    assert_eq!(mirror.user_page("", 2), (vec!["a".to_owned(), "b".to_owned()], Some("c".to_owned())));
    assert_eq!(mirror.user_page("c", 2), (vec!["c".to_owned()], None));
    assert!(!mirror.has_user("z") && !mirror.has_item("i"), "feedback alone inserts nobody");
    apply(&mut mirror, Payload::Delete { entity: "user".into(), key: "b".into() });
    assert_eq!(mirror.user_page("b", 2), (vec!["c".to_owned()], None));
    assert_eq!(mirror.counts(), (2, 0, 1));
}

#[test]
fn feedback_to_come_waits_and_counts_once() {
    let shape = shape();
    let mut mirror = Mirror::new(shape.clone());
    for (position, item) in [(1, "i"), (2, "j")] {
        let announced = shape.feedback(&feedback("read", "u", item, 2.0, 9_000), Time(100), false);
        assert!(matches!(&announced, Payload::Event(event) if event.kind == Shape::DUE));
        mirror.apply(Position(position), Time(100), &announced);
    }
    assert_eq!((mirror.counts().2, mirror.due(Time(8_999), 9)), (0, Vec::new()));
    let due = mirror.due(Time(9_000), 9);
    assert_eq!(due.iter().map(|due| due.item.as_str()).collect::<Vec<_>>(), ["i", "j"]);
    mirror.apply(Position(3), Time(9_050), &shape.come(&due[0]));
    assert_eq!(mirror.due(Time(9_000), 9), due[1..]);
    let row = mirror.feedback(Filter { user: "u", ..Filter::default() }, 9);
    assert_eq!((row.len(), row[0].value, row[0].time), (1, 2.0, Time(9_000)));
    mirror.apply(Position(4), Time(9_060), &shape.deleted("read", "u", "j"));
    assert_eq!(mirror.due(Time(20_000), 9), [], "what is deleted before its time never comes");
}

#[test]
fn neighbours_share_items_and_rare_ones_count_more() {
    let shape = shape();
    let mut mirror = Mirror::new(shape.clone());
    let pairs =
        [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y"), ("c", "x"), ("d", "x"), ("d", "z"), ("e", "y"), ("f", "z")];
    for (index, (user, item)) in pairs.iter().enumerate() {
        mirror.apply(Position(index as u64 + 1), Time(5), &upsert("user", user));
        let one = shape.feedback(&feedback("like", user, item, 1.0, 1), Time(5), false);
        mirror.apply(Position(index as u64 + 1), Time(5), &one);
    }
    let users: Vec<String> = neighbours(&mirror, "a", 9).into_iter().map(|(user, _)| user).collect();
    // y has three users and x has four; f shares nothing.
    assert_eq!(users, ["b", "e", "c", "d"]);
    assert_eq!(neighbours(&mirror, "a", 1).len(), 1);
    assert_eq!(neighbours(&mirror, "nobody", 9), []);
}
