//! The three data sets, each with a spec of many features, another one, and how its files are read.

use anyhow::{Context, Result, ensure};
use domain::{Event, Field, Payload, Raw, Time, Upsert};
use engine::Plan;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// A data set.
pub(super) struct Set {
    pub(super) name: &'static str,
    /// Its file of events, in the folder of all sets.
    pub(super) file: &'static str,
    /// The event types.
    pub(super) events: &'static [&'static str],
    /// Everything of the spec before its feed.
    features: &'static str,
    /// What the other spec has instead.
    changes: &'static [(&'static str, &'static str)],
    /// Floats of a pair that the feed's score is the sum of, so that each answer's record has them.
    pub(super) terms: &'static [&'static str],
    /// At most so many events of the file, with what belongs before them.
    pub(super) read: fn(&Path, usize) -> Result<Vec<Payload<'static>>>,
}

/// All of them.
pub(super) const SETS: [Set; 3] = [
    Set {
        name: "retailrocket-multibehaviour",
        file: "retailrocket-multibehaviour/events.csv",
        events: &["view", "cart", "buy"],
        features: "version: 1
events:
  view: { user: user, item: item }
  cart: { user: user, item: item }
  buy: { user: user, item: item }
features:
  user:
    recent: last([view, cart, buy], item, 50)
    views: count(view, 1d)
    carts: count(cart, 30d)
    pace: rate(view, 1h)
    idle: time_since(view)
    items: distinct(view, item, 7d)
    most: top_k(view, item, 3, 30d)
    today: count(view, day(\"Europe/Berlin\"))
    visit: count(view, session(30m))
    eager: carts / max(views, 1)
  user.item:
    looked: count(view, 7d)
    liking: decayed(view, 1d) + 3 * decayed(cart, 1d)
  item:
    heat: decayed(view, 6h) + 5 * decayed(buy, 6h)
    views: count(view, 7d)
    people: distinct(view, user, 7d)
    share: count(buy, 30d) / (count(view, 30d) + 1)
",
        changes: &[
            ("views: count(view, 1d)", "views: count(view, 3d)"),
            ("decayed(view, 6h)", "decayed(view, 12h)"),
            ("items: distinct(view, item, 7d)", "items: distinct(view, item, 14d)"),
            ("looked: count(view, 7d)", "looked: count(view, 30d)"),
        ],
        terms: &["user.item.looked", "user.item.liking", "item.heat", "item.views", "item.share", "user.eager"],
        read: retailrocket,
    },
    Set {
        name: "yoochoose-100k",
        file: "yoochoose-100k/yoochoose-clicks-100k_train_full.txt",
        events: &["click"],
        features: "version: 1
events:
  click: { user: user, item: item }
features:
  user:
    recent: last(click, item, 50)
    clicks: count(click, 10m)
    visit: count(click, session(30m))
    idle: time_since(click)
    items: distinct(click, item, 1d)
    depth: clicks / max(visit, 1)
  user.item:
    again: count(click, 1h)
  item:
    heat: decayed(click, 1h)
    clicks: count(click, 6h)
    hour: count(click, previous(tumbling(1h)))
    people: distinct(click, user, 1d)
    trend: count(click, 1h) / (count(click, 1d) + 1)
",
        changes: &[
            ("clicks: count(click, 10m)", "clicks: count(click, 30m)"),
            ("heat: decayed(click, 1h)", "heat: decayed(click, 3h)"),
            ("people: distinct(click, user, 1d)", "people: distinct(click, user, 7d)"),
            ("again: count(click, 1h)", "again: decayed(click, 1h)"),
        ],
        terms: &["user.item.again", "item.heat", "item.clicks", "item.hour", "item.trend", "user.depth"],
        read: yoochoose,
    },
    Set {
        name: "ml-100k",
        file: "ml-100k/ml-100k.inter",
        events: &["rate"],
        features: "version: 1
entities:
  item: { fields: { title: string, genre: string, year: int } }
events:
  rate: { user: user, item: item, fields: { rating: float } }
features:
  user:
    recent: last(rate, item, 50)
    mean: mean(rate, rating, 90d)
    spread: stddev(rate, rating, 90d)
    best: max(rate, rating, 30d)
    middle: quantile(rate, rating, 0.5, 90d)
    streak: streak(rate, rating >= 4.0)
    genres: top_k(rate, item.genre, 3, 90d)
    week: count(rate, week(\"America/Chicago\"))
  user.genre:
    rates: count(rate, 90d)
    liking: mean(rate, rating, 90d)
  item:
    heat: decayed(rate, 30d)
    mean: mean(rate, rating, 90d)
    p90: quantile(rate, rating, 0.9, 90d)
    newest: last(rate, rating, 90d)
    apart: mean - first(rate, rating, 90d)
",
        changes: &[
            ("spread: stddev(rate, rating, 90d)", "spread: var(rate, rating, 60d)"),
            ("heat: decayed(rate, 30d)", "heat: decayed(rate, 60d)"),
            ("liking: mean(rate, rating, 90d)", "liking: mean(rate, rating, 45d, rating > 1.0)"),
        ],
        terms: &["user.genre.rates", "user.genre.liking", "item.heat", "item.mean", "item.apart", "user.spread"],
        read: movielens,
    },
];

impl Set {
    /// The spec that serves first.
    pub(super) fn spec(&self) -> Result<Arc<Plan>> {
        self.compiled(self.features)
    }

    /// The spec that serves then.
    pub(super) fn changed(&self) -> Result<Arc<Plan>> {
        let mut text = self.features.to_owned();
        for (old, new) in self.changes {
            ensure!(text.contains(old), "the spec has no '{old}' to change");
            text = text.replace(old, new);
        }
        self.compiled(&text)
    }

    fn compiled(&self, features: &str) -> Result<Arc<Plan>> {
        let text = format!(
            "{features}feeds:
  feed:
    for: user
    recall: {{ hot: {{ top: item.heat, limit: 30 }}, again: {{ history: user.recent, limit: 20 }} }}
    rank: {{ score: '{}' }}
",
            self.terms.join(" + ")
        );
        let plan = spec::compile(self.name, &text).map_err(|wrong| anyhow::anyhow!(spec::render(&wrong)))?;
        Ok(Arc::new(plan))
    }
}

fn text(name: &'static str, value: &str) -> Field<'static> {
    Field { name: name.into(), value: Raw::Str(value.to_owned().into()) }
}

fn event(kind: &str, seconds: &str, fields: Vec<Field<'static>>) -> Result<Payload<'static>> {
    let seconds: f64 = seconds.parse().with_context(|| format!("'{seconds}' is not a time in seconds"))?;
    Ok(Payload::Event(Event {
        kind: kind.to_owned().into(),
        source: "".into(),
        id: None,
        time: Some(Time((seconds * 1_000.0).round() as i64)),
        fields,
    }))
}

/// The rows of a file behind its header, split into columns.
fn rows(path: &Path, between: char) -> Result<Vec<Vec<String>>> {
    let content = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let lines = content.lines().skip(1).filter(|line| !line.is_empty());
    Ok(lines.map(|line| line.split(between).map(str::to_owned).collect()).collect())
}

fn column(row: &[String], index: usize) -> Result<&str> {
    row.get(index).map(String::as_str).context("a line has too few columns")
}

/// In order of time, as the file is.
fn retailrocket(path: &Path, most: usize) -> Result<Vec<Payload<'static>>> {
    let rows = rows(path, ',')?;
    let payload = |row: &Vec<String>| {
        let fields = vec![text("user", column(row, 1)?), text("item", column(row, 2)?)];
        event(column(row, 3)?, column(row, 0)?, fields)
    };
    rows.iter().take(most).map(payload).collect()
}

/// Visit after visit in the file; here in order of time.
fn yoochoose(path: &Path, most: usize) -> Result<Vec<Payload<'static>>> {
    let rows = rows(path, '\t')?;
    let payload = |row: &Vec<String>| {
        let fields = vec![text("user", column(row, 0)?), text("item", column(row, 1)?)];
        event("click", column(row, 2)?, fields)
    };
    let mut payloads: Vec<Payload<'static>> = rows.iter().map(payload).collect::<Result<_>>()?;
    payloads.sort_by_key(|payload| match payload {
        Payload::Event(event) => event.time,
        _ => None,
    });
    payloads.truncate(most);
    Ok(payloads)
}

/// In the file's order, which is not that of time: most events are late, by days and months. Items before them.
fn movielens(path: &Path, most: usize) -> Result<Vec<Payload<'static>>> {
    let mut payloads = Vec::new();
    for row in rows(&path.with_extension("item"), '\t')? {
        let mut fields = vec![text("title", column(&row, 1)?)];
        fields.extend(column(&row, 3)?.split_whitespace().next().map(|genre| text("genre", genre)));
        if let Ok(year) = column(&row, 2)?.parse() {
            fields.push(Field { name: "year".into(), value: Raw::Int(year) });
        }
        payloads.push(Payload::Upsert(Upsert {
            entity: "item".into(),
            key: column(&row, 0)?.to_owned().into(),
            fields,
        }));
    }
    for row in rows(path, '\t')?.iter().take(most) {
        let rating = Field { name: "rating".into(), value: Raw::Float(column(row, 2)?.parse()?) };
        let fields = vec![text("user", column(row, 0)?), text("item", column(row, 1)?), rating];
        payloads.push(event("rate", column(row, 3)?, fields)?);
    }
    Ok(payloads)
}
