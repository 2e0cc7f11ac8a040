//! The JSONTestSuite as bodies: what is not JSON gets 400, nothing gets 5xx, nothing hangs. The data folder is
//! `../shared/data` beside the repository, or what `MILLRACE_DATA` names; where it is absent the test says so and passes.

use crate::house::House;
use std::path::PathBuf;

#[test]
fn bad_json_gets_400_and_nothing_worse() {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let data = PathBuf::from(std::env::var_os("MILLRACE_DATA").unwrap_or_else(|| beside.into()));
    if !data.join("suites/JSONTestSuite").is_dir() {
        eprintln!("SKIPPED: the data folder is absent, the JSONTestSuite was not sent");
        return;
    }
    let folder = data.join("suites/JSONTestSuite/test_parsing");
    let house = House::open();
    let mut client = house.client();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the suite is there") {
        let path = entry.expect("the folder can be listed").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("file names are text").to_owned();
        let body = std::fs::read(&path).expect("the file can be read");
        for (method, target) in [
            ("POST", "/v1/events"),
            ("POST", "/v1/entities"),
            ("PUT", "/v1/entities/item/i1"),
            ("POST", "/v1/feeds/home"),
        ] {
            let status = client.request(method, target, &[], Some(&body)).expect("an answer").status;
            assert!(status < 500, "{name} at {target}: {status}");
            // An empty body of a feed request is an anonymous visit.
            let blank = target == "/v1/feeds/home" && body.trim_ascii().is_empty();
            let large = !target.ends_with('s') && body.len() > 64 << 10 && status == 413;
            assert!(!name.starts_with("n_") || status == 400 || blank || large, "{name} at {target}: {status}");
        }
        count += 1;
    }
    assert!(count > 300);
}
