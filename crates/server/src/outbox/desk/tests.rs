//! Whatever happens in whatever order, whoever begins behind the cursor misses nothing; budgets and pauses are kept.

use super::*;
use domain::DecisionId;

const RETRY: Retry = Retry { first: Span(100), most: Span(1_000), attempts: 4, within: Span(60_000) };

fn id(position: u64, place: u32) -> OutcomeId {
    OutcomeId { decision: DecisionId { epoch: 1, position: Position(position) }, place }
}

fn failure(for_good: bool, pause: Option<Duration>) -> Failure {
    Failure { why: "no".to_owned(), for_good, pause }
}

/// The generator of Lehmer (1951): the order of a test is its seed's.
struct Order(u64);

impl Order {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) % end
    }
}

/// Lives of a sink over the same outcomes, each cut off at any moment and begun again behind the cursor that was written last; how
/// many outcomes were neither delivered nor given up in the end. `cursor` says how far everything is settled.
fn lost(seed: u64, cursor: fn(&Desk) -> Position) -> usize {
    let mut order = Order(seed);
    // Up to three outcomes at a position.
    let all: Vec<OutcomeId> =
        (1..60).flat_map(|position| (0..(position * 7 % 4) as u32).map(move |place| id(position, place))).collect();
    let (mut settled, mut written, now) = (BTreeSet::new(), Position::START, Instant::now());
    for _ in 0..8 {
        let mut desk = Desk::new(written);
        let mut in_flight = Vec::new();
        let mut time = now;
        for _ in 0..order.below(60) {
            match order.below(5) {
                0 => {
                    let position = desk.position().next().min(Position(60));
                    let there = all.iter().filter(|id| id.decision.position == position);
                    there.for_each(|&id| desk.add(id, Bytes::from_static(b"{}"), false, time));
                    desk.read_to(position);
                }
                1 | 2 => in_flight.extend(desk.take_due(time).map(|(id, _)| id)),
                3 if !in_flight.is_empty() => {
                    let id = in_flight.swap_remove(order.below(in_flight.len() as u64) as usize);
                    if order.below(3) > 0 {
                        desk.delivered(id);
                        settled.insert(id);
                    } else if desk.failed(id, &failure(order.below(4) == 0, None), &RETRY, false, time) != Next::Again {
                        settled.insert(id);
                    }
                }
                _ => {
                    written = cursor(&desk);
                    time += Duration::from_millis(order.below(2_000));
                }
            }
        }
    }
    // The last life is as long as it takes.
    let behind = all.iter().filter(|id| id.decision.position > written);
    settled.extend(behind);
    all.iter().filter(|id| !settled.contains(id)).count()
}

#[test]
fn whoever_begins_behind_the_cursor_misses_nothing() {
    assert_eq!((0..2_000).map(|seed| lost(seed, Desk::cursor)).sum::<usize>(), 0);
    let caught = (0..100).filter(|&seed| lost(seed, Desk::position) > 0).count();
    assert!(caught > 50, "a cursor that passes what was only read is caught by {caught} of 100");
}

#[test]
fn a_budget_is_kept_and_pauses_grow() {
    let (start, wanted) = (Instant::now(), id(7, 1));
    let mut desk = Desk::new(Position(3));
    desk.add(wanted, Bytes::from_static(b"{}"), false, start);
    desk.read_to(Position(9));
    assert_eq!((desk.cursor(), desk.position(), desk.len()), (Position(6), Position(9), 1));
    let (mut now, mut pauses) = (start, Vec::new());
    for attempt in 1..=4 {
        assert_eq!(desk.take_due(now).map(|(id, _)| id), Some(wanted));
        assert_eq!((desk.in_flight(), desk.take_due(now)), (1, None));
        let next = desk.failed(wanted, &failure(false, None), &RETRY, false, now);
        if attempt == 4 {
            assert_eq!(next, Next::GivenUp(4));
            break;
        }
        let due = desk.next_due().expect("it is tried again");
        assert_eq!(desk.take_due(due - Duration::from_millis(1)), None);
        pauses.push((due - now).as_millis() as u64);
        now = due;
    }
    assert!((50..=100).contains(&pauses[0]) && (100..=200).contains(&pauses[1]) && (200..=400).contains(&pauses[2]));
    assert_eq!((desk.cursor(), desk.len(), desk.in_flight()), (Position(9), 0, 0));
    // A pause that the sink asks for, an age, and a list that is full.
    desk.add(wanted, Bytes::from_static(b"{}"), true, now);
    assert_eq!(desk.cursor(), Position(9), "what was given up once holds nothing back");
    desk.take_due(now).expect("it is due");
    desk.failed(wanted, &failure(false, Some(Duration::from_secs(30))), &RETRY, false, now);
    assert_eq!(desk.next_due(), Some(now + Duration::from_secs(30)));
    let late = now + Duration::from_secs(61);
    desk.take_due(late).expect("it is due");
    assert_eq!(
        desk.failed(wanted, &failure(true, None), &RETRY, true, late),
        Next::Again,
        "there is no room to give it up"
    );
    desk.hurry(late);
    desk.take_due(late).expect("it is due");
    assert_eq!(desk.failed(wanted, &failure(false, None), &RETRY, false, late), Next::GivenUp(3), "its time is over");
}

#[test]
fn a_desk_is_bounded_by_count_and_by_bytes() {
    let now = Instant::now();
    let mut desk = Desk::new(Position::START);
    let large = Bytes::from(vec![0; limits::SINK_WINDOW_BYTES_MAX / 2 + 1]);
    desk.add(id(1, 0), large.clone(), false, now);
    assert!(desk.has_room());
    desk.add(id(2, 0), large, false, now);
    assert!(!desk.has_room());
    desk.take_due(now).expect("it is due");
    desk.delivered(id(1, 0));
    assert!(desk.has_room());
    (0..limits::SINK_WINDOW_MAX as u64).for_each(|number| desk.add(id(3 + number, 0), Bytes::new(), false, now));
    assert!(!desk.has_room());
}
