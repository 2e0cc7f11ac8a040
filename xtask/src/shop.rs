//! A made-up shop: items, events and requests drawn from a seed, in the words of `examples/shop.yaml`.

use anyhow::{Context, Result};
use domain::{Event, FeedRequest, Field, Raw, Subject, Time, Upsert};
use sim::Rng;
use std::path::Path;

const HOUR: i64 = 3_600_000;

/// A feed with policies for the shop of `examples/shop.yaml`, in windows so short that caps and quotas are reached all the time.
const POLICED: &str = r#"
  policed:
    for: user
    recall:
      hot: { top: item.heat, limit: 60 }
      fresh: { newest: item.created, limit: 60 }
    filter: [item.in_stock]
    holdout: { share: 10%, salt: chores }
    policy:
      - boost: { by: 1.3, when: item.category == "c3" }
      - bury: { by: 0.5, when: item.price > 150.0 }
      - cap: { per: user, impressions: 2, in: 2s }
      - cap: { per: user, impressions: 8, in: 10s, of: item.category }
      - quota: { of: item.category, impressions: 3000, in: 1m, pace: even }
      - quota: { of: item, impressions: 400, in: 1m }
      - pin: { item: i1, at: 2 }
      - never_follow: { item: item.category == "c5", after: item.category == "c5" }
"#;

/// The example's spec with one more feed, `policed`.
pub(crate) fn spec_text(root: &Path) -> Result<String> {
    let example = std::fs::read_to_string(root.join("examples").join("shop.yaml")).context("reading the example")?;
    Ok(format!("{}{POLICED}", example.trim_end()))
}

/// How many users and items the shop has.
#[derive(Clone, Copy)]
pub(crate) struct Shop {
    pub(crate) users: u64,
    pub(crate) items: u64,
}

impl Shop {
    /// A user's key; a few come often.
    pub(crate) fn user(self, rng: &mut Rng) -> String {
        format!("u{}", skewed(rng, self.users))
    }

    /// An item's key; a few are looked at most.
    pub(crate) fn item(self, rng: &mut Rng) -> String {
        format!("i{}", skewed(rng, self.items))
    }

    /// Something that a user does.
    pub(crate) fn event(self, rng: &mut Rng, source: &'static str, id: Option<String>, time: Time) -> Event<'static> {
        let mut fields = vec![field("user", text(self.user(rng))), field("item", text(self.item(rng)))];
        let kind = match rng.below(100) {
            0..80 => {
                fields.push(field("dwell", Raw::Str(format!("{}s", rng.below(120)).into())));
                "view"
            }
            80..92 => "cart",
            92..97 => {
                fields.push(field("price", Raw::Float(rng.below(10_000) as f64 / 100.0)));
                "buy"
            }
            _ => {
                fields.push(field("place", Raw::Int(rng.below(20) as i64)));
                "impression"
            }
        };
        Event { kind: kind.into(), source: source.into(), id: id.map(Into::into), time: Some(time), fields }
    }

    /// An item of the catalogue as it is from now on.
    pub(crate) fn upsert(self, rng: &mut Rng, number: u64, now: Time) -> Upsert<'static> {
        let fields = vec![
            field("title", text(format!("Item {number}"))),
            field("category", text(format!("c{}", rng.below(24)))),
            field("price", Raw::Float(rng.below(20_000) as f64 / 100.0)),
            field("in_stock", Raw::Bool(rng.percent(93))),
            field("created", Raw::Int(now.0 - rng.below(60 * 24) as i64 * HOUR)),
        ];
        Upsert { entity: "item".into(), key: format!("i{number}").into(), fields }
    }

    /// A visit that asks for a slate: mostly known users, some anonymous, some for items like one item.
    pub(crate) fn request(self, rng: &mut Rng, count: u16) -> FeedRequest {
        let items = |rng: &mut Rng, most| (0..rng.below(most)).map(|_| self.item(rng)).collect::<Vec<_>>();
        let (feed, subject) = match rng.below(10) {
            0 => ("home", Subject::Anonymous),
            1 => ("related", Subject::Item(self.item(rng))),
            2..4 => ("policed", Subject::User(self.user(rng))),
            _ => ("home", Subject::User(self.user(rng))),
        };
        let context = if feed == "home" { vec![("device".to_owned(), text("phone"))] } else { vec![] };
        let recent = if subject == Subject::Anonymous { items(rng, 5) } else { vec![] };
        let exclude = if rng.percent(10) { items(rng, 4) } else { vec![] };
        FeedRequest { recent, context, exclude, ..FeedRequest::new(feed, subject, count) }
    }
}

/// Lower numbers more often than higher ones.
fn skewed(rng: &mut Rng, bound: u64) -> u64 {
    let unit = rng.below(1 << 32) as f64 / (1u64 << 32) as f64;
    (unit * unit * unit * bound as f64) as u64
}

/// A named value.
pub(crate) fn field(name: &'static str, value: Raw<'static>) -> Field<'static> {
    Field { name: name.into(), value }
}

/// A string value.
pub(crate) fn text(value: impl Into<String>) -> Raw<'static> {
    Raw::Str(value.into().into())
}
