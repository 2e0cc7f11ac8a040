//! Rerankers: what each reads of the items, and whether it can do anything.

use super::{Builder, ITEM};
use crate::diagnostic::{Issue, quoted};
use crate::plan::{Rerank, Spread};
use crate::source::{RerankSource, SpreadSource};
use domain::Type;

impl Builder<'_> {
    pub(super) fn rerank(&mut self, source: &RerankSource) -> Option<Rerank> {
        match source {
            RerankSource::Spread(spread) => self.spread(spread).map(Rerank::Spread),
        }
    }

    fn spread(&mut self, source: &SpreadSource) -> Option<Spread> {
        if source.max > source.window {
            let message =
                format!("`max` ({}) is larger than `window` ({}), so nothing is spread", source.max, source.window);
            self.issues.push(Issue::new("out_of_range", &source.span, message));
        }
        let field = self.item_attribute(&source.attribute, "`spread`")?;
        let ty = &self.entities[usize::from(ITEM)].fields[usize::from(field)].ty;
        if !matches!(ty, Type::Str | Type::Bool | Type::Int) {
            let message =
                format!("{} is {ty}; items can be spread by string, bool or int", quoted(&source.attribute.text));
            self.issues.push(Issue::new("wrong_type", &source.attribute.span, message));
        }
        Some(Spread { field, window: source.window, max: source.max })
    }
}
