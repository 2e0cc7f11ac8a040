//! Routes by session and by users' histories, and the index behind them.

use super::Builder;
use crate::plan::{EntityIndex, Index, RouteSource as Source, Sessions};
use crate::source::SessionsSource;

impl Builder<'_> {
    pub(super) fn sessions(&mut self, source: &SessionsSource, subject: EntityIndex) -> Option<Source> {
        let events = self.visiting_events(&source.events);
        let from = self.from(source.from.as_ref()?, subject)?;
        if events.is_empty() {
            return None;
        }
        let index = self.index(Index::Sessions(Sessions {
            events,
            gap: source.gap,
            length: source.length,
            sessions: source.sessions,
            keep: source.keep,
            neighbours: source.neighbours,
            similarity_exponent: source.similarity_exponent,
            distance_decay: source.distance_decay,
            backward: source.backward,
            popularity_exponent: source.popularity_exponent,
            context_exponent: source.context_exponent,
            shrinkage: source.shrinkage,
            half_life: source.half_life,
        }));
        let SessionsSource { recency, context, skip_known, .. } = *source;
        Some(Source::Sessions { index, from, recency, context, skip_known })
    }
}
