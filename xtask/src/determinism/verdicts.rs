//! Decisions on the events of a determinism run and the alarms that it raised: what the node said, and the same computed again from
//! the log.

use super::Report;
use anyhow::Result;
use domain::Position;
use engine::{
    Decided, Derived, Engine, Kinds, Outcome, OutcomeReader, OutcomesAsked, ReviewQuery, Submitted, Telling, Verdicts,
};

/// Decisions on purchases, behind the lists.
pub(super) const DECISIONS: &str = "
decisions:
  order:
    on: buy
    score: price / 1000.0
    rules:
      - { id: eager, when: user.views_1h >= 3 && user.category.share_7d > 0.2, score: 0.2, reason: '{user.views_1h} views, {user.category.share_7d} of them here' }
      - { id: first, when: before(user.spend_30d) == 0.0 && item.heat > 1.0, score: 0.3, reason: '{item.title} is a first purchase' }
      - { id: usual, when: \"user.tastes.exists(taste, taste == item.category.upperAscii())\", score: -0.1 }
      - { id: guest, when: 'listed(user, vip)', outcome: welcome, share: 50% }
      - { id: seen, when: user.item.viewed > 0.0, score: 0.05, shadow: true }
      - { id: chain, when: user.returns && !before(user.idle), score: 0.01, reason: 'idle before: {before(user.idle)}' }
      - { id: hectic, when: user.hectic || user.patient || item.unsold, score: 0.02 }
    tiers: { welcome: 0.9, check: 0.3, otherwise: approve }
";

/// Alarms over all kinds of patterns, of users and of items.
pub(super) const ALARMS: &str = "
alarms:
  returns: { of: user, when: returns, reason: '{views_1h} views, {spend_30d} spent' }
  idle:    { of: user, when: idle && views_1h > 0, tags: [basket] }
  hectic:  { of: user, when: hectic || patient }
  unsold:  { of: item, when: unsold, reason: 'heat {heat}' }
";

/// Decisions per run that are computed again from the log.
const AGAIN: usize = 16;

/// Where each event stands, and what was decided on it.
pub(super) type Lines = Vec<(Position, String)>;

/// What the decisions of a run were.
#[derive(Default)]
pub(super) struct Said {
    pending: Vec<Verdicts>,
    lines: Lines,
}

impl Said {
    /// Notes what a call is decided as; it is told once everything is applied.
    pub(super) fn note(&mut self, submitted: Submitted) {
        self.pending.extend(submitted.verdicts);
    }

    /// Tells everything, computes some of it again from the log, and gives all.
    pub(super) fn finish(mut self, engine: &Engine, name: &str, report: &mut Report) -> Lines {
        self.pending.iter().for_each(|verdicts| self.lines.extend(verdicts.tell(told)));
        report.verdicts += self.lines.len() as u64;
        let sampled: Lines = self.lines.iter().step_by(self.lines.len().div_ceil(AGAIN).max(1)).cloned().collect();
        let positions: Vec<Position> = sampled.iter().map(|(position, _)| *position).collect();
        let again: Lines = engine.decide_again(&positions).verdicts.iter().flat_map(|of| of.tell(told)).collect();
        report.verdicts_again += again.len() as u64;
        if again != sampled {
            let differ = sampled.iter().zip(&again).find(|(said, again)| said != again);
            report.wrong.push(format!(
                "{name}: {} decisions of {} from the log; {differ:?}",
                again.len(),
                sampled.len()
            ));
        }
        self.lines.push((Position(u64::MAX), kept(engine)));
        self.lines
    }
}

/// What is kept of decisions: the report, which a restart must give again.
pub(super) fn kept(engine: &Engine) -> String {
    format!("{:?} {:?}", engine.decision_report("order"), engine.reviews(&ReviewQuery::default()))
}

fn told(decided: &[Decided], telling: &Telling<'_>) -> Lines {
    let each = decided.iter().map(|of| {
        let (outcome, rules) = (&of.decision().outcomes[usize::from(of.verdict.outcome)], &of.decision().rules);
        let mut line = format!("{outcome} {:016x} under {}", of.verdict.score.to_bits(), of.version.0);
        for fired in &of.verdict.fired {
            line +=
                &format!("; {} {:?} {}", rules[fired.rule as usize].id, fired.effect(), telling.reason(of, fired.rule));
        }
        (of.id.position, line)
    });
    each.collect()
}

/// All alarms of a run, as it told them; derived again from the log they must be the same, among all outcomes.
pub(super) fn alarms(engine: &Engine, name: &str, report: &mut Report) -> Result<Lines> {
    let alarms = Kinds { verdicts: false, alarms: true };
    let told = read(engine.core().outcomes(Position::START, alarms))?;
    let again = read(engine.core().outcomes(Position::START, Kinds::ALL).from_log())?;
    report.alarms += told.len() as u64;
    report.alarms_again += again.len() as u64;
    if told != again {
        let differ = told.iter().zip(&again).find(|(told, again)| told != again);
        let (told, again) = (told.len(), again.len());
        report.wrong.push(format!("{name}: {told} alarms, {again} from the log; {differ:?}"));
    }
    if told.is_empty() {
        report.wrong.push(format!("{name}: no alarm was raised"));
    }
    Ok(told)
}

/// The alarms that a reader comes to, each with its place among the outcomes of its record.
fn read(mut reader: OutcomeReader) -> Result<Lines> {
    let mut lines = Lines::new();
    let mut tell = |outcome: &Outcome<'_>| {
        if let Derived::Alarm(alarm) = outcome.derived {
            let (place, name, entity) = (outcome.id.place, alarm.name(), &alarm.entity);
            lines.push((alarm.position(), format!("alarm {place} {name} of {entity}: {}", alarm.reason)));
        }
    };
    let mut asked = OutcomesAsked { most: 1_000, wanted: &|_| true, tell: &mut tell };
    while reader.read(&mut asked)? {}
    Ok(lines)
}
