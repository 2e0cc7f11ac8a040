//! Events applied one after another with what the plan's decisions on them come to, as the running node does it in batches.

use super::Machine;
use crate::decide::{Decided, open_each};
use domain::{DecisionId, Payload, PlanVersion, Position, Time};
use state::{Change, Identities, Identity, Located, Resolved, Rows};

/// A record that is to be applied: where it stands, its log time, and what it says.
pub type Record<'a> = (Position, Time, Payload<'a>);

impl Machine {
    /// Applies a payload as [`Machine::apply`] does; what the plan's decisions on it come to. They are said to be of plan version 0.
    pub fn apply_deciding(&mut self, position: Position, log_time: Time, payload: &Payload<'_>) -> Vec<Decided> {
        self.apply_deciding_and(position, log_time, payload, &mut |_, _| ())
    }

    /// The same; `look` sees the change before it is applied.
    pub(crate) fn apply_deciding_and(
        &mut self,
        position: Position,
        log_time: Time,
        payload: &Payload<'_>,
        look: &mut dyn FnMut(&Machine, &Resolved),
    ) -> Vec<Decided> {
        let mut decided = Vec::new();
        self.apply_few([(position, log_time, payload)].into_iter(), look, (&mut Vec::new(), &mut decided));
        decided
    }

    /// The same for records that follow one another: faster than one by one, since the memory that they need is asked for ahead.
    pub fn apply_deciding_all(&mut self, records: &[Record<'_>]) -> Vec<Decided> {
        let is_event = |(_, _, payload): &Record<'_>| matches!(payload, Payload::Event(_));
        let (mut changes, mut decided) = (Vec::with_capacity(Rows::AHEAD), Vec::with_capacity(records.len()));
        // Whatever is no event can change what the next one reads where it gets its place: lists.
        for run in records.chunk_by(|a, b| is_event(a) && is_event(b)) {
            for few in run.chunks(Rows::AHEAD) {
                let few = few.iter().map(|(position, time, payload)| (*position, *time, payload));
                self.apply_few(few, &mut |_, _| (), (&mut changes, &mut decided));
            }
        }
        decided
    }

    /// Events, or one payload of any kind. `changes` is working memory; what was decided is added to `decided`.
    fn apply_few<'r, 'a: 'r>(
        &mut self,
        records: impl Iterator<Item = (Position, Time, &'r Payload<'a>)> + Clone,
        look: &mut dyn FnMut(&Machine, &Resolved),
        (changes, decided): (&mut Vec<Resolved>, &mut Vec<Decided>),
    ) {
        changes.clear();
        let (before, version, writer_epoch) = (decided.len(), PlanVersion::default(), self.writer_epoch);
        let payloads = records.clone().map(|(_, _, payload)| payload);
        let located = Located::all(&self.plan, &self.names, payloads.clone());
        let mut identities = Identities::default();
        let identities: Vec<Option<Identity>> = payloads.map(|payload| identities.of_record(payload)).collect();
        identities.iter().flatten().for_each(|identity| self.dedupe.touch(identity));
        for ((record, identity), located) in records.zip(&identities).zip(&located) {
            self.apply_and(record, (identity.as_ref(), located), |machine, change| {
                look(machine, &change);
                let Machine { plan, names, catalogue, epoch, .. } = machine;
                let (tables, id) =
                    ((&*catalogue, epoch.listed()), DecisionId { epoch: writer_epoch, position: change.position });
                open_each(plan, &change, tables, names, |facts| {
                    decided.push(Decided::open(id, (plan, version), facts))
                });
                changes.push(change);
            });
        }
        let open = &mut decided[before..];
        self.apply_reading(changes, open);
        if !open.is_empty() {
            let names = &self.names;
            self.judge.judge(|rulesets, scratch| {
                open.iter_mut().for_each(|open| open.decide(names, (rulesets, scratch)));
            });
        }
    }

    /// Applies changes to rows one after another, with what decisions read of them before and after each.
    fn apply_reading(&mut self, changes: &[Resolved], open: &mut [Decided]) {
        let Machine { plan, names, shards, epoch, .. } = self;
        for rows in shards {
            rows.touch_all(changes);
            with_open(changes, open, |change, open| {
                read(plan, rows, change, open, false);
                rows.apply(change);
                read(plan, rows, change, open, true);
            });
        }
        // Most plans of decisions keep nothing by item.
        let open = if epoch.items().is_out_of_scope() { &mut [] } else { open };
        with_open(changes, open, |change, open| {
            read(plan, epoch.items(), change, open, false);
            epoch.apply(change, names);
            read(plan, epoch.items(), change, open, true);
        });
        self.gather();
    }
}

/// Each change with what is open on it.
fn with_open(changes: &[Resolved], open: &mut [Decided], mut each: impl FnMut(&Resolved, &mut [Decided])) {
    let mut rest = open;
    for change in changes {
        let on_it = rest.iter().take_while(|open| open.id.position == change.position).count();
        let (of, behind) = rest.split_at_mut(on_it);
        each(change, of);
        rest = behind;
    }
}

fn read(plan: &spec::Plan, rows: &Rows, change: &Resolved, open: &mut [Decided], after: bool) {
    if let Change::Event(event) = &change.change {
        open.iter_mut().for_each(|open| open.facts.read(plan, event, rows, after));
    }
}

#[cfg(test)]
mod tests {
    use super::Record;
    use crate::Machine;
    use domain::{Event, Field, ListPut, Payload, Position, Raw, Time, Upsert};
    use std::sync::Arc;

    const SPEC: &str = "
version: 1
entities:
  user: { fields: { country: string } }
  item: {}
events:
  payment: { user: user, item: item, fields: { amount: float } }
  view: { user: user, item: item }
features:
  user:
    spent_1h: sum(payment, amount, 1h)
    views: count(view, 1h)
  item:
    sold: count(payment, 1d)
lists:
  watched: { of: user }
decisions:
  risk:
    on: payment
    score: 0.1 * user.spent_1h + before(user.spent_1h) + item.sold + user.views
    rules:
      - { id: watched, when: 'listed(user, watched)', score: 0.5 }
      - { id: abroad, when: 'user.country == \"C1\"', score: 0.25 }
      - { id: fresh, when: 'before(item.sold) == 0.0', score: 0.125 }
    tiers: { stop: 20.0, otherwise: pass }
  taste:
    on: payment
    score: item.sold
    tiers: { often: 3.0, otherwise: seldom }
";

    fn records() -> Vec<Record<'static>> {
        let field = |name: &'static str, value| Field { name: name.into(), value };
        let record = |n: u64| {
            let (user, item) = (format!("u{}", n * 7 % 11), format!("i{}", n * 5 % 7));
            let payload = match n % 13 {
                3 => {
                    let fields = vec![field("country", Raw::Str(format!("C{}", n % 3).into()))];
                    Payload::Upsert(Upsert { entity: "user".into(), key: user.into(), fields })
                }
                8 => Payload::ListPut(ListPut { list: "watched".into(), key: user.into(), score: None, until: None }),
                kind => {
                    let mut fields = vec![field("user", Raw::Str(user.into())), field("item", Raw::Str(item.into()))];
                    let kind = if kind == 5 { "view" } else { "payment" };
                    if kind == "payment" {
                        fields.push(field("amount", Raw::Float((n % 50) as f64)));
                    }
                    Payload::Event(Event { kind: kind.into(), source: "".into(), id: None, time: None, fields })
                }
            };
            (Position(n), Time(1_790_000_000_000 + n as i64 * 400), payload)
        };
        (1..400).map(record).collect()
    }

    #[test]
    fn together_events_are_decided_as_one_by_one() {
        let plan = Arc::new(spec::compile("spec", SPEC).unwrap_or_else(|errors| panic!("{}", spec::render(&errors))));
        let records = records();
        let (mut alone, mut expected) = (Machine::new(plan.clone(), 1, 1), Vec::new());
        for (position, time, payload) in &records {
            expected.extend(alone.apply_deciding(*position, *time, payload));
        }
        let told = |decided: &[crate::Decided]| -> Vec<_> {
            decided.iter().map(|of| (of.id, of.facts.clone(), of.verdict.clone())).collect()
        };
        for shards in [1, 3] {
            for sizes in [1, 7, 33, 400] {
                let (mut machine, mut decided) = (Machine::new(plan.clone(), shards, 5), Vec::new());
                records.chunks(sizes).for_each(|some| decided.extend(machine.apply_deciding_all(some)));
                assert_eq!(told(&decided), told(&expected), "{sizes} at once, {shards} shards");
                assert_eq!(machine.digest(), alone.digest());
            }
        }
        let fired = |rule: u32| expected.iter().any(|of| of.verdict.fired.iter().any(|fired| fired.rule == rule));
        assert!((0..3).all(fired) && expected.iter().any(|of| of.verdict.outcome == 0));
    }
}
