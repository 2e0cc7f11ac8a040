//! What is worked out of events by texts and attributes, against the same said in Rust over the records as they were sent; under
//! plans that number strings differently.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use domain::{Code, Event, Field, Payload, Position, Raw, Time, Upsert, Value};
use proptest::prelude::*;
use proptest::sample::select;
use spec::Plan;
use state::{Catalogue, Dictionary, Digest, Rows, Scope, resolve};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const NOW: Time = Time(1_790_000_000_000);

const SPEC: &str = r#"
version: 1
entities: { item: { fields: { title: string, tags: [string], price: float } }, user: {} }
events: { pay: { user: user, item: item, fields: { email: string, amount: float } } }
features:
  user:
    boots: count(pay, 7d, item.title.contains("boot"))
    red: count(pay, 7d, item.tags.exists(tag, tag.startsWith("re")))
    dear: sum(pay, amount, 7d, item.price > 50.0)
    own: sum(pay, item.price * amount, 7d, email.lowerAscii().endsWith("@x.com"))
    length: sum(pay, size(email), 7d)
    hosts: distinct(pay, email.substring(email.indexOf("@") + 1).lowerAscii(), 7d)
    last: last_n(pay, email.lowerAscii() + "/" + item.title, 4)
    early: count(pay, 7d, email.matches("^[a-m]"))
    same: streak(pay, email == item.title)
"#;

const EMAILS: [&str; 7] = ["a@x.com", "B@X.com", "b@x.com", "q@y.org", "boot", "red boot", "@"];
const TITLES: [&str; 4] = ["boot", "red boot", "Boots", ""];
const TAGS: [&str; 4] = ["red", "reed", "blue", "Red"];

#[derive(Clone, Debug)]
enum Act {
    Pay(u8, Option<&'static str>, u8),
    Item(u8, &'static str, Vec<&'static str>, u8),
    Gone(u8),
}

fn act() -> impl Strategy<Value = Act> {
    let tags = prop::collection::vec(select(&TAGS[..]), 0..3);
    prop_oneof![
        6 => (0u8..4, prop::option::weighted(0.9, select(&EMAILS[..])), 0u8..9).prop_map(|(item, email, amount)| Act::Pay(item, email, amount)),
        3 => (0u8..4, select(&TITLES[..]), tags, 40u8..60).prop_map(|(item, title, tags, price)| Act::Item(item, title, tags, price)),
        1 => (0u8..4).prop_map(Act::Gone),
    ]
}

fn text(text: impl Into<String>) -> Raw<'static> {
    Raw::Str(text.into().into())
}

fn field(name: &'static str, value: Raw<'static>) -> Field<'static> {
    Field { name: name.into(), value }
}

fn payload(act: &Act) -> Payload<'static> {
    match act {
        Act::Pay(item, email, amount) => {
            let mut fields = vec![field("user", text("u")), field("item", text(format!("i{item}")))];
            fields.extend(email.map(|email| field("email", text(email))));
            fields.push(field("amount", Raw::Float(f64::from(*amount))));
            Payload::Event(Event { kind: "pay".into(), source: "".into(), id: None, time: Some(NOW), fields })
        }
        Act::Item(item, title, tags, price) => {
            let tags = tags.iter().map(|tag| text(*tag)).collect();
            let fields = vec![
                field("title", text(*title)),
                field("tags", Raw::List(tags)),
                field("price", Raw::Float(f64::from(*price))),
            ];
            Payload::Upsert(Upsert { entity: "item".into(), key: format!("i{item}").into(), fields })
        }
        Act::Gone(item) => Payload::Delete { entity: "item".into(), key: format!("i{item}").into() },
    }
}

/// A payment with what its item was then.
#[derive(Clone)]
struct Paid {
    email: Option<&'static str>,
    amount: f64,
    item: Option<(&'static str, Vec<&'static str>, f64)>,
}

fn paid(acts: &[Act]) -> Vec<Paid> {
    let (mut items, mut all) = (BTreeMap::new(), Vec::new());
    for act in acts {
        match act {
            Act::Pay(item, email, amount) => {
                all.push(Paid { email: *email, amount: f64::from(*amount), item: items.get(item).cloned() });
            }
            Act::Item(item, title, tags, price) => {
                items.insert(*item, (*title, tags.clone(), f64::from(*price)));
            }
            Act::Gone(item) => {
                items.remove(item);
            }
        }
    }
    all
}

/// The features as the specification of each function has them.
fn expected(all: &[Paid]) -> BTreeMap<&'static str, String> {
    let sum =
        |of: &dyn Fn(&Paid) -> Option<f64>| format!("{:?}", all.iter().filter_map(of).fold(0.0, |sum, x| sum + x));
    let holds = |condition: bool| condition.then_some(1.0);
    let title = |paid: &Paid| paid.item.as_ref().map(|item| item.0);
    let lower = |paid: &Paid| paid.email.map(str::to_lowercase);
    let host = |email: String| email[email.find('@').map_or(0, |at| at + 1)..].to_owned();
    let both = |paid: &Paid| Some(format!("{}/{}", lower(paid)?, title(paid)?));
    let equal = |paid: &Paid| Some(paid.email? == title(paid)?);
    let last: Vec<String> = all.iter().rev().filter_map(both).take(4).collect();
    BTreeMap::from([
        ("boots", sum(&|paid| holds(title(paid)?.contains("boot")))),
        ("red", sum(&|paid| holds(paid.item.as_ref()?.1.iter().any(|tag| tag.starts_with("re"))))),
        ("dear", sum(&|paid| (paid.item.as_ref()?.2 > 50.0).then_some(paid.amount))),
        ("own", sum(&|paid| lower(paid)?.ends_with("@x.com").then_some(paid.item.as_ref()?.2 * paid.amount))),
        ("length", sum(&|paid| Some(paid.email?.chars().count() as f64))),
        ("hosts", format!("{:?}", all.iter().filter_map(lower).map(host).collect::<BTreeSet<_>>().len() as f64)),
        ("last", format!("{last:?}")),
        ("early", sum(&|paid| holds(paid.email?.starts_with(|c: char| ('a'..='m').contains(&c))))),
        ("same", format!("{:?}", all.iter().rev().filter_map(equal).take_while(|equal| *equal).count() as f64)),
    ])
}

struct Node {
    plan: Arc<Plan>,
    names: Dictionary,
    catalogue: Catalogue,
    rows: Rows,
    position: Position,
}

impl Node {
    fn new(text: &str) -> Node {
        let plan = Arc::new(spec::compile("pay.yaml", text).unwrap_or_else(|wrong| panic!("{wrong}")));
        Node {
            names: Dictionary::new(&plan, 5),
            catalogue: Catalogue::new(plan.clone()),
            rows: Rows::new(plan.clone(), Scope::Shard { index: 0, count: 1 }),
            position: Position::START,
            plan,
        }
    }

    fn apply(&mut self, payload: &Payload<'_>) -> Result<(), Code> {
        state::validate(&self.plan, payload).unwrap();
        self.position = self.position.next();
        let resolved = resolve(&self.plan, &mut self.names, &self.catalogue, self.position, NOW, payload);
        let resolved = resolved.map_err(|refusal| refusal.code)?;
        self.catalogue.apply(&resolved);
        self.rows.apply(&resolved);
        Ok(())
    }

    fn features(&self) -> BTreeMap<&'static str, String> {
        let user = self.plan.entity("user").unwrap();
        let Some(id) = self.names.entity(user, "u") else { return expected(&[]) };
        let all: Vec<u16> = (0..self.plan.aggregates.len() as u16).collect();
        let mut row = vec![Value::Missing; self.plan.slots.len()];
        self.rows.read(id, &all, NOW, &mut row);
        let shown = |value: &Value| match value {
            Value::List(list) => {
                let text = |value: &Value| match value {
                    Value::Str(symbol) => self.names.text(*symbol).to_owned(),
                    other => panic!("{other:?} in a list of strings"),
                };
                format!("{:?}", list.iter().map(text).collect::<Vec<_>>())
            }
            Value::Float(float) => format!("{float:?}"),
            other => panic!("{other:?}"),
        };
        let named = |name: &&'static str| {
            let feature = self.plan.features.iter().find(|feature| feature.name == **name).unwrap();
            (*name, shown(&row[usize::from(feature.program.slots()[0])]))
        };
        expected(&[]).keys().map(named).collect()
    }

    fn digest(&self) -> Digest {
        self.rows.digest(&self.names, NOW)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn texts_and_attributes_are_those_of_the_records(acts in prop::collection::vec(act(), 0..80)) {
        let mut node = Node::new(SPEC);
        // Another feature's constants come first, so that every string has another number.
        let other = SPEC.replace("  user:\n", "  user:\n    first: \"'zz' in ['q@y.org', 'boot', 'x.com']\"\n");
        let mut numbered = Node::new(&other);
        for (at, act) in acts.iter().enumerate() {
            node.apply(&payload(act)).unwrap();
            numbered.apply(&payload(act)).unwrap();
            if at % 9 == 0 || at + 1 == acts.len() {
                prop_assert_eq!(node.features(), expected(&paid(&acts[..=at])));
            }
        }
        prop_assert_eq!(node.features(), numbered.features());
        prop_assert_eq!(node.digest(), numbered.digest());
    }
}

#[test]
fn strings_that_are_computed_need_room_like_others() {
    let mut node = Node::new(SPEC);
    node.names = Dictionary::new(&node.plan, 5).with_capacity(100, node.plan.constants.len() as u32 + 4);
    let pay = |email: &'static str| payload(&Act::Pay(0, Some(email), 1));
    // The email, its host in lower case, and the entry of the list, which has no title: room for three is asked for.
    assert_eq!(node.apply(&pay("A@X.com")), Ok(()));
    assert_eq!(node.apply(&pay("B@Y.com")), Err(Code::CapacityReached));
    assert_eq!(node.names.symbol_count() - node.plan.constants.len() as u32, 2);
}

#[test]
fn a_string_longer_than_fields_may_be_is_missing() {
    let text = SPEC.replace("email.lowerAscii() + \"/\" + item.title", "email + email");
    let mut node = Node::new(&text);
    let pay = |length: usize| {
        let mut event = payload(&Act::Pay(0, None, 1));
        if let Payload::Event(event) = &mut event {
            event.fields.push(field("email", Raw::Str("x".repeat(length).into())));
        }
        event
    };
    for length in [domain::limits::STRING_BYTES_MAX / 2, domain::limits::STRING_BYTES_MAX / 2 + 1] {
        node.apply(&pay(length)).unwrap();
    }
    let list = node.features()["last"].clone();
    assert_eq!(list.len(), domain::limits::STRING_BYTES_MAX + "[\"\"]".len());
}
