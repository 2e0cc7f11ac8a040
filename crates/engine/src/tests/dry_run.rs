//! Dry runs: beside an open node, without a trace, and with state as the other spec would have it.

use super::{Folder, SPEC, fill, item, open, plan};
use crate::{Acted, Asked, DryRun, LogFile, Mode};
use domain::Span;
use journal::FileDisk;
use std::collections::BTreeMap;
use std::sync::Arc;

fn asked(last: Span) -> Asked {
    Asked { last, feed: None }
}

fn dry_run(folder: &Folder, text: &str, asked: &Asked) -> DryRun {
    let (log, _) = LogFile::open_to_read(&to_read(folder)).expect("the log is read beside its writer");
    log.dry_run(&plan(text), asked, &mut |_, _| ()).expect("the log is whole")
}

fn to_read(folder: &Folder) -> Arc<FileDisk> {
    Arc::new(FileDisk::open_to_read(&folder.0).expect("the folder is there"))
}

/// Every file of the directory with its bytes.
fn files(folder: &Folder) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(&folder.0).expect("the folder is there");
    let file = |entry: std::fs::DirEntry| {
        let bytes = std::fs::read(entry.path()).expect("a file can be read");
        (entry.file_name().to_string_lossy().into_owned(), bytes)
    };
    entries.map(|entry| file(entry.expect("an entry can be read"))).collect()
}

#[test]
fn the_last_decisions_under_another_spec() {
    let folder = Folder::new();
    let (engine, _) = open(&folder, SPEC, Mode::Threaded, 2);
    engine.submit(&(0..41).map(item).collect::<Vec<_>>(), true).expect("items are taken");
    fill(&engine, 0, 300);
    engine.sync().expect("the disk is well");
    // Beside a writer a group is read once a later one proves it.
    engine.submit(&[item(0)], true).expect("an item is taken");
    engine.sync().expect("the disk is well");
    let beside = dry_run(&folder, SPEC, &asked(Span::DAY));
    assert_eq!((beside.decisions > 20, beside.changed, beside.overlap), (true, 0, 1.0));
    engine.stop();
    drop(engine);

    let before = files(&folder);
    let same = dry_run(&folder, SPEC, &asked(Span::DAY));
    assert_eq!((same.decisions, same.changed), (30, 0));
    let some = dry_run(&folder, SPEC, &asked(Span(30_000)));
    assert!(some.decisions > 0 && some.decisions < 30, "{} decisions", some.decisions);

    let policies = "
    policy:
      - block: { when: item.category == \"c1\", name: no c1 }
      - cap: { per: user, impressions: 1, in: 30d, event: view }
      - pin: { item: i40, at: 1 }
      - boost: { by: 3, when: item.category == \"none\" }
";
    let other = dry_run(&folder, &format!("{}{policies}", SPEC.trim_end()), &asked(Span::DAY));
    assert_eq!(other.decisions, 30);
    assert!(other.changed > 20 && other.overlap < 1.0 && !other.items_gone.is_empty());
    assert!(other.items_gone.is_sorted_by(|a, b| a.1 >= b.1));
    let acted = |index: usize| &other.policies[index];
    assert!(acted(0).removed > 0 && acted(0).policy == "no c1");
    assert!(acted(1).removed > 0, "the new cap counts what the log had before");
    assert_eq!(
        (acted(2).placed, other.items_added.first().map(|(item, _)| item.as_str())),
        (acted(2).decisions, Some("i40"))
    );
    let nothing = Acted { decisions: 0, removed: 0, scaled: 0, placed: 0, ..acted(3).clone() };
    assert_eq!(*acted(3), nothing);
    assert!(files(&folder) == before, "a dry run leaves no trace");
}

#[test]
fn a_directory_without_a_log_has_nothing_to_read() {
    let folder = Folder::new();
    assert!(LogFile::open_to_read(&to_read(&folder)).is_err());
    assert!(files(&folder).is_empty());
}
