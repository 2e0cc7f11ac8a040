//! Page tokens: only what the node gave out is taken back.

use super::target::{Target, outcome, text};
use domain::{Code, Event, FeedRequest, Field, Payload, Raw, Span, Subject, Time, Upsert};
use engine::{Clock, Config, Core, Mode, Served};
use journal::Options;
use sim::Rng;
use sim::disk::{SimDisk, Storage};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

const NOW: i64 = 1_700_000_000_000;
const SPEC: &str = "
version: 1
entities:
  item: { fields: { category: string } }
events:
  view: { user: user, item: item }
features:
  item:
    heat: decayed(view, 1h)
feeds:
  home:
    for: user
    recall: { hot: { top: item.heat, limit: 30 } }
    rank: { score: item.heat }
";

/// The input is a token.
pub(crate) struct Pages {
    core: Core<SimDisk>,
    tokens: Vec<String>,
}

impl Pages {
    pub(crate) fn new() -> Pages {
        let core = core();
        let first = answer(&core, "u1");
        let token = first.next.expect("there are more items than the page shows");
        let further = core.page("home", &token, None).expect("the token was given out for it");
        let other = answer(&core, "u2").next;
        let tokens = [Some(token), further.next, other].into_iter().flatten().collect();
        Pages { core, tokens }
    }
}

/// A node with some items.
fn core() -> Core<SimDisk> {
    let plan = Arc::new(spec::compile("spec.yaml", SPEC).unwrap_or_else(|wrong| panic!("{wrong}")));
    let clock = Arc::new(Clock::Manual(AtomicI64::new(NOW)));
    let config = Config { mode: Mode::Inline, clock, tick_every: Span(0), ..Config::new(Clock::Wall) };
    let disk = Storage::new(Rng::new(1)).process();
    let (core, _) = Core::open(disk, Options::default(), plan, config, &mut |_, _| ()).expect("an empty disk opens");
    for number in 0..20 {
        let key = format!("i{number}");
        let field =
            |name: &'static str, text: &str| Field { name: name.into(), value: Raw::Str(text.to_owned().into()) };
        let upsert = Upsert { entity: "item".into(), key: key.clone().into(), fields: vec![field("category", "c")] };
        let fields = vec![field("user", "u1"), field("item", &key)];
        let event = Event { kind: "view".into(), source: "".into(), id: None, time: Some(Time(NOW - number)), fields };
        core.submit(&[Payload::Upsert(upsert), Payload::Event(event)], true).expect("the node is well");
    }
    core.sync().expect("the disk is sound");
    core.publish_epoch();
    core
}

fn answer(core: &Core<SimDisk>, user: &str) -> Served {
    let request = FeedRequest { pages: true, ..FeedRequest::new("home", Subject::User(user.to_owned()), 4) };
    let served = core.recommend(request).expect("the node is well");
    core.sync().expect("the disk is sound");
    served
}

/// A decision as a record of the log: its kind and its payload.
pub(crate) fn answer_record() -> Vec<u8> {
    let payload = Payload::Decision(Box::new(answer(&core(), "u1").answer));
    let mut bytes = vec![payload.kind()];
    payload.encode(&mut bytes);
    bytes
}

impl Target for Pages {
    fn seeds(&self) -> Vec<Vec<u8>> {
        self.tokens.iter().map(|token| token.clone().into_bytes()).collect()
    }

    fn pieces(&self) -> &'static [&'static str] {
        &["0", "f", "00", "ff", "F", "g", "é", " ", "\0"]
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let token = text(input);
        if self.tokens.contains(&token) {
            return 0;
        }
        let refusal = self.core.page("home", &token, None).map(|_| ()).expect_err("a token that was never given out");
        assert_eq!(refusal.code, Code::BadPageToken, "{refusal}");
        outcome((token.len().next_power_of_two(), token.is_ascii()))
    }
}
