//! Training sets: for each item that was shown, or each event of some types, the features exactly as they were at that position,
//! under the plan that was in force or any other, and what came of it within a window. Computed from the log alone.

mod followed;
mod pass;
pub(crate) mod reach;

use crate::offline::LogFile;
use crate::open::OpenError;
use decision::{PairReads, PairValue, pair_values};
use domain::{DecisionId, Position, Raw, Span, Time, Type};
use journal::Disk;
use spec::Plan;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// The kind byte of events in the log (journal/FORMAT.md).
const EVENT: u8 = 1;

/// What the rows of a set are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Samples {
    /// Each item of each answer, as of the positions that the answer read; of one feed alone if it is named.
    Shown(Option<String>),
    /// Each event of these types, as of the position before it.
    Events(Vec<String>),
}

/// What is looked for behind a row: the first event of one of these types by the same user on the same item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// The event types.
    pub events: Vec<String>,
    /// How long after the row, in log time, such an event counts.
    pub window: Span,
}

/// Which set is asked for.
#[derive(Clone, Debug)]
pub struct TrainingAsked {
    /// What the rows are.
    pub samples: Samples,
    /// Values to read, by name; empty: every feature and attribute that a pair of user and item has.
    pub features: Vec<String>,
    /// What came of it, if that is asked.
    pub labels: Option<Labels>,
    /// First and last position of rows, both included.
    pub range: (Position, Position),
    /// Whether a row of an event has the event in its features. Then they tell what is to be learned.
    pub with_event: bool,
    /// Whether a set is made of a log whose beginning is gone, of features that count from its first record.
    pub partial: bool,
    /// Most rows: more are refused before any is computed.
    pub rows_max: u64,
}

/// A set whose names are resolved.
pub struct TrainingSet {
    plan: Arc<Plan>,
    asked: TrainingAsked,
    values: Vec<PairValue>,
    /// By index into the plan's events.
    events: Vec<u16>,
    labels: Vec<u16>,
}

/// What followed a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Followed {
    /// The type of the first event that counts.
    pub event: String,
    /// Where it stands.
    pub position: Position,
    /// How long after the row it was logged.
    pub after: Span,
    /// What the spec's `weights` say that it is worth; none if they do not name it.
    pub weight: Option<f64>,
}

/// A row of a set.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingRow {
    /// Where the decision or the event stands.
    pub position: Position,
    /// When it was logged.
    pub log_time: Time,
    /// The instant that windows were read at: the request's `now`, or the event's log time.
    pub now: Time,
    /// Of an answer: its id, its feed, and the item's place from 1.
    pub shown: Option<(DecisionId, String, u16)>,
    /// Of an event: its type, when it happened, and its weight in the spec.
    pub event: Option<(String, Option<Time>, Option<f64>)>,
    /// The user, if there is one.
    pub user: Option<String>,
    /// The item, if there is one.
    pub item: Option<String>,
    /// What followed: `None` where the log ends before the window does, so that nobody knows yet.
    pub followed: Option<Option<Followed>>,
    /// Values in the order of [`TrainingSet::columns`].
    pub features: Vec<Raw<'static>>,
}

/// From when on a value is what a whole log would have it be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complete {
    /// In every row.
    Always,
    /// From this instant on.
    From(Time),
    /// Never: it depends on all there ever was.
    Never,
}

/// What a set came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainingReport {
    /// Rows.
    pub rows: u64,
    /// Rows that were followed by an event that counts.
    pub positive: u64,
    /// Rows whose window had not passed when the log ended.
    pub open: u64,
    /// Decisions and events that read what retention has dropped.
    pub gone: u64,
    /// Records whose content was erased.
    pub erased: u64,
    /// Log time of the first record, if the log is cut and the set is partial.
    pub counted_from: Option<Time>,
}

/// Why there is no set.
#[derive(Debug)]
pub enum TrainingError {
    /// What was asked for does not make sense; says what would.
    Asked(String),
    /// The log cannot be read.
    Log(OpenError),
    /// Whoever takes the rows could not.
    Taken(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for TrainingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrainingError::Asked(message) => f.write_str(message),
            TrainingError::Log(error) => error.fmt(f),
            TrainingError::Taken(error) => error.fmt(f),
        }
    }
}

impl Error for TrainingError {}

impl From<OpenError> for TrainingError {
    fn from(error: OpenError) -> TrainingError {
        TrainingError::Log(error)
    }
}

impl From<journal::Error> for TrainingError {
    fn from(error: journal::Error) -> TrainingError {
        TrainingError::Log(error.into())
    }
}

impl TrainingSet {
    /// Resolves what is asked for against a plan.
    ///
    /// # Errors
    /// A feature, event or feed that the plan has not, with the nearest that it has.
    pub fn new(plan: &Arc<Plan>, asked: TrainingAsked) -> Result<TrainingSet, TrainingError> {
        let all = pair_values(plan);
        let mut values: Vec<PairValue> = Vec::new();
        for name in &asked.features {
            let found = all.iter().find(|value| value.name == *name);
            let found = found.ok_or_else(|| unknown_feature(plan, &all, name))?;
            if values.contains(found) {
                return Err(TrainingError::Asked(format!("the feature '{name}' is named twice")));
            }
            values.push(found.clone());
        }
        if asked.features.is_empty() {
            values = all;
        }
        let events = match &asked.samples {
            Samples::Events(names) => names.iter().map(|name| event(plan, name)).collect::<Result<_, _>>()?,
            Samples::Shown(Some(feed)) if plan.feed(feed).is_none() => {
                let known = plan.feeds.iter().map(|feed| feed.name.as_str());
                return Err(unknown("feed", feed, known, ""));
            }
            Samples::Shown(_) => Vec::new(),
        };
        let labels = asked.labels.iter().flat_map(|labels| &labels.events);
        let labels = labels.map(|name| event(plan, name)).collect::<Result<_, _>>()?;
        Ok(TrainingSet { plan: plan.clone(), asked, values, events, labels })
    }

    /// The values of a row: name and type.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &Type)> {
        self.values.iter().map(|value| (value.name.as_str(), &value.ty))
    }

    /// From when on each value is complete, if state is counted from this instant on only.
    pub fn complete_from(&self, start: Time) -> impl Iterator<Item = (&str, Complete)> {
        self.values.iter().map(move |value| {
            let complete = match reach::of(&self.plan, &PairReads::slots_of(&self.plan, value)) {
                reach::Reach::Nothing => Complete::Always,
                reach::Reach::Back(span) => Complete::From(start.plus(span)),
                reach::Reach::Everything => Complete::Never,
            };
            (value.name.as_str(), complete)
        })
    }
}

impl<D: Disk> LogFile<D> {
    /// Computes the rows of a set, in log order; `take` has each once. Holds the plan's state, the answers that are open at one
    /// position, and the events that count within one window. `progress` hears of (records read, records to read).
    ///
    /// # Errors
    /// There would be too many rows; retention has cut the log and the set is not partial; the log cannot be read; `take` fails.
    pub fn training_rows(
        &self,
        set: &TrainingSet,
        progress: &mut dyn FnMut(u64, u64),
        take: &mut dyn FnMut(TrainingRow) -> Result<(), Box<dyn Error + Send + Sync>>,
    ) -> Result<TrainingReport, TrainingError> {
        pass::run(self, set, progress, take)
    }
}

fn event(plan: &Plan, name: &str) -> Result<u16, TrainingError> {
    let index =
        plan.event(name).ok_or_else(|| unknown("event", name, plan.events.iter().map(|e| e.name.as_str()), ""))?;
    let roles = &plan.events[usize::from(index)].roles;
    let names = |of: &str| roles.iter().any(|role| plan.entities[usize::from(role.entity)].name == of);
    if !names("user") || !names("item") {
        let message = format!("the event '{name}' does not name both a user and an item; name one that does");
        return Err(TrainingError::Asked(message));
    }
    Ok(index)
}

fn unknown_feature(plan: &Plan, all: &[PairValue], name: &str) -> TrainingError {
    let others = plan.declared_features().map(|feature| (&plan.tables[usize::from(feature.table)].name, &feature.name));
    let elsewhere = others.map(|(table, feature)| format!("{table}.{feature}")).any(|other| other == name);
    if elsewhere {
        let message =
            format!("'{name}' is of neither the user nor the item of a row, nor of both; only these have values in it");
        return TrainingError::Asked(message);
    }
    unknown("feature", name, all.iter().map(|value| value.name.as_str()), " (user.NAME, item.NAME, user.category.NAME)")
}

/// Names that are listed where none is near.
const LISTED: usize = 20;

fn unknown<'n>(what: &str, name: &str, known: impl Iterator<Item = &'n str> + Clone, form: &str) -> TrainingError {
    let hint = match expr::suggest(name, known.clone()) {
        Some(near) => format!("did you mean '{near}'?"),
        None => {
            let listed: Vec<&str> = known.clone().take(LISTED).collect();
            let more = if known.count() > LISTED { ", ..." } else { "" };
            format!("it has: {}{more}", if listed.is_empty() { "none".to_owned() } else { listed.join(", ") })
        }
    };
    TrainingError::Asked(format!("the spec has no {what} '{name}'{form}; {hint}"))
}
