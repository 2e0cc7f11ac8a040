//! Rules and payments as fraud teams have them: countries and merchant categories that some name more often than others, amounts,
//! velocities, lists; some rules that no value parts. `cargo xtask bench rules` takes this file too.

use domain::{Symbol, Value};
use spec::Plan;
use std::fmt::Write;

/// A sequence of numbers that look random (SplitMix64, Steele et al. 2014).
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Below `count`, each as likely.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        (self.unit() * count as f64) as usize
    }

    /// Below `count`, the `k`th about as often as 1/k.
    pub(crate) fn skewed(&mut self, count: usize) -> usize {
        let place = (count as f64).powf(self.unit()) - 1.0;
        (place as usize).min(count - 1)
    }

    /// Some tens mostly, thousands now and then.
    pub(crate) fn amount(&mut self) -> f64 {
        let uniform = self.unit().max(1e-9);
        (8.0 / uniform.powf(0.9)).min(50_000.0).round()
    }

    /// A few mostly.
    pub(crate) fn velocity(&mut self) -> f64 {
        (1.0 / self.unit().max(1e-4).powf(0.7)).floor()
    }
}

pub(crate) const COUNTRIES: usize = 120;
pub(crate) const CATEGORIES: usize = 300;
pub(crate) const CHANNELS: [&str; 4] = ["web", "chip", "app", "atm"];

pub(crate) fn country(number: usize) -> String {
    format!("C{number}")
}

pub(crate) fn category(number: usize) -> String {
    format!("{}", 1_000 + 17 * number)
}

/// Entities, windows and lists: six windows over three entities.
pub(crate) const HEAD: &str = "version: 1
entities:
  user: { fields: { country: string } }
  device: {}
  merchant: {}
events:
  payment: { user: user, device: device, merchant: merchant, fields: { amount: float, country: string, mcc: string, channel: string } }
features:
  user:
    payments_1h: count(payment, 1h)
    spent_1d: sum(payment, amount, 1d)
    mean_7d: mean(payment, amount, 7d)
  device:
    payments_10m: count(payment, 10m)
  merchant:
    payments_1h: count(payment, 1h)
    mean_1d: mean(payment, amount, 1d)
lists:
  blocked: { of: user }
  watched: { of: user }
";

/// A spec with the decision `risk` of this many rules.
pub(crate) fn spec(rules: usize, seed: u64) -> String {
    let mut draw = Draw(seed);
    let mut text = format!("{HEAD}decisions:\n  risk:\n    on: payment\n    rules:\n");
    for number in 0..rules {
        let when = condition(&mut draw);
        let effect = match draw.below(8) {
            0 => "outcome: check".to_owned(),
            _ => format!("score: {:.2}", 0.05 + draw.unit() / 4.0),
        };
        let _ = writeln!(text, "      - {{ id: r{number}, when: '{when}', {effect} }}");
    }
    text.push_str("    tiers: { act: 0.98, check: 0.85, observe: 0.65, otherwise: label }\n");
    text
}

fn condition(draw: &mut Draw) -> String {
    let country = format!("country == \"{}\"", country(draw.skewed(COUNTRIES)));
    let category = format!("mcc == \"{}\"", category(draw.skewed(CATEGORIES)));
    let amount = format!("amount > {:.1}", draw.amount() * 4.0);
    let often = format!("user.payments_1h >= {}", 2.0 + draw.velocity());
    match draw.below(20) {
        0..5 => format!("{country} && {amount}"),
        5..9 => format!("{category} && {amount} && {often}"),
        9 | 10 => format!("{} && {} && {amount}", one_of(draw, "mcc"), one_of(draw, "country")),
        11 | 12 => format!("{country} && {category} && {amount} && {often}"),
        13 | 14 => format!("{often} && user.spent_1d > {} && {amount}", 1_000 + 250 * draw.below(60)),
        15 => format!("device.payments_10m >= {} && channel == \"{}\"", 3 + draw.below(8), CHANNELS[draw.below(4)]),
        16 => format!("{country} && country != user.country && {amount}"),
        17 => match draw.below(2) {
            0 => format!("listed(user, watched) && {amount}"),
            _ => format!("!listed(user, blocked) && {category} && merchant.payments_1h > {}", 20 + draw.below(200)),
        },
        18 => match draw.below(3) {
            0 => format!("amount > {} * user.mean_7d && {category}", 2 + draw.below(8)),
            1 => format!("({country} || channel == \"atm\") && {amount}"),
            _ => format!("amount > {} * merchant.mean_1d && {often}", 3 + draw.below(8)),
        },
        _ => format!("amount > {0} && amount <= {1}.5 && {often}", 100 * draw.below(90), 9_000 + 50 * draw.below(100)),
    }
}

fn one_of(draw: &mut Draw, field: &str) -> String {
    let count = 2 + draw.below(5);
    let names = (0..count).map(|_| match field {
        "mcc" => format!("\"{}\"", category(draw.skewed(CATEGORIES))),
        _ => format!("\"{}\"", country(draw.skewed(COUNTRIES))),
    });
    let names: Vec<String> = names.collect();
    format!("{field} in [{}]", names.join(", "))
}

/// The facts of a payment, now and then without one of them.
pub(crate) fn payment(plan: &Plan, draw: &mut Draw) -> Vec<Value> {
    let symbol = |text: String| {
        let at = plan.constants.iter().position(|known| **known == *text);
        Value::Str(at.map_or(Symbol(u32::MAX), |at| plan.symbols[at]))
    };
    let row = plan.decisions[0].facts.iter().map(|fact| match fact.name.as_str() {
        _ if draw.below(40) == 0 => Value::Missing,
        "amount" | "user.mean_7d" | "merchant.mean_1d" => Value::Float(draw.amount()),
        "user.spent_1d" => Value::Float(draw.amount() * 5.0),
        "country" | "user.country" => symbol(country(draw.skewed(COUNTRIES))),
        "mcc" => symbol(category(draw.skewed(CATEGORIES))),
        "channel" => symbol(CHANNELS[draw.skewed(4)].to_owned()),
        "listed(user, watched)" | "listed(user, blocked)" => Value::Bool(draw.below(50) == 0),
        _ => Value::Float(draw.velocity()),
    });
    row.collect()
}
