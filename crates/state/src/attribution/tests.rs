//! Attribution against the obvious version: every decision and every event of the log looked at again for each figure.

use super::*;
use crate::saved::Snapshot;
use domain::{Effort, FeedRequest, Field, Page, Payload, PlanVersion, Recommended, RouteHit, Subject, limits};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const SPEC: &str = r#"
version: 1
events:
  view: { user: user, item: item }
  buy: { user: user, item: item }
  dislike: { user: user, item: item }
  login: { user: user }
features: { item: { heat: "count(view, 1d)", sales: "count(buy, 1d)" } }
feeds:
  home: { for: user, recall: { hot: { top: item.heat }, sold: { top: item.sales } } }
  other: { for: user, recall: { hot: { top: item.heat } } }
weights: { view: 1, buy: 10, dislike: -5 }
attribution: { window: 10s, decisions: 5, click: [view, buy] }
"#;
const EVENTS: [&str; 5] = ["impression", "view", "buy", "dislike", "login"];
const KINDS: usize = 4;

fn plan() -> Arc<Plan> {
    Arc::new(spec::compile("test.yaml", SPEC).unwrap_or_else(|errors| panic!("{}", spec::render(&errors))))
}

fn answer(feed: &str, from: Option<u16>, items: &[(u8, u32)]) -> Answer {
    let recommended = |&(item, routes): &(u8, u32)| Recommended {
        item: format!("i{item}"),
        score: 0.0,
        routes: (0..2).filter(|r| routes >> r & 1 == 1).map(|route| RouteHit { route, rank: 0, score: 0.0 }).collect(),
        terms: vec![].into(),
        moved: 0,
        effects: vec![].into(),
    };
    let mut request = FeedRequest::new(feed, Subject::Anonymous, 5);
    let of = DecisionId { epoch: 1, position: Position(1) };
    request.page = from.map(|from| Page { of, from, best: vec![], items: vec![] });
    Answer {
        request,
        plan: PlanVersion(1),
        rows: Position(0),
        epoch: Position(0),
        now: Time(0),
        effort: Effort::default(),
        route_counts: vec![],
        candidates: 0,
        removed: vec![],
        items: items.iter().map(recommended).collect(),
        later: vec![],
        holdout: false,
        off: vec![],
    }
}

fn event(kind: &str, item: u8, decision: Option<&str>) -> Payload<'static> {
    let text = |name: &'static str, text: &str| Field { name: name.into(), value: Raw::Str(text.to_owned().into()) };
    let mut fields = vec![text("user", "u"), text("item", &format!("i{item}"))];
    if kind == "login" {
        fields.pop();
    }
    fields.extend(decision.map(|decision| text("decision", decision)));
    Payload::Event(Event { kind: kind.to_owned().into(), source: "".into(), id: None, time: None, fields })
}

/// What happens at one position.
#[derive(Clone, Debug)]
enum Step {
    Decide {
        feed: bool,
        from: Option<u16>,
        items: Vec<(u8, u32)>,
    },
    /// `back` decisions ago, or another text; with the right or another writer epoch.
    Event {
        kind: usize,
        item: u8,
        back: Option<usize>,
        epoch: bool,
    },
    Spec {
        ours: bool,
    },
    /// Everything is saved and loaded.
    Checkpoint,
}

fn step() -> impl Strategy<Value = (Step, i64)> {
    let items = prop::collection::btree_map(0u8..6, 0u32..4, 0..4);
    let decide = (any::<bool>(), prop::option::weighted(0.2, 0u16..300), items)
        .prop_map(|(feed, from, items)| Step::Decide { feed, from, items: items.into_iter().collect() });
    let event = (0usize..5, 0u8..7, prop::option::weighted(0.95, 0usize..8), prop::bool::weighted(0.9))
        .prop_map(|(kind, item, back, epoch)| Step::Event { kind, item, back, epoch });
    let spec = prop::bool::weighted(0.6).prop_map(|ours| Step::Spec { ours });
    (prop_oneof![4 => decide, 12 => event, 1 => spec, 1 => Just(Step::Checkpoint)], prop_oneof![0i64..3, 0i64..9_000])
}

/// A decision as the obvious version has it.
struct Told {
    id: DecisionId,
    at: i64,
    feed: usize,
    from: u16,
    items: Vec<(u8, u32)>,
    /// Item and event joined to it.
    joined: BTreeSet<(u8, usize)>,
    forgotten: bool,
}

#[derive(Default)]
struct Obvious {
    ours: bool,
    told: Vec<Told>,
    dropped: [u64; 2],
    unjoined: Unjoined,
}

impl Obvious {
    fn forget_old(&mut self, now: i64) {
        self.told.iter_mut().filter(|told| now - told.at >= 10_000).for_each(|told| told.forgotten = true);
    }

    fn decide(&mut self, mut told: Told) {
        self.forget_old(told.at);
        if self.told.iter().filter(|told| !told.forgotten).count() == 5
            && let Some(oldest) = self.told.iter_mut().find(|told| !told.forgotten)
        {
            oldest.forgotten = true;
            self.dropped[oldest.feed] += 1;
        }
        if !self.ours {
            told.items.iter_mut().for_each(|(_, routes)| *routes = 0);
        }
        self.told.push(told);
    }

    fn event(&mut self, kind: usize, item: u8, id: Option<DecisionId>, now: i64) {
        self.forget_old(now);
        let Some(id) = id else { return self.unjoined.unknown += 1 };
        if self.told.iter().any(|told| told.forgotten && told.id.position >= id.position) {
            self.unjoined.expired += 1;
            return;
        }
        let Some(told) = self.told.iter_mut().find(|told| told.id == id) else {
            self.unjoined.unknown += 1;
            return;
        };
        if told.items.iter().all(|(known, _)| *known != item) {
            self.unjoined.not_in_slate += 1;
        } else if !told.joined.insert((item, kind)) {
            self.unjoined.duplicate += 1;
        }
    }

    /// The counts of all places that `of` picks by feed, place and routes.
    fn counts(&self, of: impl Fn(usize, usize, u32) -> bool) -> Counts {
        let mut counts = Counts { events: vec![0; KINDS], ..Counts::default() };
        for told in &self.told {
            for (at, (item, routes)) in told.items.iter().enumerate() {
                let place = (usize::from(told.from) + at).min(limits::ATTRIBUTION_PLACES_MAX - 1);
                if !of(told.feed, place, *routes) {
                    continue;
                }
                let joined = |kind: usize| u64::from(told.joined.contains(&(*item, kind)));
                counts.offered += 1;
                (0..KINDS).for_each(|kind| counts.events[kind] += joined(kind));
                let click = joined(1).max(joined(2));
                counts.clicks += click;
                counts.clicked_impressions += click * joined(0);
            }
        }
        counts
    }

    fn check(&self, found: &Attribution) -> Result<(), TestCaseError> {
        prop_assert_eq!(found.unjoined(), self.unjoined);
        prop_assert!(found.len() <= 5);
        for (index, feed) in found.feeds().iter().enumerate() {
            prop_assert_eq!(feed.decisions, self.told.iter().filter(|told| told.feed == index).count() as u64);
            prop_assert_eq!(feed.dropped, self.dropped[index]);
            prop_assert_eq!(&feed.all, &self.counts(|feed, _, _| feed == index));
            for (place, counts) in feed.places.iter().enumerate() {
                prop_assert_eq!(counts, &self.counts(|feed, at, _| feed == index && at == place));
            }
            prop_assert_eq!(feed.places.iter().map(|counts| counts.offered).sum::<u64>(), feed.all.offered);
            for (route, counts) in feed.routes.iter().enumerate() {
                prop_assert_eq!(counts, &self.counts(|feed, _, routes| feed == index && routes >> route & 1 == 1));
            }
        }
        Ok(())
    }
}

fn reloaded(from: &Attribution, plan: &Arc<Plan>) -> Attribution {
    let snapshot = from.snapshot();
    let mut loaded = Attribution::new(plan).expect("the spec declares attribution");
    for chunk in 0..snapshot.chunks() {
        let mut bytes = Vec::new();
        snapshot.save(chunk, &mut bytes);
        loaded.load(&bytes).expect("what was saved can be loaded");
    }
    loaded
}

proptest! {
    #[test]
    fn it_counts_what_the_obvious_version_counts(steps in prop::collection::vec(step(), 1..120)) {
        let plan = plan();
        let mut names = Dictionary::new(&plan, 3);
        let catalogue = crate::Catalogue::new(plan.clone());
        let mut found = Attribution::new(&plan).expect("the spec declares attribution");
        let mut wanted = Obvious::default();
        let mut now = 1_000_000;
        for (position, (step, pause)) in (1..).map(Position).zip(steps) {
            now += pause;
            match step {
                Step::Spec { ours } => {
                    found.spec(if ours { SPEC } else { "version: 1" });
                    wanted.ours = ours;
                }
                Step::Checkpoint => {
                    let loaded = reloaded(&found, &plan);
                    prop_assert_eq!(loaded.digest(&names), found.digest(&names));
                    found = loaded;
                }
                Step::Decide { feed, from, items } => {
                    for (item, _) in &items {
                        names.intern_entity(1, &format!("i{item}"));
                    }
                    // `other` has one route.
                    let items: Vec<_> = items.into_iter().map(|(item, of)| (item, if feed { of & 1 } else { of })).collect();
                    let decided = Decided::of(&plan, &names, &answer(if feed { "other" } else { "home" }, from, &items));
                    let id = DecisionId { epoch: 4, position };
                    found.decide(id, Time(now), &decided.expect("the feed is there"));
                    let (feed, from) = (usize::from(feed), from.unwrap_or(0));
                    wanted.decide(Told { id, at: now, feed, from, items, joined: BTreeSet::new(), forgotten: false });
                }
                Step::Event { kind, item, back, epoch } => {
                    let told = back.and_then(|back| wanted.told.iter().rev().nth(back)).map(|told| told.id);
                    let id = told.map(|id| DecisionId { epoch: if epoch { 4 } else { 3 }, ..id });
                    let named = id.map_or("d4".to_owned(), |id| id.to_string());
                    let payload = event(EVENTS[kind], item, Some(&named));
                    let resolved =
                        crate::resolve(&plan, &mut names, &catalogue, position, Time(now), &payload).expect("there is room");
                    let Payload::Event(event) = &payload else { unreachable!("it was just made") };
                    found.apply(event, &resolved);
                    if kind < KINDS {
                        wanted.event(kind, item, id, now);
                    }
                }
            }
        }
        wanted.check(&found)?;
    }
}

#[test]
fn a_record_of_another_writer_epoch_is_another_decision() {
    let plan = plan();
    let mut names = Dictionary::new(&plan, 3);
    let catalogue = crate::Catalogue::new(plan.clone());
    let mut found = Attribution::new(&plan).expect("the spec declares attribution");
    found.spec(SPEC);
    names.intern_entity(1, "i1");
    let decided = Decided::of(&plan, &names, &answer("home", None, &[(1, 3)])).expect("the feed is there");
    // The record that a client holds as d1-7 was lost in a crash; another took its position.
    found.decide(DecisionId { epoch: 2, position: Position(7) }, Time(5), &decided);
    let mut join = |named: &str| {
        let payload = event("impression", 1, Some(named));
        let resolved = crate::resolve(&plan, &mut names, &catalogue, Position(8), Time(6), &payload).expect("room");
        let Payload::Event(event) = &payload else { unreachable!("it was just made") };
        found.apply(event, &resolved);
        (found.unjoined().unknown, found.feeds()[0].all.impressions())
    };
    assert_eq!(join("d1-7"), (1, 0));
    assert_eq!(join("d2-7"), (1, 1));
}

#[test]
fn what_names_no_decision_is_no_mistake_and_takes_no_symbol() {
    let plan = plan();
    let mut names = Dictionary::new(&plan, 3);
    let catalogue = crate::Catalogue::new(plan.clone());
    let before = names.symbol_room();
    let room: BTreeMap<&str, u32> = EVENTS[..4]
        .iter()
        .map(|kind| {
            let payload = event(kind, 1, Some("d1-900"));
            crate::validate(&plan, &payload).unwrap_or_else(|refusal| panic!("{kind}: {refusal}"));
            crate::resolve(&plan, &mut names, &catalogue, Position(1), Time(6), &payload).expect("room");
            (*kind, names.symbol_room())
        })
        .collect();
    assert!(room.values().all(|room| *room == before), "{room:?}");
    let Payload::Event(mut event) = event("view", 1, None) else { unreachable!("it was just made") };
    event.fields.push(Field { name: "decision".into(), value: Raw::Int(7) });
    let refusal = crate::validate(&plan, &Payload::Event(event)).unwrap_err();
    assert_eq!((refusal.code.as_str(), refusal.field.as_str()), ("wrong_type", "decision"));
}

#[test]
fn damaged_bytes_are_refused() {
    let plan = plan();
    let names = Dictionary::new(&plan, 3);
    let mut full = Attribution::new(&plan).expect("the spec declares attribution");
    for at in 1..4 {
        let decided = Decided::of(&plan, &names, &answer("home", None, &[(1, 3), (2, 1)])).expect("the feed is there");
        full.decide(DecisionId { epoch: 2, position: Position(at) }, Time(at as i64), &decided);
    }
    let snapshot = full.snapshot();
    for chunk in 0..snapshot.chunks() {
        let mut bytes = Vec::new();
        snapshot.save(chunk, &mut bytes);
        for cut in 0..bytes.len() {
            let mut loaded = Attribution::new(&plan).expect("the spec declares attribution");
            assert!(loaded.load(&bytes[..cut]).is_err(), "chunk {chunk} cut at {cut}");
        }
        let mut twice = reloaded(&full, &plan);
        assert!(chunk == 0 || twice.load(&bytes).is_err(), "decisions are in order");
    }
}
