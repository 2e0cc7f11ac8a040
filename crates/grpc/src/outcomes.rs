//! Outcomes as they come, as messages: the same reader as that of server-sent events, written otherwise.

use crate::generated::{self as proto, outcomes_response};
use crate::messages::{value_of, verdict_of};
use crate::status::status_of;
use domain::{Code, Event, Refusal};
use server::{Followed, Following, OutcomesQuery};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::Status;
use wire::{AlarmView, OutcomeOf, OutcomeView};

/// Responses that wait for the connection.
pub(crate) const AHEAD: usize = 32;

type Out = mpsc::Sender<Result<proto::OutcomesResponse, Status>>;

/// What a request asks for.
pub(crate) fn query(request: proto::OutcomesRequest) -> OutcomesQuery {
    let proto::OutcomesRequest { after, kind, decision, outcome, alarm, facts } = request;
    OutcomesQuery { after, kind, decision, outcome, alarm, facts }
}

/// Tells as long as somebody listens; notes whether everything was told that was to be.
pub(crate) async fn run(mut following: Following, (out, whole): (Out, Arc<AtomicBool>), patience: Duration) {
    loop {
        let followed = tokio::select! {
            followed = following.next(response) => followed,
            () = out.closed() => return,
        };
        let (responses, ends) = match followed {
            Ok(Followed::Told(responses)) => (responses.into_iter().map(Ok).collect(), false),
            Ok(Followed::Quiet(cursor)) => {
                let (position, cursor) = (cursor.position().0, cursor.to_string());
                (vec![Ok(proto::OutcomesResponse { cursor, position, outcome: None, event: None })], false)
            }
            Ok(Followed::Stopped) => {
                let message = "the server is stopping; go on behind the last that came";
                (vec![Err(status_of(&Refusal::new(Code::Stopping, "", message)))], true)
            }
            Err(refusal) => (vec![Err(status_of(&refusal))], true),
        };
        let patience = following.patience(patience);
        for response in responses {
            if !matches!(timeout(patience, out.send(response)).await, Ok(Ok(()))) {
                return;
            }
        }
        if ends {
            return whole.store(true, Ordering::Release);
        }
    }
}

fn response(view: &OutcomeView<'_>) -> proto::OutcomesResponse {
    let (outcome, event) = match &view.what {
        OutcomeOf::Verdict(verdict, event) => {
            (outcomes_response::Outcome::Verdict(verdict_of(verdict)), Some(event_of(event)))
        }
        OutcomeOf::Alarm(alarm) => (outcomes_response::Outcome::Alarm(alarm_of(alarm)), None),
    };
    let (cursor, position) = (view.key.to_string(), view.key.decision.position.0);
    proto::OutcomesResponse { cursor, position, outcome: Some(outcome), event }
}

fn event_of(event: &Event<'_>) -> proto::TakenEvent {
    let fields = event.fields.iter().map(|field| (field.name.to_string(), value_of(&field.value)));
    proto::TakenEvent {
        event: event.kind.to_string(),
        id: event.id.as_deref().unwrap_or_default().to_owned(),
        source: event.source.to_string(),
        time_ms: event.time.map(|time| time.0),
        fields: fields.collect(),
    }
}

fn alarm_of(alarm: &AlarmView<'_>) -> proto::Alarm {
    proto::Alarm {
        alarm: alarm.alarm.to_owned(),
        of: alarm.of.to_owned(),
        entity: alarm.entity.to_owned(),
        log_time_ms: alarm.log_time.0,
        reason: alarm.reason.to_owned(),
        tags: alarm.tags.to_vec(),
        plan: alarm.plan.0,
    }
}
