//! What is kept of decisions after they are made: cases that wait for a person, counts for reports, and what guards watch. It is told of
//! every decision, label and review in the log's order, by the plan that was in force there, and hangs on nothing else: neither on
//! threads nor on shards, nor on when a node was restarted.

mod joined;
mod panes;
mod queue;
mod saved;
mod tally;
mod watch;

pub(crate) use panes::Panes;
pub(crate) use queue::{Case, CaseKey, Claimed, Closed, Queue};
pub(crate) use tally::{Calibration, Tally};
pub(crate) use watch::{Before, Breach, GuardCount, Hits, Watch};

use super::Decided;
use domain::{DecisionId, Event, FallbacksGiven, PlanVersion, Position, Raw, Review, Time, limits};
use expr::{MadeTexts, Texts};
use joined::Joined;
use spec::Plan;
use state::{EventChange, LoadError};
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_128;

/// Everything that is kept.
#[derive(Clone, Default)]
pub(crate) struct Casebook {
    /// The last record that said something.
    pub(crate) seen: Position,
    /// The log's time there.
    pub(crate) log_time: Time,
    /// The first record that was looked at; none: that of the log.
    pub(crate) since: Option<(Position, Time)>,
    pub(crate) queue: Queue,
    /// By decision, in the order in which they were first seen.
    pub(crate) tallies: Vec<Tally>,
    joined: Joined,
    /// Of which a caller was given the fallback, the newest: who wrote the decided event.
    given: BTreeMap<CaseKey, u32>,
    /// The version in force, and by index into its decisions whose tally is whose.
    under: Option<(PlanVersion, Vec<u16>)>,
}

/// The id that a client gave a decided event.
pub(crate) struct Client {
    hash: u128,
    /// Only where decisions may wait for a person, who wants to see it.
    text: Option<Box<str>>,
}

impl Client {
    /// Of an event, where the decision has a use for it.
    pub(crate) fn of(plan: &Plan, decision: u16, event: &Event<'_>) -> Option<Client> {
        let (decision, id) = (&plan.decisions[usize::from(decision)], event.id.as_deref()?);
        decision.labels.as_ref()?;
        let text = decision.review.as_ref().map(|_| id.into());
        Some(Client { hash: hash_of(id), text })
    }
}

fn hash_of(id: &str) -> u128 {
    xxh3_128(id.as_bytes())
}

/// What a record says of decisions that were made before.
pub(crate) enum Note {
    /// What a decided event was in truth.
    Label {
        /// Index into `Plan::decisions`.
        decision: u16,
        /// Hash of the event's id.
        of: u128,
        bad: bool,
    },
    /// What a person did.
    Review(Review<'static>),
    /// Callers were given the fallback.
    Fallbacks(FallbacksGiven<'static>),
}

/// What an event says of events that were decided, by decision.
pub(crate) fn labels<'p>(
    plan: &'p Plan,
    (event, change): (&'p Event<'_>, &'p EventChange),
    texts: &'p dyn Texts,
) -> impl Iterator<Item = Note> + 'p {
    (0..).zip(&plan.decisions).filter_map(move |(decision, of)| {
        let labels = of.labels.as_ref().filter(|labels| labels.event == change.event)?;
        let field = &plan.events[usize::from(labels.event)].fields[usize::from(labels.of)].name;
        let Some(Raw::Str(id)) = event.field(field) else { return None };
        let row: Vec<_> = labels.reads.iter().map(|field| change.values[usize::from(*field)].clone()).collect();
        let bad = labels.when.eval_bool_with(&row, &MadeTexts::new(texts));
        Some(Note::Label { decision, of: hash_of(id), bad })
    })
}

/// A review that borrows nothing.
pub(crate) fn owned(review: &Review<'_>) -> Review<'static> {
    use domain::ReviewAct;
    let own = |text: &str| text.to_owned().into();
    let act = match &review.act {
        ReviewAct::Claim { lease } => ReviewAct::Claim { lease: *lease },
        ReviewAct::Release => ReviewAct::Release,
        ReviewAct::Decide { answer, reason } => ReviewAct::Decide { answer: own(answer), reason: own(reason) },
    };
    Review { case: review.case, decision: own(&review.decision), by: own(&review.by), act }
}

impl Casebook {
    /// What a checkpoint has.
    ///
    /// # Errors
    /// It is damaged.
    pub(crate) fn load(bytes: &[u8]) -> Result<Casebook, LoadError> {
        saved::load(bytes)
    }

    /// Appends what a checkpoint keeps.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        saved::save(self, out);
    }

    /// What comes next is of this version.
    pub(crate) fn turn_to(&mut self, plan: &Plan, version: PlanVersion, log_time: Time) {
        if self.under.as_ref().is_some_and(|(under, _)| *under == version) {
            return;
        }
        let mut places = Vec::with_capacity(plan.decisions.len());
        for decision in &plan.decisions {
            let place = self.tallies.iter().position(|tally| tally.name == decision.name).unwrap_or_else(|| {
                self.tallies.push(Tally::new(&decision.name, log_time));
                self.tallies.len() - 1
            });
            self.tallies[place].turn(plan, decision, version, log_time);
            places.push(place as u16);
        }
        self.under = Some((version, places));
    }

    fn note(&mut self, position: Position, log_time: Time) {
        self.seen = self.seen.max(position);
        self.log_time = self.log_time.max(log_time);
    }

    /// Where the tally of a decision of the version in force stands.
    fn place(&self, decision: u16) -> u16 {
        let (_, places) = self.under.as_ref().expect("it has been turned to the plan");
        places[usize::from(decision)]
    }

    /// A decision was made. `said` tells what its rules say, which is asked only where somebody will read it.
    pub(crate) fn decided(
        &mut self,
        decided: &Decided,
        (client, log_time): (Option<&Client>, Time),
        texts: &dyn Texts,
        said: impl FnOnce() -> String,
    ) {
        self.note(decided.id.position, log_time);
        let place = self.place(decided.facts.decision);
        let tally = &mut self.tallies[usize::from(place)];
        let (outcome, tier) = tally.count(decided, log_time, texts);
        if let Some(client) = client {
            tally.calibrated(tier).decided += 1;
            self.joined.remember(client.hash.wrapping_add(u128::from(place)), (place, tier));
        }
        let review = decided.decision().review.as_ref();
        if review.is_some_and(|review| review.outcomes.binary_search(&decided.verdict.outcome).is_ok()) {
            let case = Case {
                epoch: decided.id.epoch,
                version: decided.version,
                outcome,
                tier,
                score: decided.verdict.score,
                log_time,
                client: client.and_then(|client| client.text.clone()),
                said: said().into(),
                claimed: None,
            };
            self.queue.open((decided.id.position, place), case);
        }
    }

    /// A label or a review stands at this position.
    pub(crate) fn noted(&mut self, position: Position, log_time: Time, note: &Note) {
        self.note(position, log_time);
        match note {
            Note::Label { decision, of, bad } => {
                let place = self.place(*decision);
                let tally = &mut self.tallies[usize::from(place)];
                match self.joined.say(of.wrapping_add(u128::from(place)), *bad) {
                    Some((before, tier)) => tally.calibrated(tier).say(before, *bad),
                    None => tally.unjoined += 1,
                }
            }
            Note::Review(review) => {
                if let Some(key) = self.key_of(review.case, &review.decision) {
                    self.queue.apply(key, review, log_time);
                }
            }
            Note::Fallbacks(given) => given.on.iter().for_each(|id| self.given(*id, &given.decision)),
        }
    }

    fn given(&mut self, id: DecisionId, decision: &str) {
        let Some(key) = self.key_of(id, decision) else { return };
        if self.given.insert(key, id.epoch).is_none() {
            self.tallies[usize::from(key.1)].fallbacks += 1;
        }
        while self.given.len() > limits::FALLBACKS_REMEMBERED_MAX {
            self.given.pop_first();
        }
    }

    /// The decisions on an event of which a caller was given the fallback.
    pub(crate) fn given_fallbacks(&self, id: DecisionId) -> impl Iterator<Item = &str> {
        let given = self.given.range((id.position, 0)..=(id.position, u16::MAX));
        let given = given.filter(move |(_, epoch)| **epoch == id.epoch);
        given.map(|(key, _)| self.tallies[usize::from(key.1)].name.as_str())
    }

    /// Whether a caller was given the fallback of this one.
    pub(crate) fn was_given(&self, key: CaseKey, epoch: u32) -> bool {
        self.given.get(&key) == Some(&epoch)
    }

    /// How many cases wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.open.len()
    }

    /// How a case is found.
    pub(crate) fn key_of(&self, case: DecisionId, decision: &str) -> Option<CaseKey> {
        let place = self.tallies.iter().position(|tally| tally.name == decision)?;
        Some((case.position, place as u16))
    }

    /// The guards of a version that are broken, each with its decision's tally.
    pub(crate) fn broken(&self, version: PlanVersion) -> impl Iterator<Item = (&Tally, &Breach)> {
        let of_version = self.tallies.iter().filter(move |tally| tally.watch.version == version);
        of_version.flat_map(|tally| tally.watch.breaches.iter().map(move |breach| (tally, breach)))
    }
}
