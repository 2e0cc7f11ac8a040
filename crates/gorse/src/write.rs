//! Answers as Gorse's server writes them: names, order and forms of its JSON.

use crate::mirror::Row;
use crate::time::ZERO_MS;
use domain::Time;
use wire::{write_array, write_bool, write_float, write_text, write_time, write_uint};

/// A user as it is read back.
#[derive(Clone, Debug, Default)]
pub struct UserView {
    /// Its key.
    pub id: String,
    /// Its labels as JSON text.
    pub labels: Option<String>,
    /// Its comment.
    pub comment: String,
}

/// An item as it is read back.
#[derive(Clone, Debug, Default)]
pub struct ItemView {
    /// Its key.
    pub id: String,
    /// Whether it is kept out of every answer.
    pub hidden: bool,
    /// Its categories.
    pub categories: Option<Vec<String>>,
    /// When it was made.
    pub timestamp: Option<Time>,
    /// Its labels as JSON text.
    pub labels: Option<String>,
    /// Its comment.
    pub comment: String,
}

fn member(out: &mut Vec<u8>, first: bool, name: &str) {
    out.extend_from_slice(if first { b"{\"" } else { b",\"" });
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// A time as Go writes it: no more digits of the second than there are.
fn go_time(out: &mut Vec<u8>, time: Option<Time>) {
    let start = out.len() + 1;
    out.push(b'"');
    match time {
        None => out.extend_from_slice(b"0001-01-01T00:00:00Z"),
        Some(time) => {
            debug_assert!(time.0 > ZERO_MS);
            write_time(out, time);
            out.pop();
            let digits = out[start..].trim_ascii_end().iter().rev().take_while(|&&byte| byte == b'0').count().min(3);
            out.truncate(out.len() - digits);
            if out.last() == Some(&b'.') {
                out.pop();
            }
            out.push(b'Z');
        }
    }
    out.push(b'"');
}

fn labels(out: &mut Vec<u8>, labels: Option<&str>) {
    out.extend_from_slice(labels.unwrap_or("null").as_bytes());
}

/// `{"RowAffected":n}`.
pub fn write_affected(out: &mut Vec<u8>, rows: usize) {
    member(out, true, "RowAffected");
    write_uint(out, rows as u64);
    out.push(b'}');
}

/// The state of the two stores that Gorse has and we have not: the log stands for both.
pub fn write_health(out: &mut Vec<u8>, ready: bool) {
    let word = if ready { "true" } else { "false" };
    let text = format!(
        "{{\"Ready\":{word},\"DataStoreError\":null,\"CacheStoreError\":null,\"DataStoreConnected\":{word},\
         \"CacheStoreConnected\":{word}}}"
    );
    out.extend_from_slice(text.as_bytes());
}

/// One user.
pub fn write_user(out: &mut Vec<u8>, user: &UserView) {
    member(out, true, "UserId");
    write_text(out, &user.id);
    member(out, false, "Labels");
    labels(out, user.labels.as_deref());
    member(out, false, "Comment");
    write_text(out, &user.comment);
    out.push(b'}');
}

/// One item.
pub fn write_item(out: &mut Vec<u8>, item: &ItemView) {
    member(out, true, "ItemId");
    write_text(out, &item.id);
    member(out, false, "IsHidden");
    write_bool(out, item.hidden);
    member(out, false, "Categories");
    match &item.categories {
        None => out.extend_from_slice(b"null"),
        Some(list) => write_array(out, list, |out, category| write_text(out, category)),
    }
    member(out, false, "Timestamp");
    go_time(out, item.timestamp);
    member(out, false, "Labels");
    labels(out, item.labels.as_deref());
    member(out, false, "Comment");
    write_text(out, &item.comment);
    out.push(b'}');
}

/// One feedback.
fn write_row(out: &mut Vec<u8>, row: &Row<'_>) {
    member(out, true, "FeedbackType");
    write_text(out, row.kind);
    member(out, false, "UserId");
    write_text(out, row.user);
    member(out, false, "ItemId");
    write_text(out, row.item);
    member(out, false, "Value");
    write_float(out, row.value);
    member(out, false, "Timestamp");
    go_time(out, Some(row.time));
    member(out, false, "Updated");
    go_time(out, Some(row.updated));
    member(out, false, "Labels");
    labels(out, row.labels);
    member(out, false, "Comment");
    write_text(out, row.comment);
    out.push(b'}');
}

/// A list of feedback, or with `one` its first alone (`{}` if there is none).
pub fn write_feedback(out: &mut Vec<u8>, rows: &[Row<'_>], one: bool) {
    match (one, rows.first()) {
        (false, _) => write_array(out, rows, write_row),
        (true, Some(row)) => write_row(out, row),
        (true, None) => out.extend_from_slice(b"{}"),
    }
}

fn page<T>(out: &mut Vec<u8>, cursor: &str, name: &str, list: &[T], one: impl Fn(&mut Vec<u8>, &T)) {
    member(out, true, "Cursor");
    write_text(out, cursor);
    member(out, false, name);
    write_array(out, list, one);
    out.push(b'}');
}

/// A page of users.
pub fn write_users(out: &mut Vec<u8>, cursor: &str, users: &[UserView]) {
    page(out, cursor, "Users", users, write_user);
}

/// A page of items.
pub fn write_items(out: &mut Vec<u8>, cursor: &str, items: &[ItemView]) {
    page(out, cursor, "Items", items, write_item);
}

/// A page of feedback.
pub fn write_page(out: &mut Vec<u8>, cursor: &str, rows: &[Row<'_>]) {
    page(out, cursor, "Feedback", rows, write_row);
}

/// `[{"Id":..,"Score":..},..]`.
pub fn write_scores(out: &mut Vec<u8>, scores: &[(String, f64)]) {
    write_array(out, scores, |out, (id, score)| {
        member(out, true, "Id");
        write_text(out, id);
        member(out, false, "Score");
        write_float(out, *score);
        out.push(b'}');
    });
}

/// `["id",..]`.
pub fn write_ids(out: &mut Vec<u8>, scores: &[(String, f64)]) {
    write_array(out, scores, |out, (id, _)| write_text(out, id));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_no_more_digits_than_they_need() {
        let text = |time| {
            let mut out = Vec::new();
            go_time(&mut out, time);
            String::from_utf8(out).unwrap()
        };
        for (ms, expected) in [
            (0, "\"1970-01-01T00:00:00Z\""),
            (1_718_452_800_120, "\"2024-06-15T12:00:00.12Z\""),
            (1_718_452_810_005, "\"2024-06-15T12:00:10.005Z\""),
            (1_718_452_800_000, "\"2024-06-15T12:00:00Z\""),
        ] {
            assert_eq!(text(Some(Time(ms))), expected);
        }
        assert_eq!(text(None), "\"0001-01-01T00:00:00Z\"");
    }

    #[test]
    fn everything_written_is_json() {
        let item = ItemView { id: "a\"".into(), labels: Some("{\"x\":[1]}".into()), ..ItemView::default() };
        let row = Row {
            kind: "like",
            user: "u",
            item: "i",
            value: 1.5,
            time: Time(0),
            updated: Time(1),
            labels: None,
            comment: "",
        };
        let mut out = b"[".to_vec();
        write_item(&mut out, &item);
        out.push(b',');
        write_users(&mut out, "c", &[UserView::default()]);
        out.push(b',');
        write_page(&mut out, "", std::slice::from_ref(&row));
        out.push(b',');
        write_feedback(&mut out, &[row], true);
        out.push(b',');
        write_feedback(&mut out, &[], true);
        out.push(b',');
        write_scores(&mut out, &[("a".into(), 0.5)]);
        out.push(b',');
        write_health(&mut out, true);
        out.push(b']');
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value[0]["ItemId"], "a\"");
        assert_eq!(value[0]["Categories"], serde_json::Value::Null);
        assert_eq!(value[2]["Feedback"][0]["Value"], 1.5);
        assert_eq!(value[4], serde_json::json!({}));
    }
}
