//! Specs and the expressions of requests: refused with a place inside the text, or a plan that can be used.

use super::house::value;
use super::target::{Target, outcome, text};
use domain::{FeedRequest, Subject, Symbol, Value};
use sim::Rng;
use spec::Plan;

const SHOP: &str = include_str!("../../../examples/shop.yaml");

/// Whole specs.
pub(crate) struct Specs {
    shop: Plan,
}

/// Filters of a request to a feed of the shop's spec.
pub(crate) struct Requests {
    shop: Plan,
    feed: u16,
}

fn shop() -> Plan {
    spec::compile("shop.yaml", SHOP).unwrap_or_else(|wrong| panic!("the example is no spec: {wrong}"))
}

const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    ", ",
    "\n",
    "  ",
    "\n    ",
    "- ",
    "#",
    "\"",
    "'",
    "|\n",
    ">",
    "&a ",
    "*a",
    "!",
    "!!str ",
    "<<: ",
    "---\n",
    "...",
    "%",
    "@",
    "\t",
    "\u{feff}",
    "\u{202e}",
    "é",
    "(",
    ")",
    "count(",
    "last(",
    "seen(item, 1d)",
    "user.",
    "item.",
    "item",
    "user",
    "0",
    "-1",
    "1e999",
    "null",
    "?",
    "sum(buy.price, 7d)",
    "distinct(view.item, 1d)",
    "quantile(",
    "top_k(",
    "decayed(view, 1h)",
    "before(",
    "streak(",
    "sliding",
    "tumbling",
    "session",
    "window:",
    "features:",
    "feeds:",
    "events:",
    "entities:",
    "lists:",
    "policies:",
    "recall:",
    "rank:",
    "rerank:",
    "filter:",
    "attribution:",
    "budget:",
    "version: 1\n",
    "where",
    "by:",
    "limit: 10",
    "include:",
];

impl Specs {
    pub(crate) fn new() -> Specs {
        Specs { shop: shop() }
    }
}

impl Target for Specs {
    fn seeds(&self) -> Vec<Vec<u8>> {
        [SHOP, include_str!("../../../examples/gorse.yaml"), include_str!("../../../examples/eval/ml-100k.yaml")]
            .map(|text| text.as_bytes().to_vec())
            .into()
    }

    fn pieces(&self) -> &'static [&'static str] {
        PIECES
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let wrong = match spec::compile_bytes("spec.yaml", input) {
            Ok(plan) => {
                let summary = plan.describe();
                let diff = spec::diff(&self.shop, &plan);
                let again = spec::compile("again", &plan.text).expect("it has been compiled before");
                assert_eq!(spec::state_digest(&again), spec::state_digest(&plan), "a text has one plan");
                return outcome((summary.tables.len(), diff.changed, diff.removed.len(), diff.added.len()));
            }
            Err(wrong) => wrong,
        };
        let text = text(input);
        let lines: Vec<&str> = text.split('\n').collect();
        assert!(!wrong.list.is_empty(), "refused without a reason");
        for one in &wrong.list {
            let line = (one.line as usize).checked_sub(1).and_then(|line| lines.get(line));
            // Lines of a spec of several files are those of the file.
            if let (Some(line), None) = (line, &one.file) {
                assert!(one.column >= 1 && one.column as usize <= line.chars().count() + 1, "{one:?}");
            }
            assert!(line.is_some() && one.width >= 1 && !one.message.is_empty(), "{one:?}");
        }
        assert!(!spec::render(&wrong).is_empty());
        outcome(wrong.list.iter().map(|one| one.code).take(3).collect::<Vec<_>>())
    }
}

const OF_REQUESTS: &[&str] = &[
    "item.price < 20.0",
    "item.category == \"shoes\"",
    "user.",
    "item.",
    "recall.score",
    "recall.",
    "request.device",
    " && ",
    " || ",
    "!",
    "(",
    ")",
    "seen(view, item, 7d)",
    "listed(item, ",
    "count(view, 1h)",
    "[",
    "]",
    "in",
    "now",
    " + ",
    " - ",
    "10m",
    "default(",
    "has(",
    ".startsWith(",
    ".exists(n, n",
    "{",
    "}",
    "'",
    "\"",
    "\\",
    "1e308",
    "0",
];

impl Requests {
    pub(crate) fn new() -> Requests {
        let shop = shop();
        let feed = shop.feed("home").expect("the example has a home feed");
        Requests { shop, feed }
    }
}

impl Target for Requests {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let slots = self.shop.slots.iter().filter(|slot| slot.name.contains('.'));
        let mut seeds: Vec<String> = slots.map(|slot| format!("has({}) && now > now - 1h", slot.name)).collect();
        seeds.push("item.price < 20.0 && item.category != \"shoes\" || recall.score > 0.5".to_owned());
        seeds.into_iter().map(String::into_bytes).collect()
    }

    fn pieces(&self) -> &'static [&'static str] {
        OF_REQUESTS
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let request = FeedRequest { filter: Some(text(input)), ..FeedRequest::new("home", Subject::Anonymous, 10) };
        let known = |text: &str| (text.len() < 6).then_some(Symbol(text.len() as u32));
        let overlay = match spec::overlay(&self.shop, self.feed, &request, &known) {
            Ok(overlay) => overlay,
            Err(refusal) => {
                assert_eq!(refusal.field, "filter", "{refusal}");
                return outcome((
                    0,
                    refusal.code.as_str(),
                    refusal.message.split_whitespace().take(6).collect::<Vec<_>>(),
                ));
            }
        };
        let filter = overlay.filter.expect("a filter that was taken is there");
        let slots = || self.shop.slots.iter().chain(&overlay.slots);
        assert!(filter.slots().iter().all(|&slot| usize::from(slot) < slots().count()), "a slot that is none");
        let mut rng = Rng::new(outcome(input));
        for _ in 0..4 {
            let row: Vec<Value> = slots().map(|slot| value(&slot.ty, &mut rng)).collect();
            assert_eq!(filter.eval_bool(&row), filter.eval(&row).is_true(), "{filter:?} on {row:?}");
        }
        outcome((1, filter.slots(), overlay.unknown.len()))
    }
}
