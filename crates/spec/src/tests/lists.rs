//! Lists: declared, asked about, recalled from, and each way to get that wrong.

use super::{plan, refused};
use crate::diff;
use crate::plan::{List, RouteSource, SlotSource};

const HEAD: &str = "version: 1
entities: { item: { fields: { price: float } } }
events: { view: { user: user, item: item } }
features: { item: { heat: 'decayed(view, 1h)' } }
lists:
  picks: { of: item, max: 5 }
  blocked: { of: item }
  vip: { of: user }
";

fn feed(of: &str, recall: &str, filter: &str) -> String {
    format!("{HEAD}feeds:\n  home:\n    for: {of}\n    recall: {{ hot: {{ {recall} }} }}\n    filter: [\"{filter}\"]\n")
}

#[test]
fn lists_are_slots_and_routes() {
    let text = feed("user", "list: picks, limit: 7", "!listed(item, blocked) || listed(user, vip)");
    let plan = plan(&text);
    let list = |name: &str, of, max| List { name: name.to_owned(), of, max };
    assert_eq!(plan.lists, [list("picks", 1, 5), list("blocked", 1, 10_000), list("vip", 0, 10_000)]);
    let route = &plan.feeds[0].routes[0];
    assert!(matches!(route.source, RouteSource::List { list: 0 }) && route.limit == 7);
    let listed = plan.slots.iter().filter_map(|slot| match slot.source {
        SlotSource::Listed(list) => Some((slot.name.as_str(), list, slot.per_candidate)),
        _ => None,
    });
    let listed: Vec<_> = listed.collect();
    assert_eq!(listed, [("listed(item, blocked)", 1, true), ("listed(user, vip)", 2, false)]);
    let more = diff(&plan, &super::plan(&text.replace("max: 5", "max: 6")));
    assert_eq!((more.changed, more.rebuild), (vec!["list picks".to_owned()], true));
    let other = diff(&plan, &super::plan(&text.replace("list: picks", "list: blocked")));
    assert_eq!((other.changed, other.rebuild), (vec!["feed home".to_owned()], false));
}

#[test]
fn mistakes_are_named() {
    let declared = |text: &str| format!("version: 1\nlists: {text}\n");
    let filter = |text: &str| feed("user", "list: picks", text);
    for (text, code, said) in [
        (declared("{ picks: {} }"), "missing_field", "of: item"),
        (declared("{ picks: item }"), "wrong_type", "map"),
        (declared("{ picks: { of: string } }"), "not_available", "of: item"),
        (declared("{ picks: { of: items } }"), "wrong_subject", "did you mean `item`"),
        (declared("{ picks: { of: item, max: 0 } }"), "out_of_range", "1"),
        (declared("{ picks: { of: item, max: 2000001 } }"), "out_of_range", "2000000"),
        (declared("{ picks: { of: item, maxx: 1 } }"), "unknown_field", "did you mean `max`"),
        (declared("{ 'a b': { of: item } }"), "bad_name", "letters"),
        (declared("{ now: { of: item } }"), "reserved_name", "another name"),
        (feed("user", "list: pics", "true"), "unknown_name", "did you mean `picks`"),
        (feed("user", "list: vip", "true"), "wrong_type", "list of users"),
        (feed("user", "list: picks, top: item.heat", "true"), "several_kinds", "a route of its own"),
        (filter("listed(item, blokced)"), "unknown_name", "did you mean `blocked`"),
        (filter("listed(item, vip)"), "wrong_type", "list of users"),
        (filter("listed(user, picks)"), "wrong_type", "list of items"),
        (filter("listed(item.price, picks)"), "wrong_type", "`item` or `user`"),
        (filter("listed(item)"), "wrong_arity", "listed(item, list)"),
        (filter("listed(item, 'picks')"), "wrong_type", "name of a list"),
        (filter("listd(item, picks)"), "unknown_function", "did you mean `listed`"),
        (feed("item", "list: picks", "listed(user, vip)"), "not_here", "no user"),
        (HEAD.replace("decayed(view, 1h)", "listed(item, picks) ? 1 : 0"), "not_here", "feeds only"),
    ] {
        let diagnostics = refused(&text);
        let first = &diagnostics.list[0];
        let words = format!("{} {}", first.message, first.help.as_deref().unwrap_or(""));
        assert!(first.code == code && words.contains(said) && diagnostics.list.len() == 1, "{text}\n{diagnostics}");
    }
    let many: String = (0..65).map(|n| format!("  l{n}: {{ of: item }}\n")).collect();
    assert_eq!(refused(&format!("version: 1\nlists:\n{many}")).list[0].code, "too_many");
    let none = "version: 1\nfeeds: { f: { for: user, recall: { a: { list: picks } } } }\n";
    assert!(refused(none).to_string().contains("declare it"));
}
