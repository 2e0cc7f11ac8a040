//! Places of mistakes inside expressions, in every way that YAML can write one.

use super::refused;

fn place(feature: &str) -> (u32, u32, u32) {
    let text =
        format!("version: 1\nevents: {{ view: {{ user: user, item: item }} }}\nfeatures:\n  user:\n    f: {feature}\n");
    let diagnostics = refused(&text);
    assert_eq!(diagnostics.list.len(), 1, "{diagnostics}");
    let first = &diagnostics.list[0];
    (first.line, first.column, first.width)
}

#[test]
fn a_mistake_is_found_in_every_kind_of_scalar() {
    assert_eq!(place("count(veiw, 1h)"), (5, 14, 4));
    assert_eq!(place("\"count(veiw, 1h)\""), (5, 15, 4));
    assert_eq!(place("'count(veiw, 1h)'"), (5, 15, 4));
    assert_eq!(place("1 +\n      count(veiw,\n      1h)"), (6, 13, 4));
    assert_eq!(place("|\n      1 +\n      count(veiw, 1h)"), (7, 13, 4));
    assert_eq!(place(">\n      1 +\n\n      count(veiw, 1h)"), (8, 13, 4));
    assert_eq!(place("\"1 + \\\"x\\\" + count(view, 1h)\"").0, 5);
}

#[test]
fn columns_count_characters() {
    assert_eq!(place("1 + \"é\" == 2.0 ? count(veiw, 1h) : 0.0").0, 5);
    let text = "version: 1\nentities: { item: { fields: { é: string, ü: strin } } }\n";
    let diagnostics = refused(text);
    let places: Vec<(u32, u32)> = diagnostics.list.iter().map(|d| (d.line, d.column)).collect();
    assert_eq!(places, [(2, 31), (2, 42), (2, 45)]);
}

#[test]
fn windows_line_ends_do_not_move_places() {
    let diagnostics = refused("version: 1\r\nentities: {}\r\nfeed: {}\r\n");
    let first = &diagnostics.list[0];
    assert_eq!((first.line, first.column, first.source.as_str()), (3, 1, "feed: {}"));
}
