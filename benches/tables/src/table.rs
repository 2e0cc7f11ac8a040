//! A table of limits by country, channel and amount, as both engines write it: the first row that takes a payment gives its score.

use serde_json::{Value, json};
use std::fmt::Write;

const COUNTRIES: usize = 60;
const CHANNELS: [&str; 4] = ["web", "chip", "app", "atm"];

/// One row; what is left out takes anything.
pub(crate) struct Row {
    country: Option<String>,
    channel: Option<&'static str>,
    above: Option<u32>,
    score: f64,
}

/// Rows in their order, the last of which takes everything.
pub(crate) struct Table {
    pub(crate) rows: Vec<Row>,
}

/// What is decided on.
pub(crate) struct Payment {
    pub(crate) amount: f64,
    pub(crate) country: String,
    pub(crate) channel: &'static str,
}

/// A sequence of numbers that look random (SplitMix64, Steele et al. 2014).
struct Draw(u64);

impl Draw {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % count as u64) as usize
    }

    fn country(&mut self) -> String {
        format!("C{}", self.below(COUNTRIES))
    }
}

pub(crate) fn payments(count: usize) -> Vec<Payment> {
    let mut draw = Draw(5);
    let payment =
        |_| Payment { amount: draw.below(5_000) as f64, country: draw.country(), channel: CHANNELS[draw.below(4)] };
    (0..count).map(payment).collect()
}

impl Table {
    pub(crate) fn new(rows: usize) -> Table {
        let mut draw = Draw(rows as u64);
        let mut row = |place: usize| Row {
            country: Some(draw.country()),
            channel: (draw.below(3) > 0).then(|| CHANNELS[draw.below(4)]),
            above: (draw.below(5) > 0).then(|| 100 * draw.below(50) as u32),
            score: (place + 1) as f64,
        };
        let mut rows: Vec<Row> = (1..rows).map(&mut row).collect();
        rows.push(Row { country: None, channel: None, above: None, score: 0.0 });
        Table { rows }
    }

    /// As a spec of ours.
    pub(crate) fn spec(&self) -> String {
        let mut text = "version: 1
events:
  payment: { user: user, fields: { amount: float, country: string, channel: string } }
decisions:
  limits:
    on: payment
    tables:
      limits:
        hit: first
        inputs: { country: country, channel: channel, amount: amount }
        rows:
"
        .to_owned();
        for row in &self.rows {
            text.push_str("          - { ");
            let _ = row.country.iter().try_for_each(|country| write!(text, "country: {country}, "));
            let _ = row.channel.iter().try_for_each(|channel| write!(text, "channel: {channel}, "));
            let _ = row.above.iter().try_for_each(|above| write!(text, "amount: \"> {above}\", "));
            let _ = writeln!(text, "score: {} }}", row.score);
        }
        text + "    tiers: { high: 500, otherwise: low }\n"
    }

    /// As a graph with one table, in the JSON Decision Model.
    pub(crate) fn graph(&self) -> Value {
        json!({
            "nodes": [
                { "id": "in", "name": "in", "type": "inputNode" },
                { "id": "table", "name": "table", "type": "decisionTableNode", "content": self.content("") },
                { "id": "out", "name": "out", "type": "outputNode" },
            ],
            "edges": [
                { "id": "e1", "sourceId": "in", "targetId": "table", "type": "edge" },
                { "id": "e2", "sourceId": "table", "targetId": "out", "type": "edge" },
            ],
        })
    }

    /// As a policy document with one table.
    pub(crate) fn policy(&self) -> Value {
        let property = |name: &str, kind: &str| json!({ "id": name, "name": name, "type": kind, "array": false, "optional": false });
        let properties = [property("amount", "number"), property("country", "string"), property("channel", "string")];
        json!({
            "blocks": [
                { "id": "in", "type": "dataModel", "props": { "data": { "name": "payment", "properties": properties } } },
                { "id": "table", "type": "decisionTable", "props": { "data": self.content("payment.") } },
            ],
        })
    }

    /// The crate's table; `under` stands before the names of fields.
    fn content(&self, under: &str) -> Value {
        let quoted = |text: Option<&str>| text.map_or(String::new(), |text| format!("\"{text}\""));
        let rule = |(place, row): (usize, &Row)| {
            json!({
                "_id": format!("r{place}"),
                "country": quoted(row.country.as_deref()),
                "channel": quoted(row.channel),
                "amount": row.above.map_or(String::new(), |above| format!("> {above}")),
                "score": row.score.to_string(),
            })
        };
        let column = |name: &str| json!({ "id": name, "name": name, "field": format!("{under}{name}") });
        json!({
            "hitPolicy": "first",
            "inputs": [column("country"), column("channel"), column("amount")],
            "outputs": [column("score")],
            "rules": self.rows.iter().enumerate().map(rule).collect::<Vec<_>>(),
        })
    }
}

impl Payment {
    pub(crate) fn json(&self) -> Value {
        json!({ "amount": self.amount, "country": self.country, "channel": self.channel })
    }
}
