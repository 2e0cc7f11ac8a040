//! The JSONTestSuite: `y_` files are accepted, `n_` files refused, nothing panics. Set `MILLRACE_DATA` to the folder
//! that holds `suites/JSONTestSuite`; without it the test says so and passes.

use std::path::PathBuf;

fn files() -> Option<Vec<(String, Vec<u8>)>> {
    let folder = PathBuf::from(std::env::var_os("MILLRACE_DATA")?).join("suites/JSONTestSuite/test_parsing");
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
        eprintln!("SKIPPED: MILLRACE_DATA is not set, the JSONTestSuite was not read");
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
