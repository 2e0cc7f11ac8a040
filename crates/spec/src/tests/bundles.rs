//! Specs of several files.

use crate::{bundle, compile, render};

fn files(files: &[(&str, &str)]) -> String {
    bundle(&files.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect::<Vec<_>>())
}

const EVENTS: &str =
    "version: 1\nevents:\n  view: { user: user, item: item }\nfeatures:\n  user:\n    views: count(view, 1d)\n";
const FEEDS: &str = "version: 1\nfeatures:\n  user:\n    more: views + 1\n  item:\n    heat: decayed(view, 1h)\n\
    feeds:\n  home:\n    for: user\n    recall:\n      hot: { top: item.heat, limit: 10 }\n";

#[test]
fn files_are_one_spec() {
    let text = files(&[("a.yaml", EVENTS), ("b.yaml", FEEDS), ("empty.yaml", "# nothing yet\n")]);
    let plan = compile("specs", &text).unwrap_or_else(|wrong| panic!("{}", render(&wrong)));
    assert_eq!(plan.text, text);
    assert_eq!((plan.features.len(), plan.feeds.len(), plan.events.len()), (3, 1, 2));
    let one = compile("one", &format!("{EVENTS}    more: views + 1\n{}", &FEEDS[FEEDS.find("  item:").unwrap()..]));
    assert!(!crate::diff(&plan, &one.unwrap()).rebuild, "the same as one file");
}

#[test]
fn a_single_file_is_its_own_text() {
    assert_eq!(files(&[("a.yaml", EVENTS)]), EVENTS);
}

#[test]
fn mistakes_name_their_file_and_its_lines() {
    let text = files(&[("a.yaml", EVENTS), ("b.yaml", &FEEDS.replace("item.heat", "item.heet"))]);
    let wrong = compile("specs", &text).unwrap_err();
    let one = &wrong.list[0];
    assert_eq!((one.file.as_deref(), one.line, one.column), (Some("b.yaml"), 11, 19), "{}", render(&wrong));
    assert!(render(&wrong).starts_with("specs/b.yaml:11:19: error"), "{}", render(&wrong));
}

#[test]
fn a_name_stands_in_one_file() {
    let rows = [
        ("events:\n  view: { user: user, item: item }\n", "events"),
        ("features:\n  user:\n    views: count(view, 2d)\n", "features"),
        ("version: 2\n", "version"),
        ("events: [1]\n", "a list"),
    ];
    for (more, what) in rows {
        let text = files(&[("a.yaml", EVENTS), ("b.yaml", more)]);
        let wrong = compile("specs", &text).unwrap_err();
        assert_eq!(wrong.list[0].code, "duplicate_key", "{what}: {}", render(&wrong));
        assert_eq!(wrong.list[0].file.as_deref(), Some("b.yaml"));
        assert!(wrong.list[0].help.as_ref().is_some_and(|help| help.contains("of a.yaml")), "{}", render(&wrong));
    }
}

#[test]
fn documents_without_a_name_are_refused_in_a_bundle_too() {
    let text = files(&[("a.yaml", EVENTS), ("b.yaml", "version: 1\n---\nversion: 1\n")]);
    let wrong = compile("specs", &text).unwrap_err();
    assert_eq!((wrong.list[0].code, wrong.list[0].line), ("several_documents", 2), "{}", render(&wrong));
    let text = files(&[("a.yaml", EVENTS), ("b.yaml", "- 1\n")]);
    assert!(compile("specs", &text).is_err());
}
