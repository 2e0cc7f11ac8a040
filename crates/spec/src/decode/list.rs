//! Lists: whose entities stand on them, and how many may.

use super::Decoder;
use crate::diagnostic::{Issue, quoted};
use crate::source::ListSource;
use crate::yaml::{Node, Text};
use domain::limits;

pub(super) const LIST: [&str; 2] = ["of", "max"];

impl Decoder<'_> {
    pub(super) fn lists(&mut self, key: &Text, node: &Node) -> Vec<ListSource> {
        let lists = self.section(key, node, Decoder::list_of);
        self.at_most(key, lists.len(), limits::LISTS_MAX);
        lists
    }

    fn list_of(&mut self, name: &Text, node: &Node) -> Option<ListSource> {
        self.name(name, "a list");
        let mut list = ListSource { name: name.clone(), of: None, max: limits::LIST_ENTRIES_DEFAULT };
        let whole = format!("list {}", name.text);
        let entries = self.map_of(&whole, node, "a list");
        for (key, value) in entries {
            match key.text.as_str() {
                "of" => list.of = self.list_entity(value),
                "max" => {
                    let max = self.int(value, "`max`", 1..=i64::from(limits::LIST_ENTRIES_MAX));
                    list.max = max.map_or(list.max, |max| max as u32);
                }
                _ => self.unknown(key, "a list", &LIST),
            }
        }
        if !self.broken.contains(&whole) {
            self.required(name, entries, "of", "a list", "add `of: item` or `of: user`");
        }
        if list.of.is_none() {
            self.broken.insert(whole);
        }
        Some(list)
    }

    fn list_entity(&mut self, value: &Node) -> Option<Text> {
        let of = self.text(value, "`of`")?;
        match of.text.as_str() {
            "user" | "item" => return Some(of.clone()),
            "string" => {
                let issue = Issue::new("not_available", &of.span, "lists of strings are not available in this release");
                self.issues.push(issue.help("write `of: item` or `of: user`"));
            }
            wrong => {
                let message = format!("a list is of `item` or `user`, not of {}", quoted(wrong));
                self.issues
                    .push(Issue::new("wrong_subject", &of.span, message).near(wrong, ["item", "user"].into_iter()));
            }
        }
        None
    }
}
