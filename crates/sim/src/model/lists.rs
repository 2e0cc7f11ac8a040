//! Lists by brute force: every change that was accepted, read from the start each time.

use domain::{Code, Payload};
use std::collections::BTreeMap;

/// The lists of both specs: name, entity type, most entries.
const LISTS: [(&str, &str, usize); 3] = [("picks", "item", 4), ("blocked", "item", 100), ("vip", "user", 3)];

/// How an entity stands on a list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// What it is ordered by.
    pub score: f64,
    /// It ends at this time.
    pub until: Option<i64>,
}

#[derive(Clone, Debug)]
struct Turn {
    position: u64,
    list: String,
    key: String,
    standing: Option<Standing>,
}

/// Every change of a list.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    turns: Vec<Turn>,
}

impl Lists {
    /// Takes in an accepted record.
    pub fn apply(&mut self, position: u64, payload: &Payload<'_>) {
        let (list, key, standing) = match payload {
            Payload::ListPut(put) => {
                let until = put.until.map(|until| until.0);
                (&put.list, &put.key, Some(Standing { score: put.score.unwrap_or(0.0), until }))
            }
            Payload::ListDelete { list, key } => (list, key, None),
            _ => return,
        };
        self.turns.push(Turn { position, list: list.to_string(), key: key.to_string(), standing });
    }

    /// Who stands on a list at a position and a time not before it.
    pub fn standing(&self, list: &str, at: u64, now: i64) -> BTreeMap<&str, Standing> {
        let mut standing = BTreeMap::new();
        for turn in self.turns.iter().filter(|turn| turn.position <= at && turn.list == list) {
            match turn.standing {
                Some(put) => standing.insert(turn.key.as_str(), put),
                None => standing.remove(turn.key.as_str()),
            };
        }
        standing.retain(|_, put| put.until.is_none_or(|until| now < until));
        standing
    }

    /// Why a valid record that comes now is refused, if it is.
    pub fn refusal(&self, payload: &Payload<'_>, log_time: i64) -> Option<Code> {
        let Payload::ListPut(put) = payload else { return None };
        if put.until.is_some_and(|until| until.0 <= log_time) {
            return Some(Code::InvalidValue);
        }
        let (_, _, max) = LISTS.iter().find(|(name, ..)| *name == put.list)?;
        let standing = self.standing(&put.list, u64::MAX, log_time);
        (standing.len() >= *max && !standing.contains_key(&*put.key)).then_some(Code::ListFull)
    }

    /// Positions and keys of all items that a list has named.
    pub fn mentions(&self) -> impl Iterator<Item = (u64, &str)> {
        let of_item = |list: &str| LISTS.iter().any(|(name, of, _)| *name == list && *of == "item");
        let named = self.turns.iter().filter(move |turn| turn.standing.is_some() && of_item(&turn.list));
        named.map(|turn| (turn.position, turn.key.as_str()))
    }
}
