//! What the shop tells the server, as lines of JSON.

use super::run::Run;
use super::shop::{Shop, User};
use super::visitor::Act;
use domain::{Event, Field, Raw, Span, Upsert};
use loadgen::{push_event, push_upsert};

fn text(value: &str) -> Raw<'_> {
    Raw::Str(value.into())
}

fn field<'a>(name: &'a str, value: Raw<'a>) -> Field<'a> {
    Field { name: name.into(), value }
}

/// A user, as far as a shop knows one.
pub(super) fn user(out: &mut Vec<u8>, user: &User) {
    let fields = vec![field("country", text(user.country))];
    push_upsert(out, &Upsert { entity: "user".into(), key: user.key.as_str().into(), fields });
}

/// An item as it is at an hour.
pub(super) fn item(out: &mut Vec<u8>, run: &Run<'_>, number: usize, hour: f64) {
    let item = &run.shop.items[number];
    let created = run.origin.plus(Span((item.born * 3_600_000.0) as i64));
    let fields = vec![
        field("title", text(&item.title)),
        field("category", text(item.category_name())),
        field("price", Raw::Float(item.price)),
        field("in_stock", Raw::Bool(run.shop.for_sale(number, hour))),
        field("created", Raw::Int(created.0)),
    ];
    push_upsert(out, &Upsert { entity: "item".into(), key: item.key.as_str().into(), fields });
}

/// What a user did with an item. The server stamps the time.
pub(super) fn act(out: &mut Vec<u8>, user: &str, shop: &Shop, act: (usize, Act), decision: Option<&str>) {
    let (number, act) = act;
    let item = &shop.items[number];
    let mut fields = vec![field("user", text(user)), field("item", text(&item.key))];
    let kind = match act {
        Act::Saw(place) => {
            fields.extend(decision.map(|decision| field("decision", text(decision))));
            fields.push(field("place", Raw::Int(place as i64 + 1)));
            "impression"
        }
        Act::Viewed(seconds) => {
            fields.push(field("dwell", Raw::Float((seconds * 10.0).round() / 10.0)));
            "view"
        }
        Act::Carted => "cart",
        Act::Bought => {
            fields.push(field("price", Raw::Float(item.price)));
            "buy"
        }
    };
    push_event(out, &Event { kind: kind.into(), source: "".into(), id: None, time: None, fields });
}

/// Any event with these fields. The server stamps the time.
pub(super) fn event<'a>(out: &mut Vec<u8>, kind: &str, fields: impl IntoIterator<Item = (&'a str, Raw<'a>)>) {
    let fields = fields.into_iter().map(|(name, value)| field(name, value)).collect();
    push_event(out, &Event { kind: kind.into(), source: "".into(), id: None, time: None, fields });
}
