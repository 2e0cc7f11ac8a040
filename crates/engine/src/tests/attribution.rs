//! What a node has counted of its answers is what its log says, in both modes, over restarts, and from checkpoints.

use super::{Folder, SPEC, item, open, plan, released, request, text, view};
use crate::{By, Engine, LogFile, Mode};
use domain::{DecisionId, Field, Payload, Position, Refusal};
use journal::Options;

const DECLARED: &str = "weights: { view: 2 }\nattribution: { window: 10m, decisions: 30, click: [view] }\n";

/// Views, every third of which comes of a recent answer.
fn live(engine: &Engine, from: u64, to: u64) -> Position {
    let mut answers: Vec<(DecisionId, Vec<String>)> = Vec::new();
    let mut last = Position::START;
    for number in from..to {
        let Payload::Event(mut event) = view(number) else { unreachable!("it was just made") };
        if let Some((id, items)) = answers.get((number * 7 % 40) as usize).filter(|_| number % 3 == 0) {
            event.kind = if number % 2 == 0 { "impression".into() } else { event.kind };
            event.fields.extend([Field { name: "decision".into(), value: text(id.to_string()) }]);
            if let Some(item) = items.get(number as usize % 11) {
                event.fields[1].value = text(item.clone());
            }
        }
        last = engine.submit(&[Payload::Event(event)], false).expect("the node is well").last;
        if number % 4 == 0 {
            released(engine, last);
            let served = engine.recommend(request(&format!("u{}", number % 23))).expect("the feed exists");
            answers.insert(0, (served.id, served.answer.items.iter().map(|of| of.item.clone()).collect()));
        }
    }
    released(engine, last);
    last
}

fn checked(mode: Mode, shards: u32) -> Result<(), Refusal> {
    let (folder, spec) = (Folder::new(), format!("{SPEC}{DECLARED}"));
    let (engine, _) = open(&folder, &spec, mode, shards);
    let items: Vec<_> = (0..41).map(item).collect();
    engine.submit(&items, false)?;
    live(&engine, 0, 300);
    engine.checkpoint()?;
    live(&engine, 300, 400);
    let before = engine.attribution(None, By::Position)?;
    engine.stop();
    drop(engine);
    assert!(before.rows[0].impressions > 0 && before.rows.iter().any(|row| row.reward > 0.0), "{before}");
    assert!(before.feeds[0].dropped > 0 && before.unjoined.expired > 0 && before.unjoined.not_in_slate > 0, "{before}");

    let log = LogFile::open(folder.disk(), Options::default()).expect("the log is whole");
    let rebuilt = log.build(&plan(&spec), 2, &mut |_, _| ()).expect("the log can be read");
    let found = rebuilt.attribution(None, By::Position)?;
    assert_eq!((&found.rows, &found.feeds, found.unjoined), (&before.rows, &before.feeds, before.unjoined));
    drop(log);

    let (engine, report) = open(&folder, &spec, mode, shards);
    assert!(report.checkpoint > Position::START);
    let again = engine.attribution(None, By::Position)?;
    assert_eq!((&again.rows, &again.feeds, again.unjoined), (&before.rows, &before.feeds, before.unjoined));
    engine.stop();
    drop(engine);

    // Under another spec routes have other numbers: what came before it counts for feed and place alone.
    let (engine, _) = open(&folder, &spec.replace("      hot:", "      hotter:"), mode, shards);
    let after = engine.attribution(None, By::Route)?;
    assert_eq!(engine.attribution(None, By::Position)?.rows, before.rows);
    assert!(after.rows.iter().all(|row| row.offered == 0), "{after}");
    live(&engine, 400, 440);
    assert!(engine.attribution(None, By::Route)?.rows[0].offered > 0);
    engine.stop();
    Ok(())
}

#[test]
fn counted_inline_as_the_log_says() {
    checked(Mode::Inline, 1).expect("attribution is declared");
}

#[test]
fn counted_in_threads_as_the_log_says() {
    checked(Mode::Threaded, 3).expect("attribution is declared");
}
