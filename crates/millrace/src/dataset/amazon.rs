//! Amazon reviews as S3-Rec prepares them: `Beauty.txt`, one user a line, then the user's items in order of time. Event
//! `review { user, item }` without times, user after user; everybody's last item is held out.

use super::{Payloads, Question, event, text};
use anyhow::{Context, Result};
use domain::Time;
use std::fs;
use std::path::Path;

pub(super) const FILE: &str = "Beauty.txt";

/// All but the last item of everybody.
pub(super) fn open(folder: &Path) -> Result<(u64, Payloads)> {
    let mut payloads = Vec::new();
    for line in read(folder)?.lines() {
        let (user, items, _) = parts(line)?;
        let of_user = items.split_whitespace();
        payloads
            .extend(of_user.map(|item| Ok(event("review", None, vec![("user", text(user)), ("item", text(item))]))));
    }
    Ok((payloads.len() as u64, Box::new(payloads.into_iter())))
}

/// Everybody's last item.
pub(super) fn questions(folder: &Path) -> Result<Vec<Question>> {
    let question = |line: &str| {
        let (user, _, last) = parts(line)?;
        let (user, target) = (user.to_owned(), last.to_owned());
        Ok(Question { name: user.clone(), user: Some(user), visit: Vec::new(), target, time: Time(0) })
    };
    read(folder)?.lines().map(question).collect()
}

fn read(folder: &Path) -> Result<String> {
    fs::read_to_string(folder.join(FILE)).with_context(|| format!("reading {FILE}"))
}

/// The user, the items but the last, and the last.
fn parts(line: &str) -> Result<(&str, &str, &str)> {
    let (user, items) = line.split_once(' ').with_context(|| format!("a line of {FILE} has no items"))?;
    let (items, last) = items.rsplit_once(' ').unwrap_or(("", items));
    Ok((user, items, last))
}
