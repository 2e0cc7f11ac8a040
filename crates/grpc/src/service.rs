//! The calls: one event, or a stream of them, taken in parts as they come and answered in order while more of them come.

use crate::generated::decisions_server::Decisions as Calls;
use crate::generated::{
    DecideRequest, DecideResponse, OutcomesRequest, OutcomesResponse, Verdict, decide_response::Answer,
};
use crate::messages::{Answers, batch};
use crate::outcomes;
use crate::status::status_of;
use domain::{Code, Refusal, limits};
use server::{Caller, Decisions, Part};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

/// Messages that are taken together.
const PART_MAX: usize = 256;
/// Answers that wait for the connection.
const ANSWERS: usize = 2 * PART_MAX;

/// A call, by its path.
#[derive(Clone, Copy)]
pub(crate) enum Call {
    Decide,
    DecideStream,
    Outcomes,
}

impl Call {
    pub(crate) fn of(path: &str) -> Option<Call> {
        [Call::Decide, Call::DecideStream, Call::Outcomes].into_iter().find(|call| call.name() == path)
    }

    /// Its path, which metrics name it by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Call::Decide => "/millrace.v1.Decisions/Decide",
            Call::DecideStream => "/millrace.v1.Decisions/DecideStream",
            Call::Outcomes => "/millrace.v1.Decisions/Outcomes",
        }
    }
}

/// The service. Who calls stands in the request's extensions.
pub(crate) struct Service;

fn caller_of<T>(request: &Request<T>) -> Result<(Caller, Decisions), Status> {
    let missing = || status_of(&Refusal::new(Code::Internal, "", "the server made a mistake; ask again"));
    request.extensions().get::<(Caller, Decisions)>().cloned().ok_or_else(missing)
}

#[tonic::async_trait]
impl Calls for Service {
    type DecideStreamStream = Sent<DecideResponse>;
    type OutcomesStream = Sent<OutcomesResponse>;

    async fn decide(&self, request: Request<DecideRequest>) -> Result<Response<Verdict>, Status> {
        let start = Instant::now();
        let (caller, _) = caller_of(&request)?;
        let answer = decide(&caller, request.into_inner()).await;
        caller.answered(Call::Decide.name(), answer.as_ref().err().map(|refusal| refusal.code), start.elapsed());
        answer.map(Response::new).map_err(|refusal| status_of(&refusal))
    }

    async fn decide_stream(
        &self,
        request: Request<Streaming<DecideRequest>>,
    ) -> Result<Response<Sent<DecideResponse>>, Status> {
        let (caller, decisions) = caller_of(&request)?;
        let (out, sent) = mpsc::channel(ANSWERS);
        let whole = Arc::new(AtomicBool::new(false));
        tokio::spawn(run(caller, decisions, request.into_inner(), (out, whole.clone())));
        let cut =
            "answers waited too long to be read and the rest is not told; send those events again with the same ids";
        Ok(Response::new(Sent { sent, whole: Some(whole), cut }))
    }

    async fn outcomes(&self, request: Request<OutcomesRequest>) -> Result<Response<Sent<OutcomesResponse>>, Status> {
        let start = Instant::now();
        let (caller, decisions) = caller_of(&request)?;
        let following = caller.outcomes(outcomes::query(request.into_inner())).map_err(|refusal| {
            caller.answered(Call::Outcomes.name(), Some(refusal.code), start.elapsed());
            status_of(&refusal)
        })?;
        let (out, sent) = mpsc::channel(outcomes::AHEAD);
        let whole = Arc::new(AtomicBool::new(false));
        let told = outcomes::run(following, (out, whole.clone()), decisions.limits().write_time);
        tokio::spawn(async move {
            told.await;
            caller.answered(Call::Outcomes.name(), None, start.elapsed());
        });
        let cut = "outcomes waited too long to be read; go on behind the last that came";
        Ok(Response::new(Sent { sent, whole: Some(whole), cut }))
    }
}

async fn decide(caller: &Caller, request: DecideRequest) -> Result<Verdict, Refusal> {
    let DecideRequest { decision, event, facts } = request;
    let name: Arc<str> = decision.into();
    let kind = caller.event_of(&name)?;
    let wait = caller.wait();
    if !wait.is_zero() {
        let message = format!("this tenant sends more events a second than it may; send it again in {wait:.1?}");
        return Err(Refusal::new(Code::RateLimited, "events", message));
    }
    let part = caller.take(&name, facts, batch([event.as_ref()].into_iter(), &kind)).await;
    let mut answers = Answers::default();
    caller.tell(part, &mut answers).await;
    match (answers.refused, answers.answers.pop().and_then(|response| response.answer)) {
        (Some(refusal), _) => Err(refusal),
        (None, Some(Answer::Verdict(verdict))) => Ok(verdict),
        (None, _) => Err(Refusal::new(Code::Internal, "", "the event was not answered; send it again")),
    }
}

/// Answers on their way.
pub(crate) struct Sent<T> {
    sent: mpsc::Receiver<Result<T, Status>>,
    /// Whether all answers were sent by the time that nothing more comes; none once that was seen to.
    whole: Option<Arc<AtomicBool>>,
    /// What is said if they were not.
    cut: &'static str,
}

impl<T> Stream for Sent<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.sent.poll_recv(context) {
            Poll::Ready(None) => {}
            other => return other,
        }
        let cut = self.whole.take().is_some_and(|whole| !whole.load(Ordering::Acquire));
        Poll::Ready(cut.then(|| Err(status_of(&Refusal::new(Code::Timeout, "", self.cut)))))
    }
}

type Out = mpsc::Sender<Result<DecideResponse, Status>>;

/// Takes and tells side by side, until the client has ended its stream or the server stops.
async fn run(
    caller: Caller,
    decisions: Decisions,
    requests: Streaming<DecideRequest>,
    (out, whole): (Out, Arc<AtomicBool>),
) {
    let (config, counted, start) = (*decisions.limits(), caller.clone(), Instant::now());
    let (parts, taken) = mpsc::channel(limits::STREAM_PARTS_MAX);
    let intake = intake(caller.clone(), requests, parts, config.idle_time);
    let (ended, told) = tokio::join!(intake, tell(caller, taken, &out, config.write_time));
    let code = ended.as_ref().err().and_then(|(_, code)| *code);
    let said = match ended {
        Ok(()) => true,
        Err((status, _)) => matches!(timeout(config.write_time, out.send(Err(status))).await, Ok(Ok(()))),
    };
    whole.store(told.is_ok() && said, Ordering::Release);
    let code = told.err().unwrap_or(code);
    counted.answered(Call::DecideStream.name(), code, start.elapsed());
}

/// How a stream of requests ends early, and our code for it; none if it is the client's doing.
type Cut = (Status, Option<Code>);

fn cut(code: Code, message: &str) -> Cut {
    (status_of(&Refusal::new(code, "", message)), Some(code))
}

/// What is asked of messages until one of them asks for something else.
#[derive(Clone, PartialEq)]
struct Asked {
    name: Arc<str>,
    facts: bool,
}

async fn intake(
    mut caller: Caller,
    mut requests: Streaming<DecideRequest>,
    parts: mpsc::Sender<(Part, u64)>,
    idle: Duration,
) -> Result<(), Cut> {
    let mut asked = Asked { name: "".into(), facts: false };
    let mut before = 0;
    loop {
        let mut some = Vec::new();
        let ended = tokio::select! {
            biased;
            () = caller.stopped() => {
                return Err(cut(Code::Stopping, "the server is stopping; what was answered is taken, send the rest again"));
            }
            came = timeout(idle, next(&mut requests, &mut some)) => match came {
                Ok(came) => came.map(|ended| ended.map_err(|status| (status, None))),
                Err(_) => Some(Err(cut(Code::Timeout, "nothing came for too long; begin another stream"))),
            },
        };
        for (asked, messages) in split(some, &mut asked) {
            let wait = caller.wait();
            if !wait.is_zero() {
                sleep(wait).await;
            }
            let count = messages.len() as u64;
            let kind = caller.event_of(&asked.name).unwrap_or_default();
            let events = batch(messages.iter().map(|message| message.event.as_ref()), &kind);
            let part = caller.take(&asked.name, asked.facts, events).await;
            if parts.send((part, before)).await.is_err() {
                // Without anybody who tells there is no client any more.
                return Ok(());
            }
            before += count;
        }
        if let Some(ended) = ended {
            return ended;
        }
    }
}

/// Waits for a message and adds it, with those that have come already; how the stream ends, if it does.
async fn next(requests: &mut Streaming<DecideRequest>, some: &mut Vec<DecideRequest>) -> Option<Result<(), Status>> {
    poll_fn(|context| {
        while some.len() < PART_MAX {
            match Pin::new(&mut *requests).poll_next(context) {
                Poll::Ready(Some(Ok(message))) => some.push(message),
                Poll::Ready(Some(Err(status))) => return Poll::Ready(Some(Err(status))),
                Poll::Ready(None) => return Poll::Ready(Some(Ok(()))),
                Poll::Pending if some.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(None)
    })
    .await
}

/// Messages by what they ask; `asked` is what those before them asked, and the name is as before where one has none.
fn split(messages: Vec<DecideRequest>, asked: &mut Asked) -> Vec<(Asked, Vec<DecideRequest>)> {
    let mut parts: Vec<(Asked, Vec<DecideRequest>)> = Vec::new();
    for message in messages {
        if !message.decision.is_empty() && *message.decision != *asked.name {
            asked.name = message.decision.as_str().into();
        }
        asked.facts = message.facts;
        match parts.last_mut() {
            Some((same, part)) if same == asked => part.push(message),
            _ => parts.push((asked.clone(), vec![message])),
        }
    }
    parts
}

/// Tells of parts, one after the other, as long as somebody listens; whether all was told.
async fn tell(
    caller: Caller,
    mut taken: mpsc::Receiver<(Part, u64)>,
    out: &Out,
    patience: Duration,
) -> Result<(), Option<Code>> {
    while let Some((part, before)) = taken.recv().await {
        let mut answers = Answers { before, ..Answers::default() };
        caller.tell(part, &mut answers).await;
        for answer in answers.answers {
            match timeout(patience, out.send(Ok(answer))).await {
                Ok(Ok(())) => {}
                // The client has gone.
                Ok(Err(_)) => return Err(None),
                Err(_) => return Err(Some(Code::Timeout)),
            }
        }
    }
    Ok(())
}
