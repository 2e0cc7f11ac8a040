//! Budgets of the whole plan: streams, and bytes of state per key.

use super::Builder;
use crate::diagnostic::Issue;
use crate::source::Source;
use crate::summary::stream_bytes;
use domain::limits;

impl Builder<'_> {
    pub(super) fn check_budgets(&mut self, source: &Source) {
        let at = |name: &str| {
            source.tables.iter().find(|table| table.name.text == name).map(|table| table.name.span.clone())
        };
        if self.streams.len() > limits::STREAMS_MAX {
            let message = format!("the features count more than {} different things", limits::STREAMS_MAX);
            let span = source.tables.first().map_or(0..0, |table| table.name.span.clone());
            self.issues
                .push(Issue::new("over_budget", &span, message).help("remove features, or let them share filters"));
        }
        for (index, table) in self.tables.iter().enumerate() {
            let of_table = self.streams.iter().filter(|stream| usize::from(stream.table) == index);
            let bytes: usize = of_table.map(stream_bytes).sum();
            if bytes > limits::ROW_BYTES_MAX {
                let most = limits::ROW_BYTES_MAX;
                let message =
                    format!("a key of `{}` may need {bytes} bytes of state; at most {most} are allowed", table.name);
                let issue = Issue::new("over_budget", &at(&table.name).unwrap_or(0..0), message);
                self.issues.push(issue.help("use fewer windows and filters, or windows of lengths that share panes"));
            }
        }
    }
}
