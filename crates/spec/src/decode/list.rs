//! Lists: whose entities stand on them, and how many may.

use super::Decoder;
use crate::diagnostic::Issue;
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
            self.required(name, entries, "of", "a list", "name an entity type, as in `of: item` or `of: user`");
        }
        if list.of.is_none() {
            self.broken.insert(whole);
        }
        Some(list)
    }

    fn list_entity(&mut self, value: &Node) -> Option<Text> {
        let of = self.text(value, "`of`")?;
        if of.text != "string" {
            return Some(of.clone());
        }
        let issue = Issue::new("not_available", &of.span, "lists of strings are not available in this release");
        self.issues.push(issue.help("write an entity type, as in `of: item` or `of: user`"));
        None
    }
}
