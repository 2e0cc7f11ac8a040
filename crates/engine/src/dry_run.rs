//! A dry run: the log's latest decisions computed again under another spec, and what that would have changed. State is built
//! from the log as the other spec would have it; nothing is written. What people would then have done is not guessed.

use crate::machine::Machine;
use crate::offline::{DECISIONS_PER_READING, LogFile};
use crate::open::OpenError;
use crate::replay::{Question, answer_at, order, query_at, strip, walk};
use decision::{Query, Scratch};
use domain::{Answer, Change, DecisionId, Effort, Payload, PlanVersion, Position, Span, Step, Time};
use journal::Disk;
use spec::Plan;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Every route, every candidate, the reranker: no deadline cuts what is compared.
const FULL: Effort = Effort { routes_run: u16::MAX, candidates_scored: u16::MAX, reranked: true };
/// Items that are listed by how often they go or come.
const LISTED: usize = 10;

/// Which decisions are looked at.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Those of the last so much log time.
    pub last: Span,
    /// Of this feed alone.
    pub feed: Option<String>,
}

/// What the other spec would have changed.
#[derive(Clone, Debug, Default)]
pub struct DryRun {
    /// Log time of the first and of the last moment looked at.
    pub span: (Time, Time),
    /// Decisions computed again.
    pub decisions: u64,
    /// Those whose items or whose order came out differently.
    pub changed: u64,
    /// Those that were cut short by their deadline when they were made; here they are compared with whole ones.
    pub cut_short: u64,
    /// Further pages of earlier decisions, which are not computed anew.
    pub pages: u64,
    /// Those that cannot be computed: retention has dropped what they read.
    pub gone: u64,
    /// Those that the other spec refuses, and why it refused the first.
    pub refused: (u64, Option<String>),
    /// Mean over decisions of the share of items that both slates have, of the longer slate.
    pub overlap: f64,
    /// Items that would not have been shown, and how often; most often first.
    pub items_gone: Vec<(String, u64)>,
    /// Items that would have been shown instead, and how often.
    pub items_added: Vec<(String, u64)>,
    /// How many slates differ in each place, from 1.
    pub places: Vec<u64>,
    /// What each policy of the other spec did, by feed and in its order.
    pub policies: Vec<Acted>,
}

/// What a policy did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acted {
    /// Its feed.
    pub feed: String,
    /// Its name or text.
    pub policy: String,
    /// In how many decisions it did something that shows: something was removed, or an item of the slate scaled or placed.
    pub decisions: u64,
    /// Candidates removed.
    pub removed: u64,
    /// Items of slates whose score it changed.
    pub scaled: u64,
    /// Items of slates that it put or moved somewhere.
    pub placed: u64,
}

/// How much of a run is done: records read, records to read.
pub type Moved<'a> = dyn FnMut(u64, u64) + 'a;

/// Sums that the report is made of.
#[derive(Default)]
struct Sums {
    overlap: f64,
    gone: BTreeMap<String, u64>,
    added: BTreeMap<String, u64>,
}

impl<D: Disk> LogFile<D> {
    /// Computes decisions again under `plan`.
    ///
    /// # Errors
    /// The log cannot be read, or retention has cut it and the plan counts something that no checkpoint has.
    pub fn dry_run(&self, plan: &Arc<Plan>, asked: &Asked, progress: &mut Moved<'_>) -> Result<DryRun, OpenError> {
        let mut report = DryRun { policies: acted_of(plan, asked), ..DryRun::default() };
        let decisions = self.asked_for(asked, &mut report)?;
        let plan = self.plan_with_state(plan)?;
        let (part, gone): (Vec<_>, Vec<_>) = decisions.into_iter().partition(|(_, answer)| self.reaches(answer));
        report.gone = gone.len() as u64;
        let mut sums = Sums::default();
        for part in part.chunks(DECISIONS_PER_READING) {
            let Some(start) = self.start_of(&plan, 1, part)? else {
                report.gone += part.len() as u64;
                continue;
            };
            let answers = self.answers(&start, part, &mut report, progress)?;
            for ((_, recorded), answer) in part.iter().zip(&answers) {
                if let Some(answer) = answer {
                    report.add(recorded, answer, &mut sums);
                }
            }
        }
        report.finish(sums);
        Ok(report)
    }

    /// The decisions asked for, in log order.
    fn asked_for(&self, asked: &Asked, report: &mut DryRun) -> Result<Vec<(DecisionId, Answer)>, OpenError> {
        let last = self.reader.record(self.last)?.map_or(Time(0), |record| record.header.log_time);
        report.span = (last.minus(asked.last), last);
        let mut decisions = Vec::new();
        let first = self.reader.position_at(report.span.0)?.max(self.reader.first());
        let mut records = self.reader.iter_from(first)?;
        while let Some(record) = records.next()? {
            let (kind, position) = (record.header.kind, record.header.position);
            if kind != Answer::KIND || record.header.log_time < report.span.0 {
                continue;
            }
            let Ok(Payload::Decision(answer)) = Payload::decode(kind, record.payload) else {
                return Err(OpenError::Record(position));
            };
            if asked.feed.as_ref().is_some_and(|feed| *feed != answer.request.feed) {
                continue;
            }
            match answer.request.page {
                Some(_) => report.pages += 1,
                None => decisions.push((DecisionId { epoch: record.header.epoch, position }, *answer)),
            }
        }
        Ok(decisions)
    }

    /// The plan, if its state can be had: of a whole log no checkpoint is needed; else the plan in force must count the same.
    fn plan_with_state(&self, plan: &Arc<Plan>) -> Result<Arc<Plan>, OpenError> {
        if self.reader.first() == Position(1) {
            return Ok(plan.clone());
        }
        match self.plan().filter(|old| !spec::diff(old, plan).rebuild) {
            Some(_) => Ok(plan.clone()),
            None => Err(OpenError::SpecNeedsOlderLog { replay_from: self.reader.replay_from() }),
        }
    }

    /// The answers that the machine's plan gives, in full; `None` where it refuses.
    fn answers(
        &self,
        start: &Machine,
        part: &[(DecisionId, Answer)],
        report: &mut DryRun,
        progress: &mut Moved<'_>,
    ) -> Result<Vec<Option<Answer>>, OpenError> {
        let questions: Vec<Question> = part.iter().map(|(_, recorded)| self.question(recorded, report)).collect();
        let end = |of: fn(&Answer) -> Position| questions.iter().map(|question| of(&question.stripped)).max();
        let rows_end = end(|answer| answer.rows).unwrap_or_default();
        let epoch_end = end(|answer| answer.epoch).unwrap_or_default();
        let begin = start.position.0;
        let rows_total = rows_end.0.saturating_sub(begin);
        let total = rows_total + epoch_end.0.saturating_sub(begin);
        let mut queries: Vec<Option<Query>> = vec![None; questions.len()];
        let by_rows = order(&questions, |answer| answer.rows);
        let mut read = |position: Position| progress(position.0 - begin, total);
        let mut reached = start.clone();
        walk(&self.reader, &mut reached, rows_end, &by_rows, &mut read, &mut |machine, index| {
            match query_at(machine, &questions[index].stripped) {
                Ok(query) => queries[index] = Some(query),
                Err(refusal) => {
                    report.refused.0 += 1;
                    report.refused.1.get_or_insert_with(|| refusal.to_string());
                }
            }
            Ok(())
        })
        .map_err(OpenError::Replay)?;
        let mut answers: Vec<Option<Answer>> = vec![None; questions.len()];
        let (by_epoch, mut scratch) = (order(&questions, |answer| answer.epoch), Scratch::default());
        let mut read = |position: Position| progress(rows_total + (position.0 - begin), total);
        walk(&self.reader, &mut start.clone(), epoch_end, &by_epoch, &mut read, &mut |machine, index| {
            let query = queries[index].take();
            let of = (machine, &reached.names);
            answers[index] = query.map(|query| answer_at(of, &questions[index].stripped, &query, &mut scratch));
            Ok(())
        })
        .map_err(OpenError::Replay)?;
        Ok(answers)
    }

    /// What the decision was asked, to be answered in full.
    fn question(&self, recorded: &Answer, report: &mut DryRun) -> Question {
        let mut question = strip(recorded);
        question.stripped.effort = FULL;
        let routes = |version: PlanVersion| {
            let plan = self.plan_of(version)?;
            let feed = plan.feed(&recorded.request.feed)?;
            Some(plan.feeds[usize::from(feed)].routes.len())
        };
        // Only requests with a deadline can have been cut, and looking a plan up reads the log.
        let cut = recorded.request.deadline.is_some()
            && routes(recorded.plan).is_some_and(|routes| usize::from(recorded.effort.routes_run) < routes);
        report.cut_short += u64::from(cut);
        question
    }
}

/// A line for each policy that could act.
fn acted_of(plan: &Plan, asked: &Asked) -> Vec<Acted> {
    let feeds = plan.feeds.iter().filter(|feed| asked.feed.as_ref().is_none_or(|name| *name == feed.name));
    let lines = feeds.flat_map(|feed| {
        feed.policies.iter().map(|policy| Acted {
            feed: feed.name.clone(),
            policy: policy.text.clone(),
            decisions: 0,
            removed: 0,
            scaled: 0,
            placed: 0,
        })
    });
    lines.collect()
}

impl DryRun {
    /// Takes in one decision: as it was, and as it would have been.
    fn add(&mut self, was: &Answer, is: &Answer, sums: &mut Sums) {
        let keys = |answer: &Answer| answer.items.iter().map(|item| item.item.clone()).collect::<Vec<String>>();
        let (before, after) = (keys(was), keys(is));
        self.decisions += 1;
        self.changed += u64::from(before != after);
        let (old, new): (BTreeSet<&String>, BTreeSet<&String>) = (before.iter().collect(), after.iter().collect());
        let longer = old.len().max(new.len());
        sums.overlap += if longer == 0 { 1.0 } else { old.intersection(&new).count() as f64 / longer as f64 };
        old.difference(&new).for_each(|item| *sums.gone.entry((*item).clone()).or_default() += 1);
        new.difference(&old).for_each(|item| *sums.added.entry((*item).clone()).or_default() += 1);
        let places = before.len().max(after.len());
        self.places.resize(self.places.len().max(places), 0);
        for (place, differ) in self.places.iter_mut().enumerate() {
            *differ += u64::from(before.get(place) != after.get(place));
        }
        self.add_policies(is);
    }

    fn add_policies(&mut self, answer: &Answer) {
        let lines = self.policies.iter_mut().filter(|line| line.feed == answer.request.feed);
        for (index, line) in lines.enumerate() {
            let removed = answer.removed.iter().filter(|removal| removal.reason == line.policy);
            let removed: u64 = removed.map(|removal| u64::from(removal.count)).sum();
            let effects = answer.items.iter().flat_map(|item| &item.effects);
            let own = effects.filter(|effect| effect.step == Step::Policy(index as u16));
            let (mut scaled, mut placed) = (0, 0);
            own.for_each(|effect| match effect.change {
                Change::Scaled(_) => scaled += 1,
                Change::Moved(_) | Change::Placed => placed += 1,
            });
            line.decisions += u64::from(removed + scaled + placed > 0);
            line.removed += removed;
            line.scaled += scaled;
            line.placed += placed;
        }
    }

    fn finish(&mut self, sums: Sums) {
        self.overlap = if self.decisions == 0 { 1.0 } else { sums.overlap / self.decisions as f64 };
        let most = |counts: BTreeMap<String, u64>| {
            let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
            counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            counts.truncate(LISTED);
            counts
        };
        (self.items_gone, self.items_added) = (most(sums.gone), most(sums.added));
    }
}
