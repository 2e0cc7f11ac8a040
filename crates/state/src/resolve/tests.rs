//! What is found out about records together is what is found out about each alone, and what a search by name finds.

use super::*;
use crate::dedupe::{Identities, Identity};
use domain::Field;
use proptest::prelude::*;
use std::sync::Arc;

const SPEC: &str = "
version: 1
entities: { user: {}, item: {}, shop: {} }
events:
  view: { user: user, item: item, fields: { place: int, note: string, a_field_with_a_long_name: string } }
  order: { item: item, user: user, shop: shop, fields: { note: string, amount: float, place: int } }
  tick: { user: user }
";

const KINDS: [&str; 4] = ["view", "order", "tick", "gone"];
const NAMES: [&str; 9] =
    ["user", "item", "shop", "place", "note", "amount", "a_field_with_a_long_name", "a_field_with_a_long_nam", "note2"];

/// A client's way of sending events: their type, and the names of their fields.
fn ways() -> impl Strategy<Value = Vec<(usize, Vec<usize>)>> {
    let names = Just((0..NAMES.len()).collect::<Vec<_>>()).prop_shuffle();
    let names = (names, 0..=NAMES.len(), 0..20usize).prop_map(|(mut names, count, twice)| {
        // Most are whole; one of ten has a name twice.
        names.truncate(if count < 4 { count } else { NAMES.len() });
        names.extend((twice < 2).then_some(names.first().copied()).flatten());
        names
    });
    prop::collection::vec((0..KINDS.len(), names), 1..4)
}

fn value() -> impl Strategy<Value = Raw<'static>> {
    prop_oneof![
        8 => (0..40u32).prop_map(|n| Raw::Str(format!("k{}", n.pow(3)).into())),
        1 => Just(Raw::Str("".into())),
        1 => "[a-c]{17,40}".prop_map(|text| Raw::Str(text.into())),
        1 => (0..3i64).prop_map(Raw::Int),
        1 => Just(Raw::Null),
    ]
}

/// Payloads of some ways of sending, mostly as the one before; the bytes of names are each event's own.
fn payloads() -> impl Strategy<Value = Vec<Payload<'static>>> {
    let one = (0..12usize, prop::collection::vec(value(), NAMES.len() + 1));
    (ways(), prop::collection::vec(one, 1..60)).prop_map(|(ways, all)| {
        let payload = |(way, values): (usize, Vec<Raw<'static>>)| {
            let Some((kind, names)) = ways.get(way).or(ways.first().filter(|_| way < 11)) else { return Payload::Tick };
            let named = names.iter().zip(values);
            let fields = named.map(|(name, value)| Field { name: NAMES[*name].to_owned().into(), value });
            let (source, id) = (["", "web"][way % 2].into(), (way != 4).then(|| "id".into()));
            Payload::Event(Event { kind: KINDS[*kind].into(), source, id, time: None, fields: fields.collect() })
        };
        all.into_iter().map(payload).collect()
    })
}

/// By searching for each name.
fn slowly(plan: &Plan, names: &mut Dictionary, event: &Event<'_>) -> Option<(Vec<EntityId>, Vec<Value>)> {
    let ty = &plan.events[usize::from(plan.event(&event.kind)?)];
    let keys: Option<Vec<&str>> = ty.roles.iter().map(|role| role_key(event, &role.name)).collect();
    let entities = ty.roles.iter().zip(keys?).map(|(role, key)| names.intern_entity(role.entity, key)).collect();
    let values = ty.fields.iter().map(|field| match (event.field(&field.name), &field.ty) {
        (Some(Raw::Str(text)), domain::Type::Str) => Value::Str(names.intern_symbol(text)),
        (Some(Raw::Int(int)), domain::Type::Int) => Value::Int(*int),
        (Some(Raw::Int(int)), domain::Type::Float) => Value::Float(*int as f64),
        _ => Value::Missing,
    });
    Some((entities, values.collect()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn together_as_alone_and_as_by_searching(payloads in payloads()) {
        let plan = Arc::new(spec::compile("spec", SPEC).unwrap_or_else(|errors| panic!("{}", spec::render(&errors))));
        let catalogue = Catalogue::new(plan.clone());
        let mut names = Dictionary::new(&plan, 1);
        let mut slow = names.clone();
        let mut identities = Identities::default();
        for payload in &payloads {
            prop_assert_eq!(identities.of_record(payload), Identity::of_record(payload));
        }
        // The second time the names are known.
        for place in [Position(1), Position(2)].map(|position| (position, Time(5))) {
            let together = Located::all(&plan, &names, payloads.iter());
            let alone: Vec<Located> = payloads.iter().map(|payload| Located::of(&plan, &names, payload)).collect();
            prop_assert_eq!(&together, &alone);
            for (payload, located) in payloads.iter().zip(&together) {
                let resolved = resolve_located(&plan, &mut names, &catalogue, place, payload, located);
                let Payload::Event(event) = payload else { continue };
                let is_twice = |field: &Field<'_>| event.fields.iter().filter(|other| other.name == field.name).count() > 1;
                if event.fields.iter().any(is_twice) {
                    // Which of the two is meant is nobody's business: the edge refuses such an event. The rest goes on from here.
                    slow = names.clone();
                    continue;
                }
                let told = match resolved.change {
                    Change::Event(event) => Some((event.entities.to_vec(), event.values.to_vec())),
                    _ => None,
                };
                prop_assert_eq!(told, slowly(&plan, &mut slow, event));
            }
        }
    }
}
