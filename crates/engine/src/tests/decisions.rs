//! Decisions on events: as of exactly their own positions, the same with any number of shards and threads, from memory and from
//! the log, and the same for an event that is sent again. What is counted is counted again here by hand.

use super::*;
use crate::Submitted;
use std::collections::BTreeMap;

pub(super) const RISK: &str = "
version: 1
entities:
  device: {}
  item: { fields: { category: string } }
events:
  payment: { user: user, device: device, item: item, fields: { amount: float, country: string } }
lists:
  watched: { of: user }
features:
  user:
    paid: sum(payment, amount, 7d)
    payments: count(payment, 7d)
  device:
    users: distinct(payment, user, 7d)
  item:
    sold: count(payment, 7d)
  user.device:
    here: count(payment, 7d)
decisions:
  risk:
    on: payment
    score: 0.001 * amount
    rules:
      - { id: many-users, when: device.users >= 3, score: 0.25, reason: '{device.users} users on one device' }
      - { id: new-here, when: user.device.here == 1 && before(user.payments) > 0, score: 0.5 }
      - { id: rush, when: user.paid > 100 && user.payments / 2 > 3, score: 0.125, reason: 'paid {user.paid} of late, {before(user.paid)} before this' }
      - { id: sold-out, when: item.sold > 40, outcome: decline }
      - { id: watched, when: 'listed(user, watched)', outcome: second_check, reason: '{country} is watched' }
    tiers: { decline: 0.9, second_check: 0.5, otherwise: approve }
";

struct Paid {
    user: u64,
    device: u64,
    item: u64,
    amount: f64,
}

fn paid(number: u64) -> Paid {
    Paid { user: number * 7 % 11, device: number * 5 % 7, item: number * number % 5, amount: (number % 40) as f64 }
}

pub(super) fn payment(number: u64) -> Payload<'static> {
    let Paid { user, device, item, amount } = paid(number);
    let field = |name: &'static str, value| Field { name: name.into(), value };
    Payload::Event(Event {
        kind: "payment".into(),
        source: "test".into(),
        id: Some(format!("p{number}").into()),
        time: Some(Time(1_000_000 + number as i64 * 250)),
        fields: vec![
            field("user", text(format!("u{user}"))),
            field("device", text(format!("d{device}"))),
            field("item", text(format!("i{item}"))),
            field("amount", Raw::Float(amount)),
            field("country", text(format!("c{}", number % 3))),
        ],
    })
}

/// Outcome, score and reasons of each event, as told.
pub(super) type Said = Vec<(Position, String, f64, Vec<(String, String)>)>;

fn said(submitted: &Submitted) -> Said {
    let each = submitted.verdicts.iter().flat_map(|verdicts| verdicts.tell(said_of));
    each.collect()
}

pub(super) fn said_of(decided: &[crate::Decided], telling: &crate::Telling<'_>) -> Said {
    let each = decided.iter().map(|of| {
        let rules = &of.decision().rules;
        let fired = of.verdict.fired.iter();
        let reasons = fired.map(|fired| (rules[fired.rule as usize].id.clone(), telling.reason(of, fired.rule)));
        let outcome = of.decision().outcomes[usize::from(of.verdict.outcome)].clone();
        (of.id.position, outcome, of.verdict.score, reasons.collect())
    });
    each.collect()
}

/// Submits payments `from..to` in batches, and a user on the list before the hundredth.
pub(super) fn run(engine: &Engine, from: u64, to: u64) -> Said {
    let mut all = Said::new();
    for start in (from..to).step_by(10) {
        if start == 100 {
            let put = domain::ListPut { list: "watched".into(), key: "u4".into(), score: None, until: None };
            engine.submit(&[Payload::ListPut(put)], false).expect("there is room");
        }
        let batch: Vec<_> = (start..(start + 10).min(to)).map(payment).collect();
        let submitted = engine.submit(&batch, false).expect("the node is well");
        released(engine, submitted.last);
        all.extend(said(&submitted));
    }
    all
}

/// The same by hand: everything lies within the windows.
fn by_hand(count: u64) -> Vec<(String, f64, Vec<&'static str>)> {
    let mut spent: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    let (mut users, mut here, mut sold) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let decide = |number: u64| {
        let Paid { user, device, item, amount } = paid(number);
        let (before, _) = *spent.entry(user).or_default();
        let of_user = spent.entry(user).or_default();
        *of_user = (of_user.0 + 1.0, of_user.1 + amount);
        let (payments, paid) = *of_user;
        let known: &mut std::collections::BTreeSet<u64> = users.entry(device).or_default();
        known.insert(user);
        let here = here.entry((user, device)).or_insert(0);
        *here += 1;
        let sold = sold.entry(item).or_insert(0);
        *sold += 1;
        let (mut score, mut fired, mut outcome) = (0.001 * amount, Vec::new(), 2);
        let mut add = |fires: bool, id, adds: f64| {
            if fires {
                fired.push(id);
                score += adds;
            }
        };
        add(known.len() >= 3, "many-users", 0.25);
        add(*here == 1 && before > 0.0, "new-here", 0.5);
        add(paid > 100.0 && payments / 2.0 > 3.0, "rush", 0.125);
        add(*sold > 40, "sold-out", 0.0);
        add(number >= 100 && user == 4, "watched", 0.0);
        if score >= 0.5 || fired.contains(&"watched") {
            outcome = 1;
        }
        if score >= 0.9 || fired.contains(&"sold-out") {
            outcome = 0;
        }
        (["decline", "second_check", "approve"][outcome].to_owned(), score, fired)
    };
    (0..count).map(decide).collect()
}

#[test]
fn decisions_are_as_of_their_own_event_in_every_mode() {
    let expected = by_hand(250);
    let mut first: Option<Said> = None;
    for (mode, shards) in [(Mode::Inline, 1), (Mode::Inline, 3), (Mode::Threaded, 1), (Mode::Threaded, 4)] {
        let folder = Folder::new();
        let (engine, _) = open(&folder, RISK, mode, shards);
        let all = run(&engine, 0, 250);
        for ((_, outcome, score, reasons), (wanted, of, fired)) in all.iter().zip(&expected) {
            let ids: Vec<&str> = reasons.iter().map(|(rule, _)| rule.as_str()).collect();
            assert_eq!((outcome, score.to_bits(), &ids), (wanted, of.to_bits(), fired), "{mode:?} {shards}");
        }
        assert_eq!(all.len(), expected.len());
        assert_eq!(first.get_or_insert_with(|| all.clone()), &all, "{mode:?} {shards}");
    }
    let reasons = first.into_iter().flatten().flat_map(|(.., reasons)| reasons).map(|(_, reason)| reason);
    let reasons: std::collections::BTreeSet<String> = reasons.collect();
    assert!(reasons.contains("c0 is watched") && reasons.contains("3 users on one device"), "{reasons:?}");
}

fn from_log(engine: &Engine, position: Position) -> Said {
    engine.decide_again(&[position]).verdicts.iter().flat_map(|verdicts| verdicts.tell(said_of)).collect()
}

#[test]
fn a_decision_is_the_same_from_memory_from_the_log_and_after_a_restart() {
    let folder = Folder::new();
    let (engine, _) = open(&folder, RISK, Mode::Inline, 2);
    let all = run(&engine, 0, 180);
    engine.stop();
    drop(engine);
    let (engine, _) = open(&folder, RISK, Mode::Threaded, 3);
    for at in [0, 57, 99, 100, 179] {
        let position = all[at].0;
        assert!(engine.decided_lately(position).is_none(), "memory does not last");
        assert_eq!(from_log(&engine, position), all[at..=at].to_vec());
    }
    // Sent again: the first answer, however much has happened since.
    let submitted = engine.submit(&[payment(57), payment(300)], false).expect("the node is well");
    released(&engine, submitted.last);
    let accepted = submitted.results[0].as_ref().expect("it is known");
    assert!(accepted.duplicate && accepted.position == all[57].0);
    let new = said(&submitted);
    assert_eq!(new.len(), 1, "only what is new is decided");
    let position = new[0].0;
    assert_eq!(engine.decided_lately(position).expect("it is in memory").tell(said_of), new);
    assert_eq!(from_log(&engine, position), new);
    let refused = engine.decide_again(&[Position(1)]).refused;
    assert_eq!(refused[0].1.code, domain::Code::UnknownDecision, "that is the spec");
}
