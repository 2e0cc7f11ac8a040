//! A real server over a real engine in a temporary folder, asked by a real gRPC client.

use engine::{Clock, Engine};
use grpc::proto::decide_response::Answer;
use grpc::proto::decisions_client::DecisionsClient;
use grpc::proto::outcomes_response::Outcome;
use grpc::proto::value::Kind;
use grpc::proto::{DecideRequest, DecideResponse, Event, OutcomesRequest, OutcomesResponse, Value};
use server::{Config, Role, Server, Token};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};

const SPEC: &str = "
version: 1
events:
  payment: { user: user, fields: { amount: float, tags: [string] } }
features:
  user:
    payments_1d: count(payment, 1d)
    again: seq(payment, payment, 1h)
alarms:
  again: { of: user, when: again, reason: '{payments_1d} today', tags: [twice] }
decisions:
  risk:
    on: payment
    rules:
      - { id: many, when: user.payments_1d >= 3, score: 0.6, reason: '{user.payments_1d} in a day', tags: [velocity] }
      - { id: large, when: amount > 100, score: 0.3 }
    tiers: { decline: 0.8, look: 0.5, otherwise: pass }
  other:
    on: payment
    rules:
      - { id: any, when: amount > 0, outcome: seen }
    tiers: { seen: 1, otherwise: unseen }
";

struct House {
    server: Option<Server>,
    grpc: SocketAddr,
    folder: PathBuf,
}

impl House {
    fn open(change: impl FnOnce(&mut Config)) -> House {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("millrace-grpc-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        let disk = Arc::new(journal::FileDisk::open(&folder).expect("the temporary folder is writable"));
        let plan = spec::compile("test.yaml", SPEC).unwrap_or_else(|wrong| panic!("{}", spec::render(&wrong)));
        let (settings, options) = (engine::Config::new(Clock::Wall), journal::Options::default());
        let (engine, _) =
            Engine::open(disk, options, Arc::new(plan), settings, &mut |_, _| {}).expect("an empty folder opens");
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut config = Config::new(local);
        config.threads = 1;
        config.limits.stop_time = Duration::from_secs(5);
        change(&mut config);
        let mut server = Server::start(config, Arc::new(engine)).expect("a loopback port is free");
        let grpc = grpc::serve(&mut server, local).expect("a loopback port is free");
        House { server: Some(server), grpc, folder }
    }

    async fn client(&self) -> DecisionsClient<Channel> {
        let endpoint = Channel::from_shared(format!("http://{}", self.grpc)).expect("an address");
        DecisionsClient::new(endpoint.connect().await.expect("the server listens"))
    }

    fn http(&self) -> loadgen::Client {
        loadgen::Client::new(self.server.as_ref().expect("it runs").address(), Duration::from_secs(5))
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.server.take().into_iter().for_each(Server::stop);
        // What is left behind lies in the system's temporary folder.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Requests as they are given.
struct Requests(mpsc::Receiver<DecideRequest>);

impl Stream for Requests {
    type Item = DecideRequest;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<DecideRequest>> {
        self.0.poll_recv(context)
    }
}

async fn stream(house: &House) -> (mpsc::Sender<DecideRequest>, Streaming<DecideResponse>) {
    let (send, requests) = mpsc::channel(1_000);
    let answers = house.client().await.decide_stream(Requests(requests)).await.expect("the call is let in");
    (send, answers.into_inner())
}

fn value(kind: Kind) -> Value {
    Value { kind: Some(kind) }
}

fn payment(n: usize) -> DecideRequest {
    let fields = [
        ("user".to_owned(), value(Kind::Text(format!("u{}", n % 7)))),
        ("amount".to_owned(), value(Kind::Number((n * 37 % 200) as f64))),
    ];
    let event = Event { id: format!("p{n}"), fields: fields.into(), ..Event::default() };
    DecideRequest { decision: "risk".into(), event: Some(event), facts: false }
}

fn code_of(status: &Status) -> (Code, &str) {
    let ours = status.metadata().get("millrace-code").and_then(|code| code.to_str().ok()).unwrap_or("");
    (status.code(), ours)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

#[test]
fn one_event_is_decided_as_over_http() {
    let house = House::open(|_| {});
    runtime().block_on(async {
        let mut client = house.client().await;
        for n in 0..21 {
            let asked = DecideRequest { facts: true, ..payment(n) };
            let verdict = client.decide(asked.clone()).await.expect("it is decided").into_inner();
            let again = client.decide(asked).await.expect("it is decided").into_inner();
            assert!(again.duplicate && !verdict.duplicate && again.id == verdict.id);
            assert_eq!(verdict.facts["user.payments_1d"], value(Kind::Number((n / 7 + 1) as f64)));
            // The same event over HTTP is the same event.
            let body = format!("{{\"id\":\"p{n}\",\"amount\":{:?},\"user\":\"u{}\"}}", (n * 37 % 200) as f64, n % 7);
            let answer = house.http().post("/v1/decisions/risk", body.as_bytes()).expect("it answers").text();
            for part in [format!("\"id\":\"{}\"", verdict.id), format!("\"outcome\":\"{}\"", verdict.outcome)] {
                assert!(answer.contains(&part), "{answer} lacks {part}");
            }
            let reasons: Vec<&str> = verdict.reasons.iter().map(|reason| &*reason.rule).collect();
            let expected = [("many", n >= 14), ("large", n * 37 % 200 > 100)];
            assert_eq!(reasons, expected.into_iter().filter(|of| of.1).map(|of| of.0).collect::<Vec<_>>());
        }
        let text = house.http().get("/metrics").expect("it answers").text();
        assert!(text.contains("route=\"/millrace.v1.Decisions/Decide\",status=\"200\"} 42"), "{text}");
    });
}

#[test]
fn a_stream_answers_each_before_the_next_is_sent() {
    let house = House::open(|_| {});
    runtime().block_on(async {
        let (send, mut answers) = stream(&house).await;
        for n in 0..20 {
            send.send(payment(n)).await.unwrap();
            let answer = answers.message().await.unwrap().expect("an answer");
            assert_eq!(answer.number, n as u64 + 1);
            assert!(matches!(answer.answer, Some(Answer::Verdict(_))), "{answer:?}");
        }
        let open = Instant::now();
        tokio::time::sleep(Duration::from_millis(20)).await;
        let least = open.elapsed().as_secs_f64();
        drop(send);
        assert!(answers.message().await.unwrap().is_none());
        // It is counted when it has ended, with all the time that it took.
        let seconds = |text: &str| -> Option<f64> {
            let line =
                text.lines().find(|line| line.contains("seconds_sum") && line.contains("Decisions/DecideStream"))?;
            line.rsplit(' ').next()?.parse().ok()
        };
        let mut took = None;
        for _ in 0..2_000 {
            took = seconds(&house.http().get("/metrics").expect("it answers").text());
            if took.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(took.is_some_and(|took| took >= least), "{took:?} s");
    });
}

#[test]
fn a_bad_message_gets_an_error_in_its_place() {
    let house = House::open(|_| {});
    runtime().block_on(async {
        let (send, mut answers) = stream(&house).await;
        let with = |name: &str, kind| {
            let mut asked = payment(0);
            asked.event.as_mut().unwrap().id.clear();
            asked.event.as_mut().unwrap().fields.insert(name.to_owned(), value(kind));
            asked
        };
        let list = |values| Kind::List(grpc::proto::List { values });
        let table = [
            (payment(0), "", "risk"),
            (DecideRequest { event: None, ..payment(1) }, "missing_field", ""),
            (DecideRequest { decision: String::new(), ..payment(2) }, "", "risk"),
            (DecideRequest { decision: "other".into(), ..payment(3) }, "", "other"),
            (DecideRequest { decision: String::new(), ..payment(4) }, "", "other"),
            (DecideRequest { decision: "nothing".into(), ..payment(5) }, "unknown_decision", ""),
            (with("amount", Kind::Number(f64::NAN)), "invalid_value", ""),
            (with("amount", Kind::Text("much".into())), "wrong_type", ""),
            (with("amont", Kind::Integer(1)), "unknown_field", ""),
            (with("tags", list(vec![value(Kind::Text("a".into())); 3])), "", "risk"),
            (with("tags", list(vec![value(list(vec![]))])), "wrong_type", ""),
            (payment(0), "", "risk"),
        ];
        for (asked, ..) in &table {
            send.send(asked.clone()).await.unwrap();
        }
        drop(send);
        for ((_, code, decision), number) in table.iter().zip(1..) {
            let answer = answers.message().await.unwrap().expect("an answer to each");
            assert_eq!(answer.number, number);
            match answer.answer {
                Some(Answer::Verdict(verdict)) => assert_eq!((*code, &*verdict.decision), ("", *decision)),
                Some(Answer::Error(error)) => assert_eq!(error.code, *code, "{error:?}"),
                None => panic!("no answer to {number}"),
            }
        }
        assert!(answers.message().await.unwrap().is_none());
    });
}

#[test]
fn many_are_answered_in_order() {
    let house = House::open(|_| {});
    runtime().block_on(async {
        let (send, mut answers) = stream(&house).await;
        let sending = tokio::spawn(async move {
            for n in 0..20_000 {
                send.send(payment(n)).await.unwrap();
            }
        });
        for number in 1..=20_000 {
            let answer = answers.message().await.unwrap().expect("an answer to each");
            assert_eq!(answer.number, number);
            assert!(matches!(answer.answer, Some(Answer::Verdict(_))), "{answer:?}");
        }
        sending.await.unwrap();
        assert!(answers.message().await.unwrap().is_none());
    });
}

#[test]
fn tokens_open_what_they_open_over_http() {
    let token = |role| Token::new(role, &format!("{role:?}-0123456789abcdef")).expect("it is long enough");
    let house = House::open(|config| config.tokens = vec![token(Role::Serve), token(Role::Ingest)]);
    runtime().block_on(async {
        let mut client = house.client().await;
        for (secret, expected) in [
            (None, (Code::Unauthenticated, "unauthorized")),
            (Some("Bearer wrong-0123456789abcdef"), (Code::Unauthenticated, "unauthorized")),
            (Some("Bearer Ingest-0123456789abcdef"), (Code::PermissionDenied, "forbidden")),
            (Some("Bearer Serve-0123456789abcdef"), (Code::Ok, "")),
        ] {
            let mut request = Request::new(payment(0));
            if let Some(secret) = secret {
                request.metadata_mut().insert("authorization", secret.parse().unwrap());
            }
            let answer = client.decide(request).await;
            let told = answer.as_ref().err().map_or((Code::Ok, ""), code_of);
            assert_eq!(told, expected, "{secret:?}: {answer:?}");
        }
    });
}

#[test]
fn refusals_of_one_event_are_statuses() {
    let house = House::open(|_| {});
    runtime().block_on(async {
        let mut client = house.client().await;
        let nothing = DecideRequest { decision: "nothing".into(), ..payment(0) };
        let none = DecideRequest { event: None, ..payment(0) };
        client.decide(payment(1)).await.expect("it is decided");
        let mut reused = payment(1);
        reused.event.as_mut().unwrap().fields.insert("amount".into(), value(Kind::Number(7.5)));
        for (asked, expected) in [
            (nothing, (Code::NotFound, "unknown_decision")),
            (none, (Code::InvalidArgument, "missing_field")),
            (reused, (Code::AlreadyExists, "id_reused")),
        ] {
            let status = client.decide(asked).await.expect_err("it is refused");
            assert_eq!(code_of(&status), expected, "{status:?}");
        }
        let mut tenant = Request::new(payment(0));
        tenant.metadata_mut().insert("millrace-tenant", "shop".parse().unwrap());
        let status = client.decide(tenant).await.expect_err("there are no tenants");
        assert_eq!(code_of(&status), (Code::NotFound, "unknown_tenant"));
    });
}

#[test]
fn a_stop_ends_streams_and_says_so() {
    let mut house = House::open(|_| {});
    runtime().block_on(async {
        let (send, mut answers) = stream(&house).await;
        send.send(payment(0)).await.unwrap();
        assert!(answers.message().await.unwrap().is_some());
        let (server, start) = (house.server.take().unwrap(), Instant::now());
        let stopping = std::thread::spawn(move || server.stop());
        let status = answers.message().await.expect_err("a last word");
        assert_eq!(code_of(&status), (Code::Unavailable, "stopping"));
        drop((send, answers));
        while !stopping.is_finished() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stopping.join().unwrap();
        assert!(start.elapsed() < Duration::from_secs(4), "the stop waits for no open stream");
    });
}

async fn outcomes(house: &House, request: OutcomesRequest) -> Streaming<OutcomesResponse> {
    house.client().await.outcomes(request).await.expect("the call is let in").into_inner()
}

async fn take(told: &mut Streaming<OutcomesResponse>, count: usize) -> Vec<OutcomesResponse> {
    let mut all = Vec::new();
    while all.len() < count {
        all.push(told.message().await.expect("it goes on").expect("there is more"));
    }
    all
}

/// The text members of this name, in the order of the page.
fn members(page: &str, name: &str) -> Vec<String> {
    let opening = format!("\"{name}\":\"");
    let parts = page.split(&opening).skip(1);
    parts.filter_map(|part| Some(part.split_once('"')?.0.to_owned())).collect()
}

#[test]
fn outcomes_come_as_over_http_and_go_on_behind_each() {
    let house = House::open(|_| {});
    runtime().block_on(async {
        let mut client = house.client().await;
        let mut live = outcomes(&house, OutcomesRequest::default()).await;
        for n in 0..21 {
            client.decide(payment(n)).await.expect("it is decided");
        }
        let page = house.http().get("/v1/outcomes?limit=1000").expect("it answers").text();
        let (keys, kinds) = (members(&page, "key"), members(&page, "kind"));
        // Two decisions on each, and from its second payment on each user alarms.
        assert_eq!(kinds.iter().filter(|kind| *kind == "alarm").count(), 7, "{page}");
        assert_eq!(kinds.len(), 49);
        let all = take(&mut live, keys.len()).await;
        for (response, (key, kind)) in all.iter().zip(keys.iter().zip(&kinds)) {
            let told = match response.outcome.as_ref().expect("it is an outcome") {
                Outcome::Verdict(verdict) => {
                    let event = response.event.as_ref().expect("a verdict has its event");
                    assert_eq!((event.event.as_str(), verdict.decision.is_empty()), ("payment", false));
                    assert!(event.fields["amount"].kind.is_some());
                    "verdict"
                }
                Outcome::Alarm(alarm) => {
                    assert_eq!(
                        (alarm.alarm.as_str(), alarm.of.as_str(), &*alarm.tags),
                        ("again", "user", &["twice".to_owned()][..])
                    );
                    assert_eq!((alarm.reason.as_str(), alarm.plan, response.event.is_none()), ("2 today", 1, true));
                    "alarm"
                }
            };
            assert_eq!((&response.cursor, told), (key, kind.as_str()));
        }
        for at in [0, 15, 30] {
            let behind = OutcomesRequest { after: Some(all[at].cursor.clone()), ..OutcomesRequest::default() };
            assert_eq!(take(&mut outcomes(&house, behind).await, 48 - at).await, all[at + 1..]);
        }
        let alarms = OutcomesRequest { kind: Some("alarm".to_owned()), ..OutcomesRequest::default() };
        let alarms = take(&mut outcomes(&house, alarms).await, 7).await;
        assert!(alarms.iter().all(|response| all.contains(response)));
        // What comes is told as it comes.
        client.decide(payment(21)).await.expect("it is decided");
        assert!(take(&mut live, 2).await.iter().all(|response| response.position > all[48].position));
        let bad = |after: &str| OutcomesRequest { after: Some(after.to_owned()), ..OutcomesRequest::default() };
        for (request, field) in [
            (bad("x"), "after"),
            (bad("d1-4711"), "after"),
            (OutcomesRequest { alarm: Some("agin".to_owned()), ..OutcomesRequest::default() }, "alarm"),
        ] {
            let status = client.outcomes(request).await.expect_err("it is refused");
            assert_eq!(code_of(&status), (Code::InvalidArgument, "invalid_value"), "{status:?}");
            assert_eq!(status.metadata().get("millrace-field").and_then(|of| of.to_str().ok()), Some(field));
        }
        let mut house = house;
        house.server.take().into_iter().for_each(Server::stop);
        let status = live.message().await.expect_err("it ends");
        assert_eq!(code_of(&status), (Code::Unavailable, "stopping"));
    });
}
