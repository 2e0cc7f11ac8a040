//! The JSONTestSuite: `y_` files are accepted, `n_` files refused, nothing panics. The data folder is `../shared/data` beside the
//! repository, or what `MILLRACE_DATA` names; where it is absent the test says so and passes.

use std::path::PathBuf;

fn files() -> Option<Vec<(String, Vec<u8>)>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let data = std::env::var_os("MILLRACE_DATA").unwrap_or_else(|| beside.into());
    let folder = PathBuf::from(data).join("suites/JSONTestSuite/test_parsing");
    if !folder.is_dir() {
        return None;
    }
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.expect("the folder can be listed");
        (
            entry.file_name().into_string().expect("file names are text"),
            std::fs::read(entry.path()).expect("the file can be read"),
        )
    };
    Some(entries.map(read).collect())
}

#[test]
fn verdicts_are_those_of_the_suite() {
    let Some(files) = files() else {
        eprintln!("SKIPPED: the data folder is absent, the JSONTestSuite was not read");
        return;
    };
    assert!(files.len() > 300, "only {} files", files.len());
    for (name, bytes) in &files {
        let verdict = wire::check(bytes);
        match name.as_bytes()[0] {
            b'y' => assert_eq!(verdict, Ok(()), "{name}"),
            b'n' => assert!(verdict.is_err(), "{name} was accepted"),
            _ => {}
        }
        for event in [wire::parse_event(bytes).is_ok(), wire::parse_fields(bytes).is_ok()] {
            assert!(!event || verdict.is_ok(), "{name} is an object to us, yet not JSON");
        }
        let _ = wire::parse_events(bytes);
        let _ = wire::parse_entities(bytes);
        let _ = wire::parse_feed("home", bytes);
    }
}
