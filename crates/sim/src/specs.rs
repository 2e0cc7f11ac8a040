//! The specs that the simulator runs under: three with other state, one that differs from the first in what feeds do alone, and the one
//! that serves between the first and the third. The model knows their features by heart; it reads no plan.

use spec::Plan;
use std::sync::{Arc, OnceLock};

/// What both declare.
const HEAD: &str = r#"
version: 1
entities:
  user: { fields: { country: string } }
  item: { fields: { category: string, price: float, created: timestamp, in_stock: bool } }
"#;

/// And at the end of both.
const TAIL: &str = r#"
lists:
  picks: { of: item, max: 4 }
  blocked: { of: item, max: 100 }
  vip: { of: user, max: 3 }
"#;

const FIRST: &str = r#"
events:
  view: { user: user, item: item, fields: { dwell: duration } }
  buy: { user: user, item: item, fields: { price: float } }
  login: { user: user, device: device }
features:
  user:
    views_1h: count(view, 1h)
    views_7d: count(view, 7d)
    long_1d: count(view, 1d, dwell > 30s)
    spend_30d: sum(buy, price, 30d)
    mean_7d: mean(buy, price, 7d)
    least_7d: min(buy, price, 7d)
    most_7d: max(buy, price, 7d)
    last_1d: last(buy, price, 1d)
    dwelt_1h: sum(view, dwell, 1h)
    warmth: decayed(view, 2h)
    recent: last(view, item, 5)
    basket: spend_30d / max(count(buy, 30d), 1)
    today: count(view, day("+02:00"))
    yesterday: sum(buy, price, previous(day("+02:00")))
    days: streak(view, day("+02:00"))
    spread_7d: var(buy, price, 7d)
    first_7d: first(buy, price, 7d)
    stretch: count(view, tumbling(10m))
  item:
    heat: decayed(view, 6h) + 5 * decayed(buy, 6h)
    views_1d: count(view, 1d)
    conversion: (count(buy, 7d) + 1) / (count(view, 7d) + 20)
    trend: decayed(view, 1h) / (count(view, 1d) + 1)
  device:
    logins_10m: count(login, 10m)
  user.category:
    share_7d: count(view, 7d) / max(user.views_7d, 1)
feeds:
  home:
    for: user
    recall:
      hot: { top: item.heat, limit: 6 }
      busy: { top: item.views_1d, limit: 4 }
      fresh: { newest: item.created, limit: 3 }
      picks: { list: picks, limit: 2 }
    filter:
      - item.in_stock
      - "!listed(item, blocked) || listed(user, vip)"
      - "!seen(buy, item, 30d)"
    rank: { score: item.conversion + 0.5 * user.category.share_7d + item.heat / 100 }
  rising:
    for: user
    durable: true
    context: { country: string }
    fuse: score
    candidates: 12
    recall:
      trend: { top: item.trend, limit: 5, min: 2, when: user.views_1h < 6 }
      similar: { co_visited: { view: 1, buy: 3 }, from: user.recent, limit: 5, context: 3, recency: 0.8, half_life: 2d }
      again: { history: user.recent, limit: 4 }
      new: { explore: view, below: 4, limit: 3 }
      any: { random: item, limit: 2 }
      kind: { tags: item.category, from: user.recent, by: item.trend, limit: 4 }
      next: { session: [view, buy], from: user.recent, limit: 4, gap: 10m, length: 5, sessions: 6, keep: 40 }
      alike: { users_like: view, from: user.recent, limit: 4, sessions: 8, keep: 30, half_life: 2d }
    filter: [item.price < 90.0 || request.country == "DE"]
    rank: { score: recall.score + item.trend + 0.1 * recall.similar }
    rerank:
      - { spread: item.category, window: 3, max: 1 }
      - mmr: { by: similar, lambda: 0.6, depth: 6 }
      - slots: { at: 2, every: 3, from: again }
      - mix: { feed: home, every: 4 }
      - fresh: { by: item.created, within: 1d, at_least: 1, in: 4 }
      - fair: { of: item.category, target: equal, window: 2h, strength: 0.4 }
      - dpp: { by: item.category, theta: 0.8, depth: 5 }
    holdout: { share: 20%, salt: sim }
    policy:
      - boost: { by: 1.5, when: item.category == "c1" }
      - cap: { per: user, impressions: 3, in: 2h, event: view }
      - cap: { per: user, impressions: 6, in: 1d, of: item.category, event: view }
      - quota: { of: item, impressions: 12, in: 1d, event: view }
      - quota: { of: item.category, impressions: 30, in: 7d, event: view, pace: even, when: item.price > 50.0 }
      - pin: { item: i1, at: 2 }
      - never_follow: { item: item.category == "c2", after: item.category == "c2" }
weights: { view: 1, buy: 10 }
attribution: { window: 20m, decisions: 40, click: [view] }
"#;

const SECOND: &str = r#"
events:
  view: { user: user, item: item, fields: { dwell: duration } }
  buy: { user: user, item: item, fields: { price: float } }
features:
  user:
    views_6h: count(view, 6h)
    long_1d: count(view, 1d, dwell > 10s)
    spend_7d: sum(buy, price, 7d)
    bought: last(buy, item, 3)
    warmth: decayed(view, 5h)
  item:
    heat: decayed(buy, 3h)
    views_1d: count(view, 12h)
    conversion: (count(buy, 30d) + 1) / (count(view, 7d) + 10)
  user.category:
    share_7d: count(buy, 7d) / max(user.views_6h, 1)
feeds:
  home:
    for: user
    recall:
      hot: { top: item.heat, limit: 4 }
      busy: { top: item.views_1d, limit: 5 }
      fresh: { newest: item.created, limit: 3 }
      picks: { list: picks, limit: 2 }
    filter:
      - item.in_stock
      - "!listed(item, blocked) || listed(user, vip)"
      - "!seen(buy, item, 30d)"
    rank: { score: item.conversion + 0.5 * user.category.share_7d + item.heat / 100 }
"#;

/// What the third does otherwise than the first, with strings that the first does not have.
const TUNED: [(&str, &str); 5] = [
    ("item.price < 90.0 || request.country == \"DE\"", "item.price < 80.0 || item.category == \"c3\""),
    ("boost: { by: 1.5, when: item.category == \"c1\" }", "boost: { by: 2.5, when: item.category == \"c0\" }"),
    ("after: item.category == \"c2\"", "after: item.category == \"c9\""),
    ("0.1 * recall.similar }", "0.4 * recall.similar }"),
    ("lambda: 0.6, depth: 6", "lambda: 0.3, depth: 5"),
];

/// What the last does otherwise than the first: what it counts, and an index by it.
const OTHER_COUNTS: [(&str, &str); 3] = [
    ("long_1d: count(view, 1d, dwell > 30s)", "long_1d: count(view, 1d, dwell > 10s)"),
    ("warmth: decayed(view, 2h)", "warmth: decayed(view, 5h)"),
    (
        "  item:\n    heat: decayed(view, 6h) + 5 * decayed(buy, 6h)\n    views_1d: count(view, 1d)",
        "  item:\n    heat: decayed(view, 6h) + 5 * decayed(buy, 6h)\n    views_1d: count(view, 12h)",
    ),
];

/// One of the specs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spec {
    /// The one that a run starts with.
    First,
    /// Other windows, one event type less.
    Second,
    /// The first one's state, other feeds.
    Tuned,
    /// The first one's feeds over other counts.
    Third,
    /// The third as it serves on the first one's state, before its own is filled.
    Between,
}

fn replaced(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(Spec::First.text(), |text, (from, to)| {
        assert!(text.contains(from), "the first spec has no '{from}'");
        text.replace(from, to)
    })
}

impl Spec {
    /// As the operator wrote it.
    pub fn text(self) -> String {
        match self {
            Spec::First => format!("{HEAD}  device: {{}}\n{}{TAIL}", FIRST.trim_start()),
            Spec::Second => format!("{HEAD}{}{TAIL}", SECOND.trim_start()),
            Spec::Tuned => replaced(&TUNED),
            Spec::Third => replaced(&OTHER_COUNTS),
            Spec::Between => self.plan().text.clone(),
        }
    }

    /// The plan, compiled once per process.
    pub fn plan(self) -> Arc<Plan> {
        static PLANS: [OnceLock<Arc<Plan>>; 5] = [const { OnceLock::new() }; 5];
        let compiled = PLANS[self as usize].get_or_init(|| {
            let plan = match self {
                Spec::Between => spec::interim(&Spec::First.plan(), "the simulator's spec", &Spec::Third.text()),
                _ => spec::compile("the simulator's spec", &self.text()),
            };
            Arc::new(plan.unwrap_or_else(|errors| panic!("{}", spec::render(&errors))))
        });
        Arc::clone(compiled)
    }

    /// All of them.
    pub const ALL: [Spec; 5] = [Spec::First, Spec::Second, Spec::Tuned, Spec::Third, Spec::Between];

    /// The one whose state it has.
    pub fn counting(self) -> Spec {
        match self {
            Spec::First | Spec::Tuned | Spec::Between => Spec::First,
            Spec::Second => Spec::Second,
            Spec::Third => Spec::Third,
        }
    }

    /// Whether it has the first one's events and feeds.
    pub fn is_like_first(self) -> bool {
        self != Spec::Second
    }

    /// One with other state.
    pub fn other(self) -> Spec {
        match self {
            Spec::First | Spec::Tuned => Spec::Second,
            Spec::Second | Spec::Third => Spec::First,
            Spec::Between => Spec::Third,
        }
    }

    /// One that differs in what feeds do alone, if there is one.
    pub fn tuned(self) -> Option<Spec> {
        match self {
            Spec::First => Some(Spec::Tuned),
            Spec::Second | Spec::Third => None,
            // Going back, without a fill.
            Spec::Between => Some(Spec::First),
            Spec::Tuned => Some(Spec::First),
        }
    }
}
