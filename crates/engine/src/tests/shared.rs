//! Nodes beside each other in one process, and the limits that keep one from taking too much.

use super::*;
use crate::Housekeeping;
use domain::Code;
use std::time::{Duration, Instant};

fn until(mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < end, "it never came");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn open_in(housekeeping: &Arc<Housekeeping>, folder: &Folder) -> Engine {
    let config = Config { checkpoint_every: Span(20), ..Config::new(Clock::Log) };
    let options = Options { segment_bytes: 1 << 16, ..Options::default() };
    Engine::open_in(housekeeping, folder.disk(), options, plan(SPEC), config, &mut |_, _| ()).expect("it opens").0
}

fn has_checkpoint(folder: &Folder) -> bool {
    folder.disk().list().expect("it can be listed").iter().any(|name| name.starts_with("checkpoint-"))
}

#[test]
fn nodes_that_share_housekeeping_are_all_kept() {
    let folders = [Folder::new(), Folder::new(), Folder::new()];
    let housekeeping = Arc::new(Housekeeping::start(Span(1)).expect("there are threads"));
    let engines: Vec<Engine> = folders.iter().map(|folder| open_in(&housekeeping, folder)).collect();
    for (engine, count) in engines.iter().zip([100, 200, 300]) {
        fill(engine, 0, count);
    }
    until(|| folders.iter().all(has_checkpoint));
    engines[0].stop();
    engines[0].stop();
    fill(&engines[1], 200, 250);
    let applied = |engine: &Engine| engine.status().epoch;
    let last = engines[2].submit(&[view(900)], false).expect("it goes on").last;
    until(|| applied(&engines[2]) >= last);
    drop(engines);
    for (folder, count) in folders.iter().zip([100, 250, 301]) {
        let log = LogFile::open(folder.disk(), Options::default()).expect("every lock was given back");
        let plan = log.plan().expect("the spec is in the log");
        let machine = log.build(&plan, 1, &mut |_, _| ()).expect("the log is whole");
        assert!(machine.position.0 > count, "{} records", machine.position);
    }
}

#[test]
fn beside_a_node_at_rest_its_log_is_read_to_the_end() {
    let folder = Folder::new();
    let (engine, _) = open(&folder, SPEC, Mode::Inline, 1);
    let last = engine.submit(&[view(1)], false).expect("the node is well").last;
    released(&engine, last);
    until(|| {
        let disk = Arc::new(FileDisk::open_to_read(&folder.0).expect("the folder is there"));
        let (log, beside) = LogFile::open_to_read(&disk).expect("the log is whole");
        assert!(beside && log.last <= last);
        log.last == last
    });
}

#[test]
fn where_time_is_that_of_events_a_leap_is_refused() {
    let folder = Folder::new();
    let config = Config { ahead_max: Some(Span(7 * 86_400_000)), ..Config::new(Clock::Log) };
    let opened = Engine::open(folder.disk(), Options::default(), plan(SPEC), config, &mut |_, _| ());
    let engine = opened.expect("it opens").0;
    let at = |days: i64| {
        let Payload::Event(event) = view(1) else { panic!("a view is an event") };
        Payload::Event(Event { time: Some(Time(days * 86_400_000)), id: None, ..event })
    };
    let take = |atomic: bool, days: &[i64]| -> Vec<Result<(), Code>> {
        let events: Vec<_> = days.iter().map(|days| at(*days)).collect();
        let taken = engine.submit(&events, atomic).expect("the node is well").results;
        taken.into_iter().map(|result| result.map(|_| ()).map_err(|refusal| refusal.code)).collect()
    };
    let ahead = Err(Code::TimeInFuture);
    assert_eq!(take(false, &[20_000, 20_007, 30_000, 20_014, 20_022]), [Ok(()), Ok(()), ahead, Ok(()), ahead]);
    assert_eq!(engine.status().log_time, Time(20_014 * 86_400_000), "what is refused moves nothing");
    assert_eq!(take(true, &[20_021, 20_028]), [Ok(()), Ok(())], "each as the ones before it leave the time");
    assert_eq!(take(true, &[20_029, 20_037])[1], ahead);
    let refusal =
        engine.submit(&[at(30_000)], false).expect("the node is well").results.remove(0).expect_err("it leaps");
    assert!(
        refusal.field == "time" && refusal.message.contains("9972.0 days") && refusal.message.contains("--ahead"),
        "{refusal}"
    );
}

#[test]
fn a_replay_says_how_far_it_is() {
    let folder = Folder::new();
    let (engine, _) = open(&folder, SPEC, Mode::Inline, 1);
    let views: Vec<_> = (0..20_000).map(view).collect();
    let last = engine.submit(&views, false).expect("the node is well").last;
    released(&engine, last);
    let served = engine.recommend(request("u3")).expect("the feed exists");
    engine.sync().expect("the disk is well");
    let mut heard = Vec::new();
    let replayed = engine.replay(served.id, &mut |done, total| heard.push((done, total))).expect("the log is whole");
    assert!(replayed.identical, "{:?}", replayed.differences);
    assert!(heard.len() >= 2 * 20_000 / 4_096, "{heard:?}");
    assert!(heard.is_sorted() && heard.iter().all(|(done, total)| done <= total), "{heard:?}");
    assert_eq!(heard.last().map(|(done, total)| done == total), Some(true), "{heard:?}");
}

fn refused(engine: &Engine, payload: Payload<'static>) -> Option<Code> {
    match engine.submit(&[payload], false) {
        Ok(mut submitted) => submitted.results.pop().and_then(Result::err).map(|refusal| refusal.code),
        Err(refusal) => Some(refusal.code),
    }
}

#[test]
fn a_limit_on_entities_refuses_new_ones_only() {
    let (_, folder) = run(Mode::Inline, 1);
    let config = Config { entities_max: 41, ..Config::new(Clock::Log) };
    let opened = Engine::open(folder.disk(), Options::default(), plan(SPEC), config, &mut |_, _| ());
    let (engine, report) = opened.expect("what is in the log stays");
    assert!(report.checkpoint > Position::START);
    assert_eq!(refused(&engine, item(41)), Some(Code::CapacityReached));
    assert_eq!((refused(&engine, item(40)), refused(&engine, view(600))), (None, None));
}

#[test]
fn a_full_log_opens_and_retention_makes_room() {
    let folder = Folder::new();
    let open = |log_bytes_max, retain| {
        let config = Config { log_bytes_max, retain, checkpoint_every: Span(0), ..Config::new(Clock::Log) };
        let options = Options { segment_bytes: 1 << 14, ..Options::default() };
        Engine::open(folder.disk(), options, plan(SPEC), config, &mut |_, _| ()).expect("it opens").0
    };
    let engine = open(200_000, None);
    let taken = (0..100_000).find(|number| match refused(&engine, view(*number)) {
        Some(code) => code == Code::LogFull,
        None => {
            engine.sync().expect("the disk is well");
            false
        }
    });
    let taken = taken.expect("it fills up");
    let bytes = engine.status().log_bytes;
    assert!((200_000..200_000 + (1 << 14)).contains(&bytes), "{bytes}");
    drop(engine);
    let engine = open(200_000, None);
    assert_eq!(refused(&engine, view(taken)), Some(Code::LogFull), "still full");
    assert!(engine.recommend(request("u1")).is_ok(), "answers go on");
    drop(engine);
    let engine = open(u64::MAX, Some(Span(1)));
    for number in taken..taken + 3_000 {
        assert_eq!(refused(&engine, view(number)), None);
        if number % 500 == 0 {
            engine.checkpoint().expect("the disk is well");
        }
    }
    drop(engine);
    let engine = open(200_000, Some(Span(1)));
    assert!(engine.status().log_bytes < 200_000, "{}", engine.status().log_bytes);
    assert_eq!(refused(&engine, view(taken + 3_000)), None);
}
