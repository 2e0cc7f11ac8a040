//! The whole way of one item through an answer: who found it, what it passed, what it was worth, where it came to stand; or
//! where it fell out. Made of the notes that were taken while the answer was computed again.

mod text;

use crate::explain::{EffectOfItem, TermOfItem, effect_of_item};
use crate::feed::{Gate, ReadValue, Sought, Trace};
use domain::{Answer, Raw, Type, Value};
use spec::Plan;
use spec::plan::Feed;

/// One item's way through one answer. Plain data, ready to be written in any notation.
#[derive(Clone, Debug, PartialEq)]
pub struct Journey {
    /// The item's key.
    pub item: String,
    /// The feed's name.
    pub feed: String,
    /// How it ended.
    pub end: End,
    /// That in one sentence.
    pub said: String,
    /// The feed's routes in the spec's order.
    pub routes: Vec<RouteOfJourney>,
    /// Fused score and rank by it, from 1, among all that the routes found.
    pub fused: Option<(f64, Option<u32>)>,
    /// The filters, and the policies that remove, in the order in which they are asked; all are asked.
    pub gates: Vec<GateOfJourney>,
    /// How it was scored; none if it did not come so far.
    pub score: Option<ScoreOfJourney>,
    /// What boosts, rerankers and policies did, in the order in which they did.
    pub effects: Vec<EffectOfItem>,
    /// Its place in the slate, from 1.
    pub place: Option<u32>,
}

/// How an item's way ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In the slate.
    InSlate,
    /// Kept for further pages.
    LaterPage,
    /// The answer is a further page, which shows what the first one kept, and this is not of it.
    NotOnPage,
    /// No event and no upsert had named the item.
    UnknownItem,
    /// It was not in the catalogue.
    NotPresent,
    /// The answer is about the item itself.
    Itself,
    /// The request excludes it.
    Excluded,
    /// No route found it.
    NotFound,
    /// The routes found more than a request carries, and others were better.
    TooMany,
    /// A filter or a policy removed it.
    Removed,
    /// Others took all places.
    Below,
}

impl End {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            End::InSlate => "in_slate",
            End::LaterPage => "later_page",
            End::NotOnPage => "not_on_page",
            End::UnknownItem => "unknown_item",
            End::NotPresent => "not_present",
            End::Itself => "itself",
            End::Excluded => "excluded",
            End::NotFound => "not_found",
            End::TooMany => "too_many_candidates",
            End::Removed => "removed",
            End::Below => "below",
        }
    }
}

/// What one route had of the item.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteOfJourney {
    /// Its name in the spec.
    pub route: String,
    /// Rank from 1 and score, if it found the item.
    pub found: Option<(u32, f64)>,
    /// Why it did not.
    pub why_not: Option<String>,
}

/// What a filter or a policy said.
#[derive(Clone, Debug, PartialEq)]
pub struct GateOfJourney {
    /// Its text in the spec.
    pub text: String,
    /// Whether it is a policy.
    pub policy: bool,
    /// Whether the item may pass.
    pub passes: bool,
    /// What it read.
    pub read: Vec<ReadOfJourney>,
}

/// A value that an expression read.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadOfJourney {
    /// As expressions call it.
    pub name: String,
    /// The value; `Null` where it was missing.
    pub value: Raw<'static>,
}

/// How an item was scored.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreOfJourney {
    /// The score that ranked it.
    pub score: f64,
    /// The terms of the formula with their values; none where a term had no finite value. Empty if the fused score ranked.
    pub terms: Vec<TermOfItem>,
    /// What the formula read.
    pub read: Vec<ReadOfJourney>,
    /// Rank by score, from 1.
    pub rank: u32,
    /// Of how many.
    pub of: u32,
}

/// Turns a value of a type into what clients see.
pub type Show<'s> = &'s dyn Fn(&Value, &Type) -> Raw<'static>;

impl Journey {
    /// Of the notes on an item and the answer that was computed with them. `trace` is none for an item that nothing had named.
    pub fn of(plan: &Plan, answer: &Answer, item: &str, trace: Option<&Trace>, show: Show<'_>) -> Journey {
        let mut journey = Journey {
            item: item.to_owned(),
            feed: answer.request.feed.clone(),
            end: End::UnknownItem,
            said: String::new(),
            routes: Vec::new(),
            fused: None,
            gates: Vec::new(),
            score: None,
            effects: Vec::new(),
            place: None,
        };
        let feed = plan.feed(&answer.request.feed).map(|feed| &plan.feeds[usize::from(feed)]);
        if let (Some(trace), Some(feed)) = (trace, feed) {
            journey.tell(feed, answer, trace, show);
        }
        journey.said = journey.sentence(answer);
        journey
    }

    fn tell(&mut self, feed: &Feed, answer: &Answer, trace: &Trace, show: Show<'_>) {
        let value = |of: &ReadValue| match &of.text {
            Some(text) => Raw::Str(text.to_string().into()),
            None => show(&of.value, &of.ty),
        };
        let told = |of: &ReadValue| ReadOfJourney { name: of.name.clone(), value: value(of) };
        let read = |of: &[ReadValue]| -> Vec<ReadOfJourney> { of.iter().map(told).collect() };
        let routes = feed.routes.iter().zip(&trace.routes).zip(0..);
        let route = |((route, sought), number): ((&spec::plan::Route, &Sought), u16)| RouteOfJourney {
            route: route.name.clone(),
            found: sought.hit.as_ref().map(|hit| (u32::from(hit.rank) + 1, hit.score)),
            why_not: sought.hit.is_none().then(|| why_not(answer, trace, number, route.limit, sought)),
        };
        self.routes = routes.map(route).collect();
        self.fused = trace.fused.map(|(score, rank)| (score, rank.map(|rank| rank as u32 + 1)));
        let gate = |gate: &Gate| GateOfJourney {
            text: gate.text.clone(),
            policy: gate.policy,
            passes: gate.passes,
            read: read(&gate.read),
        };
        self.gates = trace.gates.iter().map(gate).collect();
        self.score = trace.score.as_ref().map(|scored| ScoreOfJourney {
            score: scored.score,
            terms: scored.terms.clone(),
            read: read(&scored.read),
            rank: scored.rank as u32 + 1,
            of: scored.of as u32,
        });
        let shown = answer.items.iter().position(|shown| shown.item == self.item);
        self.place = shown.map(|place| place as u32 + 1);
        let effects = shown.map_or(trace.effects.as_slice(), |place| answer.items[place].effects.as_slice());
        self.effects = effects.iter().map(|effect| effect_of_item(Some(feed), *effect)).collect();
        self.end = self.end(answer, trace);
    }

    fn end(&self, answer: &Answer, trace: &Trace) -> End {
        if self.place.is_some() {
            End::InSlate
        } else if answer.later.iter().any(|later| later.item == self.item) {
            End::LaterPage
        } else if !trace.ran {
            End::NotOnPage
        } else if trace.itself {
            End::Itself
        } else if !trace.present {
            End::NotPresent
        } else if trace.excluded {
            End::Excluded
        } else if trace.score.is_some() {
            End::Below
        } else if let Some((_, rank)) = trace.fused {
            if rank.is_none() { End::TooMany } else { End::Removed }
        } else if trace.sieved {
            End::Removed
        } else {
            End::NotFound
        }
    }
}

fn why_not(answer: &Answer, trace: &Trace, route: u16, limit: u16, sought: &Sought) -> String {
    if route >= answer.effort.routes_run {
        return "there was no time for it".to_owned();
    }
    if answer.off.contains(&route) {
        return "its condition did not hold".to_owned();
    }
    if !trace.present {
        return "the item is not in the catalogue".to_owned();
    }
    if trace.excluded {
        return "the request excludes the item".to_owned();
    }
    if trace.sieved {
        return "a filter removes the item".to_owned();
    }
    match sought.last {
        Some(last) if sought.given >= u32::from(limit) => {
            format!("not in its best {limit}, the last of which has {last:.6}")
        }
        Some(_) => format!("not among the {} that it found", sought.given),
        None => "it found nothing".to_owned(),
    }
}
