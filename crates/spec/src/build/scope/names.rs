//! Declared features by path, and the names that could have been meant.

use super::is_aggregate;
use crate::build::{Builder, ITEM};
use crate::plan::Cross;
use expr::{Node, NodeKind};

impl Builder<'_> {
    /// The declared feature that a path means inside a table, if it means one.
    pub(in crate::build) fn feature_of(&self, table: u16, path: &[&str]) -> Option<usize> {
        if let [name] = path {
            return self.declared.get(&(table, (*name).to_owned())).copied();
        }
        let own = &self.tables[usize::from(table)];
        let declared = self.absolute_feature(path)?;
        let of = &self.tables[usize::from(self.table_of(declared))];
        let second = match own.cross {
            Some(Cross::ItemField(_)) => Some(ITEM),
            Some(Cross::Entity(entity)) => Some(entity),
            None => None,
        };
        let readable =
            of.name == own.name || (of.cross.is_none() && (of.entity == own.entity || Some(of.entity) == second));
        readable.then_some(declared)
    }

    /// The declared feature with this full path: `user.views_1h`, `user.category.share_7d`.
    pub(in crate::build) fn absolute_feature(&self, path: &[&str]) -> Option<usize> {
        let (name, table) = path.split_last()?;
        let table = self.table(&table.join("."))?;
        self.declared.get(&(table, (*name).to_owned())).copied()
    }

    pub(in crate::build) fn table_of(&self, declared: usize) -> u16 {
        self.declared_tables[declared]
    }

    /// Full paths of the features and attributes of an entity type and its crossed tables.
    pub(in crate::build) fn names_of(&self, entity: &str) -> Vec<String> {
        let features =
            self.declared.keys().map(|(table, name)| format!("{}.{name}", self.tables[usize::from(*table)].name));
        let of_entity = |path: &String| path.split('.').next() == Some(entity);
        let mut names: Vec<String> = features.filter(of_entity).collect();
        if let Some(index) = self.entity(entity) {
            let fields = &self.entities[usize::from(index)].fields;
            names.extend(fields.iter().map(|field| format!("{entity}.{}", field.name)));
        }
        names
    }

    /// Full paths of everything called `name`.
    pub(super) fn paths_ending_with(&self, name: &str) -> Vec<String> {
        let all = self.entities.iter().flat_map(|entity| self.names_of(&entity.name));
        all.filter(|path| path.rsplit('.').next() == Some(name)).collect()
    }
}

/// Every path of an expression that is not inside an aggregate and does not begin with a name that a macro binds.
pub(in crate::build) fn paths<'n>(builder: &Builder<'_>, node: &'n Node, found: &mut Vec<&'n [expr::Name]>) {
    match &node.kind {
        NodeKind::Path(names) => found.push(names),
        NodeKind::Call { name, args } if is_aggregate(builder, &name.text, args) => {}
        NodeKind::Macro(of) => {
            paths(builder, &of.over, found);
            let mut inside = Vec::new();
            of.filter.iter().chain([&of.body]).for_each(|node| paths(builder, node, &mut inside));
            let bound = |path: &&[expr::Name]| of.variables.iter().any(|variable| variable.text == path[0].text);
            found.extend(inside.into_iter().filter(|path| !bound(path)));
        }
        _ => node.children().into_iter().for_each(|child| paths(builder, child, found)),
    }
}

/// Every path of the conditions that patterns of a row hold: what they read is computed before.
pub(in crate::build) fn held_paths<'n>(builder: &Builder<'_>, node: &'n Node, found: &mut Vec<&'n [expr::Name]>) {
    match &node.kind {
        NodeKind::Call { name, args } if name.text == "held" && args.len() == 2 => paths(builder, &args[0], found),
        _ => node.children().into_iter().for_each(|child| held_paths(builder, child, found)),
    }
}
