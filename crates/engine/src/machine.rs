//! All state of a node as one single-threaded value: the log applied record by record. Recovery, replay, digests and the
//! simulator use it; the running node holds the same parts behind locks. There is no second way to build state.

mod deciding;

pub use deciding::Record;

use crate::decide::Judge;
use crate::rules::rules_of;
use crate::serve::{query_of, subject_of, unknown_feed};
use decision::{Epoch, Pace, Query, Scratch};
use domain::{
    Answer, CodecError, DecisionId, EntityId, FeedRequest, Payload, PlanVersion, Position, Refusal, Symbol, Time,
};
use journal::RecordHeader;
use spec::Plan;
use spec::plan::EntityIndex;
use state::{
    Attribution, Catalogue, Decided as Answered, Dedupe, Dictionary, Digest, Identity, Located, Raised, Resolved, Rows,
    Scope, Subject,
};
use std::sync::Arc;

/// State at one position of the log.
#[derive(Clone)]
pub struct Machine {
    /// The plan that it is a function of.
    pub plan: Arc<Plan>,
    /// Names and their numbers.
    pub names: Dictionary,
    /// Current attributes, as the sequencer sees them.
    pub catalogue: Catalogue,
    /// Event ids seen.
    pub dedupe: Dedupe,
    /// What came of answers; none if the plan declares no attribution.
    pub attribution: Option<Attribution>,
    /// Keyed rows, by shard.
    pub shards: Vec<Rows>,
    /// Items and indexes.
    pub epoch: Epoch,
    /// The last record applied.
    pub position: Position,
    /// Its `log_time`.
    pub log_time: Time,
    /// The writer epoch of the records that come next: with their position it names decisions.
    pub writer_epoch: u32,
    /// Decides under the plan.
    pub(crate) judge: Arc<Judge>,
    /// What alarms were raised, while somebody asks.
    pub(crate) raised: Option<Vec<Raised>>,
}

impl Machine {
    /// State before the first record.
    pub fn new(plan: Arc<Plan>, shards: u32, hash_seed: u64) -> Machine {
        let names = Dictionary::new(&plan, hash_seed);
        Machine::with_names(&plan, names, shards)
    }

    /// The same with a dictionary that knows some names: the plan is bound to it.
    pub(crate) fn with_names(plan: &Arc<Plan>, mut names: Dictionary, shards: u32) -> Machine {
        let plan = spec::bind(plan, &mut |text| names.intern_symbol(text));
        Machine {
            dedupe: Dedupe::new(names.hash_seed()),
            names,
            catalogue: Catalogue::new(plan.clone()),
            attribution: Attribution::new(&plan),
            shards: (0..shards).map(|index| Rows::new(plan.clone(), Scope::Shard { index, count: shards })).collect(),
            epoch: Epoch::new(plan.clone()),
            position: Position::START,
            log_time: Time(0),
            writer_epoch: 0,
            judge: Judge::new(plan.clone()),
            raised: None,
            plan,
        }
    }

    /// The same state under a plan that has the same; none if there is no room for the plan's strings.
    pub(crate) fn under(mut self, plan: &Arc<Plan>) -> Option<Machine> {
        if self.plan.text == plan.text {
            return Some(self);
        }
        let plan = bound(plan, &mut self.names)?;
        let rows = Rows::new(plan.clone(), Scope::Shard { index: 0, count: 1 });
        self.shards.iter_mut().for_each(|shard| shard.adopt(&rows));
        self.catalogue.adopt(&plan);
        self.attribution.iter_mut().for_each(|attribution| attribution.adopt(&plan));
        self.epoch.adopt(&Epoch::new(plan.clone()), None, &self.names);
        Some(Machine { judge: Judge::new(plan.clone()), plan, ..self })
    }

    /// The state under a plan that goes on with part of it; the rest begins here. `in_force` is the text of the spec in force at this
    /// position. None if the plan cannot go on with it, or if there is no room for its strings.
    pub(crate) fn carried(self, plan: &Arc<Plan>, in_force: &str) -> Option<Machine> {
        let carrying = spec::carry(&self.plan, plan).ok()?;
        let Machine {
            mut names,
            mut catalogue,
            dedupe,
            attribution,
            shards,
            epoch,
            position,
            log_time,
            writer_epoch,
            ..
        } = self;
        let plan = bound(plan, &mut names)?;
        catalogue.adopt(&plan);
        let mut attribution = if carrying.attribution { attribution } else { Attribution::new(&plan) };
        if let Some(attribution) = &mut attribution {
            attribution.adopt(&plan);
            attribution.spec(in_force);
        }
        let shards = shards.iter().map(|shard| shard.carried(&plan, &carrying, log_time)).collect();
        let epoch = epoch.carried(&plan, &carrying, &names);
        let judge = Judge::new(plan.clone());
        Some(Machine {
            plan,
            names,
            catalogue,
            dedupe,
            attribution,
            shards,
            epoch,
            position,
            log_time,
            writer_epoch,
            judge,
            raised: None,
        })
    }

    /// Applies one record of the log.
    pub fn apply_record(&mut self, header: &RecordHeader, payload: &[u8]) -> Result<(), CodecError> {
        self.writer_epoch = header.epoch;
        self.apply(header.position, header.log_time, &Payload::decode(header.kind, payload)?);
        Ok(())
    }

    /// Applies one payload at its position. Specs and decisions reach no consumer, here as in the running node, so that indexes
    /// see the same steps of time however state is built; attribution alone takes note of them.
    pub fn apply(&mut self, position: Position, log_time: Time, payload: &Payload<'_>) {
        let located = Located::of(&self.plan, &self.names, payload);
        let identity = Identity::of_record(payload);
        self.apply_and((position, log_time, payload), (identity.as_ref(), &located), |machine, change| {
            machine.apply_resolved(&change)
        });
    }

    fn apply_and(
        &mut self,
        (position, log_time, payload): (Position, Time, &Payload<'_>),
        (identity, located): (Option<&Identity>, &Located),
        apply: impl FnOnce(&mut Machine, Resolved),
    ) {
        self.position = position;
        self.log_time = self.log_time.max(log_time);
        match payload {
            Payload::Spec(text) => return self.attribution.iter_mut().for_each(|attribution| attribution.spec(text)),
            Payload::SpecReason(_) => return,
            Payload::Decision(answer) => return self.decide(answer),
            _ => self.dedupe.apply(position, self.log_time, identity),
        }
        if state::admit(&self.plan, &self.names, payload).is_ok() {
            let place = (position, self.log_time);
            let resolved =
                state::resolve_located(&self.plan, &mut self.names, &self.catalogue, place, payload, located);
            self.catalogue.apply(&resolved);
            if let (Some(attribution), Payload::Event(event)) = (&mut self.attribution, payload) {
                attribution.apply(event, &resolved);
            }
            apply(self, resolved);
        }
    }

    fn decide(&mut self, answer: &Answer) {
        let Some(attribution) = &mut self.attribution else { return };
        if let Some(decided) = Answered::of(&self.plan, &self.names, answer) {
            let id = DecisionId { epoch: self.writer_epoch, position: self.position };
            attribution.decide(id, self.log_time, &decided);
        }
    }

    fn apply_resolved(&mut self, change: &Resolved) {
        self.shards.iter_mut().for_each(|shard| shard.apply(change));
        self.epoch.apply(change, &self.names);
        self.gather();
    }

    /// A copy of an entity's rows.
    pub fn subject(&self, entity: EntityIndex, id: EntityId) -> Subject {
        self.shards[shard_of(id, self.shards.len())].subject(entity, id)
    }

    /// Resolves a request against this state, with a copy of the subject's rows.
    pub fn query(&self, request: &FeedRequest) -> Result<Query, Refusal> {
        let feed = self.plan.feed(&request.feed).ok_or_else(|| unknown_feed(&self.plan, &request.feed))?;
        let subject = subject_of(&self.plan, feed, request, &self.names)?;
        let rows = subject.map(|(entity, id)| self.subject(entity, id));
        let rules = rules_of(&self.plan, feed, request, &self.names)?;
        query_of(&self.plan, feed, request, subject, rows, rules, &self.names)
    }

    /// Answers a resolved request from this state's items and indexes.
    pub fn answer(
        &self,
        request: FeedRequest,
        query: &Query,
        now: Time,
        pace: Pace<'_>,
        scratch: &mut Scratch,
    ) -> Answer {
        self.answer_with(&self.names, request, query, now, pace, scratch)
    }

    /// The same with names that are at least as new as the query's rows: these may hold strings that this state does not know yet.
    pub(crate) fn answer_with(
        &self,
        names: &Dictionary,
        request: FeedRequest,
        query: &Query,
        now: Time,
        pace: Pace<'_>,
        scratch: &mut Scratch,
    ) -> Answer {
        let (names, version) = (Keys(names), PlanVersion::default());
        decision::answer(&self.plan, version, request, query, &self.epoch, now, pace, &names, scratch)
    }

    /// The digest of all state that answers can depend on: equal for any number of shards and any hash seed.
    pub fn digest(&self) -> Digest {
        let mut digest = self.epoch.digest(&self.names, self.log_time);
        self.shards.iter().for_each(|shard| digest.add(shard.digest(&self.names, self.log_time)));
        digest.add(self.dedupe.digest());
        self.attribution.iter().for_each(|attribution| digest.add(attribution.digest(&self.names)));
        digest
    }
}

/// The plan with the numbers of its strings, new ones included; none if there is no room for them.
fn bound(plan: &Arc<Plan>, names: &mut Dictionary) -> Option<Arc<Plan>> {
    let new = plan.constants.iter().filter(|text| names.symbol(text).is_none()).count();
    let room = new <= names.symbol_room() as usize;
    room.then(|| spec::bind(plan, &mut |text| names.intern_symbol(text)))
}

struct Keys<'a>(&'a Dictionary);

impl decision::Texts for Keys<'_> {
    fn text(&self, symbol: Symbol) -> Option<Arc<str>> {
        decision::Texts::text(self.0, symbol)
    }

    fn symbol(&self, text: &str) -> Option<Symbol> {
        self.0.symbol(text)
    }
}

impl decision::Names for Keys<'_> {
    fn item(&self, item: EntityIndex, id: EntityId) -> String {
        self.0.key(item, id).to_owned()
    }
}

/// Which shard owns an entity's rows.
pub(crate) fn shard_of(id: EntityId, shards: usize) -> usize {
    id.0 as usize % shards
}
