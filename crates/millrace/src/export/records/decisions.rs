//! Answers with the names of the plans that gave them.

use crate::table::{Column, Kind, Writer};
use anyhow::Result;
use domain::{Answer, DecisionId, PlanVersion, Raw, Subject};
use engine::{LogFile, Plan};
use journal::{FileDisk, RecordHeader};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use wire::AnswerView;

/// The columns of a table of answers.
pub(super) fn columns() -> Vec<Column> {
    vec![
        Column::new("@position", Kind::Int),
        Column::new("@log_time", Kind::Time),
        Column::new("decision", Kind::Text),
        Column::new("feed", Kind::Text),
        Column::new("user", Kind::Text),
        Column::new("item", Kind::Text),
        Column::new("now", Kind::Time),
        Column::of_lists("items", Kind::Text),
        Column::of_lists("scores", Kind::Float),
        Column::new("answer", Kind::Text),
    ]
}

/// Knows the plans of a log, as they are needed.
pub(super) struct Decisions<'l> {
    log: &'l LogFile<FileDisk>,
    plans: BTreeMap<PlanVersion, Option<Arc<Plan>>>,
}

impl<'l> Decisions<'l> {
    pub(super) fn new(log: &'l LogFile<FileDisk>) -> Decisions<'l> {
        Decisions { log, plans: BTreeMap::new() }
    }

    /// Appends the answer as `GET /v1/decisions/{id}` gives it; without names where its plan is gone.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, header: &RecordHeader, answer: &Answer) {
        let log = self.log;
        let plan = self.plans.entry(answer.plan).or_insert_with(|| log.plan_of(answer.plan)).clone();
        let feed = plan.as_ref().and_then(|plan| {
            let feed = &plan.feeds[usize::from(plan.feed(&answer.request.feed)?)];
            let reranks = feed.reranks.iter().map(|rerank| rerank.kind()).collect::<Vec<_>>();
            Some((plan.route_names(feed), plan.term_names(feed), reranks))
        });
        let (routes, terms, reranks) = feed.unwrap_or_default();
        let decision = DecisionId { epoch: header.epoch, position: header.position };
        let view = AnswerView {
            decision,
            answer,
            routes: &routes,
            terms: &terms,
            reranks: &reranks,
            detail: true,
            next: None,
            durability_wait_us: None,
        };
        wire::write_answer(out, &view);
    }

    /// Writes the answer as a row of [`columns`].
    pub(super) fn write_row<W: Write + Send>(
        &mut self,
        table: &mut Writer<W>,
        header: &RecordHeader,
        answer: &Answer,
    ) -> Result<()> {
        let text = |text: &str| Raw::Str(text.to_owned().into());
        let decision = DecisionId { epoch: header.epoch, position: header.position };
        table.set(0, &Raw::Int(header.position.0 as i64));
        table.set(1, &Raw::Int(header.log_time.0));
        table.set(2, &text(&decision.to_string()));
        table.set(3, &text(&answer.request.feed));
        match &answer.request.subject {
            Subject::User(user) => table.set(4, &text(user)),
            Subject::Item(item) => table.set(5, &text(item)),
            Subject::Anonymous => true,
        };
        table.set(6, &Raw::Int(answer.now.0));
        table.set(7, &Raw::List(answer.items.iter().map(|item| text(&item.item)).collect()));
        table.set(8, &Raw::List(answer.items.iter().map(|item| Raw::Float(item.score)).collect()));
        let mut json = Vec::new();
        self.write(&mut json, header, answer);
        table.set(9, &text(&String::from_utf8(json)?));
        table.end_row()
    }
}
