//! Decisions on events, as of exactly their own positions: the sequencer opens the facts of each event, every consumer adds what its
//! rows have at that position, and the consumer that finishes a batch last evaluates all its decisions. Since each takes the batches in
//! order, decisions are made in the log's order, whatever the number of threads.

mod again;
mod alarms;
mod casebook;
mod derive;
mod given;
mod guard;
mod judge;
mod recent;
mod report;
mod review;

pub use again::DecidedAgain;
pub use alarms::Alarm;
pub(crate) use alarms::{Alarming, RecentAlarms};
pub(crate) use casebook::Casebook;
use casebook::{Client, Note};
pub(crate) use derive::of_checkpoint;
pub(crate) use given::Given;
pub(crate) use guard::Guarding;
pub(crate) use judge::Judge;
pub(crate) use recent::Recent;
pub use report::{
    DecisionReport, GuardReport, GuardState, ReportCounts, RuleReport, ShadowReport, ShareReport, TierReport,
    WindowReport,
};
pub use review::{ReviewAsked, ReviewCase, ReviewClosed, ReviewPage, ReviewQuery, ReviewVerb, Reviewed};

use crate::generation::{Generation, State};
use crate::serve::Names;
use crate::view::{entity_of, raw_of};
use decision::{DecisionExplanation, Epoch, Facts, Ruleset, RulesetScratch, Rulesets, Texts, Verdict};
use domain::{DecisionId, FallbacksGiven, Payload, PlanVersion, Position, Raw, Time, Type, Value, limits};
use expr::MadeTexts;
use parking_lot::Mutex;
use spec::Plan;
use spec::plan::Decision;
use state::{Catalogue, Change, Dictionary, Lists, Resolved, Rows};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// What was decided on one event.
#[derive(Clone, Debug)]
pub struct Decided {
    /// Names it: the event's position, and who wrote it.
    pub id: DecisionId,
    /// The plan that it was decided under.
    pub plan: Arc<Plan>,
    /// Its version.
    pub version: PlanVersion,
    /// What it was decided from.
    pub facts: Facts,
    /// What came out.
    pub verdict: Verdict,
}

impl Decided {
    /// Nothing is decided yet.
    pub(crate) fn open(id: DecisionId, (plan, version): (&Arc<Plan>, PlanVersion), facts: Facts) -> Decided {
        Decided { id, plan: plan.clone(), version, facts, verdict: Verdict::default() }
    }

    /// Decides, once the facts lack only what follows from others.
    pub(crate) fn decide(&mut self, known: &dyn Texts, (rulesets, scratch): (&Rulesets, &mut RulesetScratch)) {
        self.facts.derive(&self.plan, known);
        self.verdict = rulesets.decide(&self.plan, &self.facts, known, scratch);
    }

    /// Fields that the decision reads and the event did not have.
    pub fn missing_fields(&self) -> impl Iterator<Item = &str> {
        let (decision, row) = (self.decision(), &self.facts.row);
        let missing = decision.fields.iter().map(|at| usize::from(*at)).filter(|at| matches!(row[*at], Value::Missing));
        missing.map(|at| decision.facts[at].name.as_str())
    }

    /// The decision's declaration.
    pub fn decision(&self) -> &Decision {
        &self.plan.decisions[usize::from(self.facts.decision)]
    }
}

/// Says what decisions were made of, in the texts of the names that their values stand for.
pub struct Telling<'n>(pub(crate) &'n Dictionary);

impl Telling<'_> {
    /// What a rule says that fired.
    pub fn reason(&self, decided: &Decided, rule: u32) -> String {
        let texts = decided.facts.texts(self.0);
        let told = |value: &Value, ty: &Type| shown(&self.raw(&texts, value, ty));
        decision::reason(&decided.decision().rules[rule as usize], &decided.facts, &texts, &told)
    }

    /// What all of its rules say that fired and count, in their order, as far as a case keeps it.
    pub(crate) fn said(&self, decided: &Decided) -> String {
        let mut said = String::new();
        for fired in &decided.verdict.fired {
            let rule = &decided.decision().rules[fired.rule as usize];
            if rule.shadow || said.len() >= limits::REVIEW_SAID_BYTES_MAX {
                continue;
            }
            if !said.is_empty() {
                said.push_str("; ");
            }
            said.push_str(&format!("{}: {}", rule.id, self.reason(decided, fired.rule)));
        }
        said.truncate(said.floor_char_boundary(limits::REVIEW_SAID_BYTES_MAX));
        said
    }

    /// Why it came out as it did: worked out now, from what it was decided from.
    pub fn explain(&self, decided: &Decided) -> DecisionExplanation {
        let texts = decided.facts.texts(self.0);
        let told = |value: &Value, ty: &Type| shown(&self.raw(&texts, value, ty));
        let ruleset = Ruleset::new(decided.decision(), &[]);
        decision::explain_decision(&decided.plan, &ruleset, &decided.facts, self.0, &told)
    }

    /// The facts by name, as clients see them.
    pub fn facts<'d>(&self, decided: &'d Decided) -> Vec<(&'d str, Raw<'static>)> {
        let facts = decided.decision().facts.iter().zip(&decided.facts.row);
        let texts = decided.facts.texts(self.0);
        facts.map(|(fact, value)| (fact.name.as_str(), self.raw(&texts, value, &fact.ty))).collect()
    }

    fn raw(&self, texts: &MadeTexts<'_>, value: &Value, ty: &Type) -> Raw<'static> {
        raw_of(value, (self.0, texts), entity_of(ty).unwrap_or(0))
    }
}

/// A value inside a sentence.
fn shown(raw: &Raw<'_>) -> String {
    match raw {
        Raw::Null => "?".to_owned(),
        Raw::Bool(bool) => bool.to_string(),
        Raw::Int(int) => int.to_string(),
        Raw::Float(float) => float.to_string(),
        Raw::Str(text) => text.to_string(),
        Raw::List(list) => list.iter().map(shown).collect::<Vec<_>>().join(", "),
    }
}

/// What events are decided as, those of a part of a call for one.
pub struct Verdicts {
    names: Named,
    decided: Made,
}

/// Whose numbers the values are.
enum Named {
    /// Those of what serves, or has served.
    Live(Arc<State>),
    /// Those of a state that was computed again.
    Again(Box<Dictionary>),
}

/// Set once the consumers have passed the batch: in the order of the log.
pub(crate) type Made = Arc<OnceLock<Vec<Decided>>>;

impl Verdicts {
    /// Whether the last of the events is applied.
    pub fn made(&self) -> bool {
        self.decided.get().is_some()
    }

    /// Lets what was decided be told; nothing as long as the last of the events is not applied.
    pub fn tell<R>(&self, tell: impl FnOnce(&[Decided], &Telling<'_>) -> R) -> R {
        let decided = self.decided.get().map_or(&[][..], Vec::as_slice);
        match &self.names {
            Named::Live(state) => tell(decided, &Telling(&state.names.read())),
            Named::Again(names) => tell(decided, &Telling(names)),
        }
    }
}

impl fmt::Debug for Verdicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.decided.fmt(f)
    }
}

/// One decision of a batch while its facts are gathered.
struct Open {
    /// Which of the batch's changes.
    at: usize,
    id: DecisionId,
    log_time: Time,
    /// The client's id of the event, where labels may name it.
    client: Option<Client>,
    /// Index into `Plan::decisions`.
    decision: u16,
    facts: Mutex<Facts>,
}

/// What one change of a batch says of decisions that were made before.
struct Noted {
    /// Which of the batch's changes.
    at: usize,
    position: Position,
    log_time: Time,
    note: Note,
}

/// The decisions of one batch.
pub(crate) struct Deciding {
    plan: Arc<Plan>,
    judge: Arc<Judge>,
    version: PlanVersion,
    /// By change, ascending.
    open: Vec<Open>,
    /// By change, ascending.
    noted: Vec<Noted>,
    /// How many consumers have not passed the batch.
    missing: AtomicUsize,
    made: Made,
}

impl Deciding {
    /// For this many consumers.
    pub(crate) fn new(generation: &Generation) -> Deciding {
        Deciding {
            plan: generation.plan.clone(),
            judge: generation.judge.clone(),
            version: generation.version,
            open: Vec::new(),
            noted: Vec::new(),
            missing: AtomicUsize::new(generation.state.consumers()),
            made: Made::default(),
        }
    }

    /// Opens what is to be decided on the last of the batch's changes, which was just accepted. `tables` and `names` are as of it.
    pub(crate) fn open(
        &mut self,
        (changes, payload): (&[Resolved], &Payload<'_>),
        epoch: u32,
        tables: (&Catalogue, &Lists),
        names: &Dictionary,
    ) {
        let Some((change, before)) = changes.split_last() else { return };
        let (at, position, log_time) = (before.len(), change.position, change.log_time);
        let (plan, open) = (&self.plan, &mut self.open);
        open_each(plan, change, tables, names, |facts| {
            let id = DecisionId { epoch, position };
            let client = match payload {
                Payload::Event(event) => Client::of(plan, facts.decision, event),
                _ => None,
            };
            open.push(Open { at, id, log_time, client, decision: facts.decision, facts: Mutex::new(facts) });
        });
        let noted =
            noted(&self.plan, (payload, &change.change), names).map(|note| Noted { at, position, log_time, note });
        self.noted.extend(noted);
    }

    /// Whether there is nothing to decide.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.noted.is_empty()
    }

    /// How many decisions there are on the record at a position.
    fn count_at(&self, position: Position) -> u32 {
        let behind = |position: Position| self.open.partition_point(|open| open.id.position <= position);
        (behind(position) - behind(Position(position.0.saturating_sub(1)))) as u32
    }

    /// What will be decided.
    pub(crate) fn verdicts(&self, state: &Arc<State>) -> Verdicts {
        Verdicts { names: Named::Live(state.clone()), decided: self.made.clone() }
    }

    /// Applies changes to rows one by one and takes what decisions read of them on the way. `offset` is where the changes stand in
    /// the batch.
    pub(crate) fn apply(&self, rows: &mut Rows, changes: &[Resolved], offset: usize) {
        let mut rest = self.open_from(offset);
        for (few, offset) in changes.chunks(Rows::AHEAD).zip((offset..).step_by(Rows::AHEAD)) {
            rows.touch_all(few);
            for (change, at) in few.iter().zip(offset..) {
                let open = open_on(at, &mut rest);
                self.read(rows, change, open, false);
                rows.apply(change);
                self.read(rows, change, open, true);
            }
        }
    }

    /// The same for the rows of items.
    pub(crate) fn apply_to_epoch(&self, epoch: &mut Epoch, changes: &[Resolved], texts: &dyn Texts) {
        // Most plans of decisions keep nothing by item.
        let mut rest = if epoch.items().is_out_of_scope() { &[] } else { self.open_from(0) };
        for (change, at) in changes.iter().zip(0..) {
            let open = open_on(at, &mut rest);
            self.read(epoch.items(), change, open, false);
            epoch.apply(change, texts);
            self.read(epoch.items(), change, open, true);
        }
    }

    /// What is open on the changes from one on.
    fn open_from(&self, at: usize) -> &[Open] {
        &self.open[self.open.partition_point(|open| open.at < at)..]
    }

    /// Takes what the decisions that are open on a change read of rows, before or after it is applied to them.
    fn read(&self, rows: &Rows, change: &Resolved, open: &[Open], after: bool) {
        let Change::Event(event) = &change.change else { return };
        // What most read before is nothing: that is found out without a lock.
        let reading = |open: &&Open| !self.plan.decisions[usize::from(open.decision)].reads(after).is_empty();
        for open in open.iter().filter(reading) {
            open.facts.lock().read(&self.plan, event, rows, after);
        }
    }

    /// A consumer has passed the batch; the last one decides.
    pub(crate) fn passed(&self, state: &Arc<State>) {
        if self.missing.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        let texts = Names(&state.names);
        let decided: Vec<Decided> = self.judge.judge(|rulesets, scratch| {
            let decided = self.open.iter().map(|open| {
                // Whoever asks later finds them with the verdict.
                let facts = std::mem::take(&mut *open.facts.lock());
                let mut decided = Decided::open(open.id, (&self.plan, self.version), facts);
                decided.decide(&texts, (rulesets, scratch));
                decided
            });
            decided.collect()
        });
        self.judge.sample(decided.iter().map(|decided| &decided.facts));
        self.tell_casebook(state, &decided, &texts);
        // Nobody else sets it.
        let _ = self.made.set(decided);
        state.recent.lock().remember(&self.made);
    }
}

impl Deciding {
    /// Tells of everything that was decided and noted, in the log's order.
    fn tell_casebook(&self, state: &State, decided: &[Decided], texts: &dyn Texts) {
        let mut book = state.cases.lock();
        let mut notes = self.noted.iter().peekable();
        for (open, decided) in self.open.iter().zip(decided) {
            while let Some(noted) = notes.next_if(|noted| noted.at < open.at) {
                self.tell_note(&mut book, noted);
            }
            book.turn_to(&self.plan, self.version, open.log_time);
            let said = || Telling(&state.names.read()).said(decided);
            book.decided(decided, (open.client.as_ref(), open.log_time), texts, said);
        }
        notes.for_each(|noted| self.tell_note(&mut book, noted));
    }

    fn tell_note(&self, book: &mut Casebook, noted: &Noted) {
        book.turn_to(&self.plan, self.version, noted.log_time);
        book.noted(noted.position, noted.log_time, &noted.note);
    }
}

/// What is open on the next of the changes, the one at `at`; the rest stays.
fn open_on<'o>(at: usize, rest: &mut &'o [Open]) -> &'o [Open] {
    debug_assert!(rest.first().is_none_or(|open| open.at >= at), "each change is asked for, in order");
    let (on_it, behind) = rest.split_at(rest.iter().take_while(|open| open.at == at).count());
    *rest = behind;
    on_it
}

/// What a record says of decisions that were made before it.
pub(crate) fn noted<'n>(
    plan: &'n Plan,
    (payload, change): (&'n Payload<'_>, &'n Change),
    names: &'n Dictionary,
) -> impl Iterator<Item = Note> + 'n {
    let review = match payload {
        Payload::Review(review) => Some(Note::Review(casebook::owned(review))),
        Payload::FallbacksGiven(given) => {
            Some(Note::Fallbacks(FallbacksGiven { decision: given.decision.to_string().into(), on: given.on.clone() }))
        }
        _ => None,
    };
    let label = match (payload, change) {
        (Payload::Event(event), Change::Event(change)) => Some((event, change)),
        _ => None,
    };
    let labels = label.into_iter().flat_map(move |(event, change)| casebook::labels(plan, (event, change), names));
    labels.chain(review)
}

/// Opens the facts of every decision on a change, as far as they are known where it gets its place.
pub(crate) fn open_each(
    plan: &Plan,
    change: &Resolved,
    (catalogue, lists): (&Catalogue, &Lists),
    names: &Dictionary,
    mut each: impl FnMut(Facts),
) {
    let Change::Event(event) = &change.change else { return };
    for (at, _) in plan.decisions_on(event.event) {
        let key = |entity, id| names.key(entity, id);
        each(Facts::open(plan, at, (event, change.log_time), (catalogue, lists), key));
    }
}
