//! The facts of one decision while they are collected: what means the same is there once.

use crate::plan::{Fact, FactSource, Share};
use domain::{Type, limits};
use expr::Program;
use std::collections::{BTreeMap, BTreeSet};

/// What to say where a decision reads too much.
pub(super) const TOO_MANY: (fn() -> String, &str) = (
    || format!("the decision reads more than {} facts", limits::FACTS_MAX),
    "read fewer features, or split it into two decisions",
);

/// What makes a fact another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FactKey {
    Field(u16),
    Now,
    Attribute {
        role: u8,
        field: u16,
    },
    Listed {
        role: u8,
        list: u16,
    },
    Aggregate {
        role: u8,
        aggregate: u16,
        before: bool,
    },
    /// Role, bits of the share, salt.
    Share(u8, u64, String),
    /// `scorecards.risk`, or a part of it.
    Card(String),
}

impl FactKey {
    pub(super) fn of_share(share: &Share) -> FactKey {
        FactKey::Share(share.role, share.share.to_bits(), share.salt.clone())
    }

    /// Where the fact comes from; what is computed says so itself.
    fn source(&self) -> Option<FactSource> {
        Some(match *self {
            FactKey::Field(field) => FactSource::Field(field),
            FactKey::Now => FactSource::Now,
            FactKey::Attribute { role, field } => FactSource::Attribute { role, field },
            FactKey::Listed { role, list } => FactSource::Listed { role, list },
            FactKey::Aggregate { role, aggregate, before } => FactSource::Aggregate { role, aggregate, before },
            FactKey::Share(role, share, ref salt) => {
                FactSource::Share(Share { role, share: f64::from_bits(share), salt: salt.clone() })
            }
            FactKey::Card(_) => return None,
        })
    }
}

/// How a table is read: whose row, and whether the event at hand is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reading {
    /// Index into `Plan::tables`.
    pub(super) table: u16,
    /// The role of the row's owner.
    pub(super) role: u8,
    /// The role that the second part of a crossed key comes from.
    pub(super) second: Option<u8>,
    pub(super) before: bool,
}

pub(super) struct Facts {
    pub(super) event: u16,
    pub(super) list: Vec<Fact>,
    keys: BTreeMap<FactKey, u16>,
    /// By declared feature and how its table is read.
    features: BTreeMap<(usize, Reading), u16>,
    /// Facts that are called as an aggregate inside a feature is.
    unnamed: Vec<u16>,
    pub(super) full_noted: bool,
    /// Whether a part of the decision could not be read, which has been noted.
    pub(super) source_broken: bool,
    /// Scorecards with mistakes that have been noted.
    pub(super) broken_cards: BTreeSet<String>,
}

impl Facts {
    pub(super) fn new(event: u16) -> Facts {
        Facts {
            event,
            list: Vec::new(),
            keys: BTreeMap::new(),
            features: BTreeMap::new(),
            unnamed: Vec::new(),
            full_noted: false,
            source_broken: false,
            broken_cards: BTreeSet::new(),
        }
    }

    /// The fact with this key, made if it is new. `None` if there is no room.
    pub(super) fn add(&mut self, key: FactKey, name: impl FnOnce() -> String, ty: Type) -> Option<u16> {
        if let Some(&known) = self.keys.get(&key) {
            return Some(known);
        }
        let index = self.push(Fact { name: name(), ty, source: key.source()? })?;
        if matches!(key, FactKey::Aggregate { .. }) {
            self.unnamed.push(index);
        }
        self.keys.insert(key, index);
        Some(index)
    }

    /// Adds a fact that is computed of others.
    pub(super) fn add_computed(&mut self, key: FactKey, fact: Fact) -> Option<u16> {
        let index = self.push(fact)?;
        self.keys.insert(key, index);
        Some(index)
    }

    /// The fact of a scorecard or of a part of one, by its path.
    pub(super) fn card(&self, path: &str) -> Option<u16> {
        self.keys.get(&FactKey::Card(path.to_owned())).copied()
    }

    /// The paths of scorecards and their parts.
    pub(super) fn cards(&self) -> impl Iterator<Item = &str> + Clone {
        self.keys.keys().filter_map(|key| if let FactKey::Card(path) = key { Some(path.as_str()) } else { None })
    }

    /// The fact of a feature, if it is there.
    pub(super) fn feature(&self, declared: usize, reading: Reading) -> Option<u16> {
        self.features.get(&(declared, reading)).copied()
    }

    /// A feature is this fact, which now has its name unless it has that of another feature.
    pub(super) fn set_feature(&mut self, (declared, reading): (usize, Reading), fact: u16, name: String) {
        if let Some(at) = self.unnamed.iter().position(|unnamed| *unnamed == fact) {
            self.unnamed.swap_remove(at);
            self.list[usize::from(fact)].name = name;
        }
        self.features.insert((declared, reading), fact);
    }

    /// A feature that is computed of facts before it.
    pub(super) fn add_feature(&mut self, of: (usize, Reading), program: Program, name: String) -> Option<u16> {
        let (ty, source) = (program.ty().clone(), FactSource::Derived(program));
        let index = self.push(Fact { name, ty, source })?;
        self.features.insert(of, index);
        Some(index)
    }

    fn push(&mut self, fact: Fact) -> Option<u16> {
        if self.list.len() >= limits::FACTS_MAX {
            return None;
        }
        self.list.push(fact);
        Some((self.list.len() - 1) as u16)
    }
}
