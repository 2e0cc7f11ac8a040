//! Several tenants in one process: what is one's is no other's, and what one does too much of harms nobody else.

use crate::house::{engine_with, error, json, local};
use engine::Config as EngineConfig;
use loadgen::{Client, Response};
use serde_json::json as value;
use server::{Access, Config, Quota, ROUTES, Rate, Role, Route, Server, StartError, Tenant, TenantConfig, Token};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROLES: [Role; 3] = [Role::Ingest, Role::Serve, Role::Admin];
const OPERATOR: &str = "the-operator-0123456789";

fn secret(tenant: &str, role: Role) -> String {
    format!("{tenant}-{role:?}-0123456789")
}

fn tokens(tenant: &str) -> Vec<Token> {
    ROLES.iter().map(|role| Token::new(*role, &secret(tenant, *role)).expect("long enough")).collect()
}

fn tenant(name: &str, quota: Quota) -> TenantConfig {
    TenantConfig { name: name.into(), tokens: tokens(name), quota }
}

fn config() -> Config {
    let mut config = Config::new(local());
    config.threads = 1;
    config.tokens = vec![Token::new(Role::Admin, OPERATOR).expect("long enough")];
    config
}

/// Two tenants, `a` with this quota and this engine, `b` without limits.
struct Street {
    server: Option<Server>,
    folders: Vec<PathBuf>,
}

impl Street {
    fn open(quota: Quota, change: impl FnOnce(&mut EngineConfig, &mut journal::Options)) -> Street {
        let server = Server::listen_for(config(), vec![tenant("b", Quota::default()), tenant("a", quota)]);
        let server = server.unwrap_or_else(|error| panic!("{error}"));
        let (a, folder_of_a) = engine_with(change);
        let (b, folder_of_b) = engine_with(|_, _| {});
        slot(&server, "a").serve(a);
        slot(&server, "b").serve(b);
        Street { server: Some(server), folders: vec![folder_of_a, folder_of_b] }
    }

    fn address(&self) -> SocketAddr {
        self.server.as_ref().expect("it runs").address()
    }

    fn client(&self, token: &str) -> Client {
        Client::new(self.address(), Duration::from_secs(5)).with_token(token)
    }

    fn admin(&self, tenant: &str) -> Client {
        self.client(&secret(tenant, Role::Admin))
    }
}

impl Drop for Street {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
        for folder in &self.folders {
            // What is left behind lies in the system's temporary folder.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

fn slot<'s>(server: &'s Server, name: &str) -> &'s Arc<Tenant> {
    server.tenants().iter().find(|tenant| tenant.name() == Some(name)).expect("it was configured")
}

fn events(user: &str, count: usize) -> Vec<u8> {
    (0..count)
        .map(|_| format!("{{\"event\":\"view\",\"user\":\"{user}\",\"item\":\"i1\"}}\n"))
        .collect::<String>()
        .into()
}

fn call(client: &mut Client, tenant: &str, route: &Route) -> Response {
    let path = route.path.replace("{type}", "item").replace("{key}", "i1").replace("{feed}", "home");
    let body = route.method.as_str().starts_with('P').then_some(&b"{}"[..]);
    let path = format!("/t/{tenant}{}", path.replace("{id}", "d9-9"));
    // A stream of outcomes would not end; with this it is refused once the token is seen to.
    client.request(route.method.as_str(), &path, &[("last-event-id", "never")], body).expect("an answer")
}

#[test]
fn a_token_opens_its_own_tenant_only() {
    let street = Street::open(Quota::default(), |_, _| {});
    for route in &ROUTES {
        for role in ROLES {
            let mut client = street.client(&secret("a", role));
            let own = call(&mut client, "a", route);
            let allowed = match route.access {
                Access::Open | Access::AnyToken => true,
                Access::Only(needed) => role == needed || role == Role::Admin,
            };
            assert_eq!(!matches!(own.status, 401 | 403), allowed, "{role:?} at its own {}: {}", route.path, own.status);
            let refused = (401, "unauthorized".to_owned(), "authorization".to_owned());
            let (other, nobody) = (call(&mut client, "b", route), call(&mut client, "c", route));
            assert_eq!(error(&other), refused, "{role:?} of a at b's {}", route.path);
            assert_eq!(other.body, nobody.body, "whether a tenant is there is not told");
        }
        let operator = call(&mut street.client(OPERATOR), "a", route);
        assert_eq!(operator.status, 401, "the operator's token at {}", route.path);
        let without = call(&mut Client::new(street.address(), Duration::from_secs(5)), "a", route);
        assert_eq!(without.status, 401, "no token at {}", route.path);
    }
}

#[test]
fn the_process_has_its_own_few_calls() {
    let street = Street::open(Quota::default(), |_, _| {});
    let mut stranger = Client::new(street.address(), Duration::from_secs(5));
    assert_eq!(stranger.get("/healthz").unwrap().status, 200);
    let ready = json(&stranger.get("/readyz").unwrap());
    assert_eq!(ready, value!({"ready": true, "tenants": {"serving": 2, "recovering": 0, "failed": 0}}));
    assert_eq!(stranger.get("/metrics").unwrap().status, 401);
    assert_eq!(street.admin("a").get("/metrics").unwrap().status, 401, "other tenants' figures are not a's");
    let (status, code, _) = error(&street.admin("a").get("/v1/spec").unwrap());
    assert_eq!((status, code.as_str()), (404, "not_found"));
    street.admin("a").post("/t/a/v1/events", &events("u", 3)).unwrap();
    for name in ["x", "y", "../a", "%2e%2e", "A", ""] {
        assert_ne!(street.admin("a").get(&format!("/t/{name}/v1/spec")).unwrap().status, 200, "{name}");
    }
    let all = street.client(OPERATOR).get("/metrics").unwrap().text();
    let lines = |line: &str| all.lines().filter(|found| *found == line).count();
    assert_eq!(lines("millrace_events_accepted_total{tenant=\"a\"} 3"), 1, "{all}");
    assert_eq!(lines("millrace_events_accepted_total{tenant=\"b\"} 0"), 1, "{all}");
    assert_eq!(
        (lines("# TYPE millrace_requests counter"), lines("# TYPE millrace_ready gauge"), lines("# EOF")),
        (1, 1, 1)
    );
    assert!(all.contains("\nmillrace_connections ") && !all.contains("tenant=\"x\""), "{all}");
    let own = street.admin("a").get("/t/a/metrics").unwrap().text();
    assert!(own.contains("tenant=\"a\"") && !own.contains("tenant=\"b\""), "{own}");
}

#[test]
fn data_of_one_is_not_there_for_the_other() {
    let street = Street::open(Quota::default(), |_, _| {});
    let (mut a, mut b) = (street.admin("a"), street.admin("b"));
    assert_eq!(a.post("/t/a/v1/events", &events("ann", 5)).unwrap().status, 200);
    assert_eq!(json(&a.get("/t/a/v1/entities/user/ann").unwrap())["features"]["views"], value!(5.0));
    assert_eq!(b.get("/t/b/v1/entities/user/ann").unwrap().status, 404);
    let feed = |client: &mut Client, tenant: &str| {
        json(&client.post(&format!("/t/{tenant}/v1/feeds/home"), br#"{"user":"ann"}"#).unwrap())
    };
    assert_eq!(feed(&mut b, "b")["items"], value!([]));
    let id = feed(&mut a, "a")["decision"].as_str().expect("an id").to_owned();
    let read =
        |client: &mut Client, tenant: &str| client.get(&format!("/t/{tenant}/v1/decisions/{id}")).unwrap().status;
    let end = Instant::now() + Duration::from_secs(5);
    while read(&mut a, "a") != 200 {
        assert!(Instant::now() < end, "the record never came");
    }
    assert_eq!(read(&mut b, "b"), 404);
}

#[test]
fn rates_are_kept_per_tenant() {
    let rate = |burst| Some(Rate { per_second: 1, burst });
    let street = Street::open(Quota { requests: rate(20), events: rate(10), body_bytes: None }, |_, _| {});
    let mut a = street.admin("a");
    assert_eq!(a.post("/t/a/v1/events", &events("u", 300)).unwrap().status, 200, "one call is taken whole");
    let refused = a.post("/t/a/v1/events", &events("u", 1)).unwrap();
    assert_eq!(error(&refused), (429, "rate_limited".into(), "events".into()));
    let wait: u64 = refused.header("retry-after").expect("it is said").parse().expect("seconds");
    assert!((200..=300).contains(&wait), "300 events at one a second, 9 of them owed: {wait}");
    assert_eq!(error(&a.put("/t/a/v1/entities/item/i1", b"{}").unwrap()).1, "rate_limited");
    let statuses: Vec<u16> = (0..60).map(|_| a.get("/t/a/v1/spec").unwrap().status).collect();
    assert!(statuses.contains(&200) && statuses.contains(&429), "{statuses:?}");
    assert_eq!(
        (a.get("/t/a/readyz").unwrap().status, a.get("/t/a/metrics").unwrap().status),
        (200, 200),
        "not counted"
    );
    let mut b = street.admin("b");
    assert!((0..60).all(|_| b.get("/t/b/v1/spec").unwrap().status == 200));
    assert_eq!(b.post("/t/b/v1/events", &events("u", 300)).unwrap().status, 200);
    let stranger = street.admin("b").get("/t/a/v1/spec").unwrap();
    assert_eq!(stranger.status, 401, "who has no token uses up nothing and learns nothing");
}

#[test]
fn a_noisy_neighbour_is_not_heard() {
    let rate = Some(Rate { per_second: 5, burst: 5 });
    let street = Street::open(Quota { requests: rate, events: rate, body_bytes: None }, |_, _| {});
    let refused: usize = std::thread::scope(|scope| {
        let noisy: Vec<_> = (0..4)
            .map(|_| {
                let mut client = street.admin("a");
                scope.spawn(move || {
                    let sent = (0..100).map(|_| client.post("/t/a/v1/events", &events("u", 50)).unwrap().status);
                    sent.filter(|status| *status == 429).count()
                })
            })
            .collect();
        let mut quiet = street.admin("b");
        for n in 0..100 {
            let sent = quiet.post("/t/b/v1/events", &events("u", 1)).unwrap();
            assert_eq!(sent.status, 200, "event {n}: {}", sent.text());
            assert_eq!(quiet.post("/t/b/v1/feeds/home", b"{}").unwrap().status, 200);
        }
        noisy.into_iter().map(|noisy| noisy.join().expect("it ends")).sum()
    });
    assert!(refused > 300, "{refused} of 400 refused");
    assert_eq!(json(&street.admin("b").get("/t/b/v1/entities/user/u").unwrap())["features"]["views"], value!(100.0));
}

#[test]
fn bodies_of_one_leave_room_for_the_other() {
    let street = Street::open(Quota { body_bytes: Some(70_000), ..Quota::default() }, |_, _| {});
    let (mut a, mut b) = (street.admin("a"), street.admin("b"));
    assert_eq!(error(&a.post("/t/a/v1/events", &[b' '; 70_001]).unwrap()).1, "too_large");
    let mut slow = TcpStream::connect(street.address()).expect("the server listens");
    let bearer = secret("a", Role::Admin);
    let head = format!(
        "POST /t/a/v1/events HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {bearer}\r\ncontent-length: 60000\r\nconnection: close\r\n\r\n"
    );
    slow.write_all(head.as_bytes()).expect("the server reads");
    let mut refused = a.post("/t/a/v1/events", &[b' '; 20_000]).unwrap();
    let end = Instant::now() + Duration::from_secs(3);
    while refused.status != 429 {
        assert!(Instant::now() < end, "{}", refused.text());
        refused = a.post("/t/a/v1/events", &[b' '; 20_000]).unwrap();
    }
    assert_eq!(error(&refused), (429, "too_many_bytes".into(), "body".into()));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(b.post("/t/b/v1/events", &events("u", 1_000)).unwrap().status, 200);
    slow.write_all(&[b' '; 60_000]).expect("the server reads");
    let mut answer = String::new();
    slow.read_to_string(&mut answer).expect("the server answers and closes");
    assert!(answer.contains("invalid_json"), "{answer}");
    assert_eq!(error(&a.post("/t/a/v1/events", &[b' '; 20_000]).unwrap()).1, "invalid_json");
}

#[test]
fn who_is_full_is_full_alone() {
    let street = Street::open(Quota::default(), |config, options| {
        (config.entities_max, config.log_bytes_max, options.segment_bytes) = (3, 200_000, 64 << 10);
    });
    let (mut a, mut b) = (street.admin("a"), street.admin("b"));
    for n in 0..3 {
        assert_eq!(a.put(&format!("/t/a/v1/entities/item/i{n}"), b"{}").unwrap().status, 200);
    }
    assert_eq!(error(&a.put("/t/a/v1/entities/item/i3", b"{}").unwrap()).1, "capacity_reached");
    assert_eq!(b.put("/t/b/v1/entities/item/i3", b"{}").unwrap().status, 200);
    let full = (0..10_000).find_map(|_| {
        let sent = a.post("/t/a/v1/events", &events("u", 100)).unwrap();
        (sent.status != 200).then(|| error(&sent))
    });
    assert_eq!(full, Some((507, "log_full".into(), String::new())));
    let answers = (0..10_000).map(|_| a.post("/t/a/v1/feeds/home", b"{}").unwrap()).take_while(|got| got.status == 200);
    assert!(answers.count() > 10, "answers go on for a while after events");
    assert_eq!(error(&a.post("/t/a/v1/feeds/home", b"{}").unwrap()).1, "log_full", "and end too");
    assert_eq!(a.get("/t/a/v1/entities/user/u").unwrap().status, 200, "what is there is read");
    assert_eq!(a.get("/t/a/readyz").unwrap().status, 200);
    assert_eq!(b.post("/t/b/v1/events", &events("u", 100)).unwrap().status, 200);
}

#[test]
fn a_poisoned_log_is_its_tenants_own() {
    let street = Street::open(Quota::default(), |_, options| options.segment_bytes = 64 << 10);
    let (mut a, mut b) = (street.admin("a"), street.admin("b"));
    assert_eq!(a.post("/t/a/v1/events", &events("u", 1)).unwrap().status, 200);
    // The next segment cannot be made: the disk fails for this log in a way that no retry can mend.
    std::fs::remove_dir_all(&street.folders[0]).expect("it is there");
    let failed = (0..1_000).find_map(|_| {
        let sent = a.post("/t/a/v1/events", &events("u", 1_000)).unwrap();
        (sent.status != 200).then(|| error(&sent))
    });
    let (status, code, _) = failed.expect("the log fails");
    assert_eq!((status, code.as_str()), (503, "journal_failed"));
    let readiness = a.get("/t/a/readyz").unwrap();
    assert_eq!((readiness.status, &json(&readiness)["error"]["code"]), (503, &value!("journal_failed")));
    assert_eq!(b.post("/t/b/v1/events", &events("u", 10)).unwrap().status, 200);
    assert_eq!(b.post("/t/b/v1/feeds/home", br#"{"user":"u"}"#).unwrap().status, 200);
    let total = street.client(OPERATOR).get("/readyz").unwrap();
    assert_eq!((total.status, &json(&total)["tenants"]["failed"]), (200, &value!(1)), "b keeps the process in service");
}

#[test]
fn tenants_are_told_apart_or_not_served() {
    let start = |tenants: Vec<TenantConfig>| Server::listen_for(config(), tenants).map(|_| ());
    let (a, b) = (tenant("a", Quota::default()), tenant("b", Quota::default()));
    assert!(matches!(start(Vec::new()), Err(StartError::TenantCount(0))));
    assert!(matches!(start(vec![a.clone(), a.clone()]), Err(StartError::TenantTwice(name)) if name == "a"));
    let shared = TenantConfig { tokens: a.tokens[..1].to_vec(), ..b.clone() };
    assert!(matches!(start(vec![a.clone(), shared]), Err(StartError::SharedToken(..))));
    let operators = TenantConfig { tokens: config().tokens, ..b.clone() };
    assert!(matches!(start(vec![a.clone(), operators]), Err(StartError::SharedToken(..))));
    let bare = TenantConfig { tokens: Vec::new(), ..b };
    assert!(matches!(start(vec![a, bare]), Err(StartError::TenantWithoutTokens(name)) if name == "b"));
}

#[test]
fn without_any_token_only_this_machine_is_served() {
    let open = |name: &str| TenantConfig { tokens: Vec::new(), ..tenant(name, Quota::default()) };
    let everywhere = Config::new(([0, 0, 0, 0], 0).into());
    assert!(matches!(Server::listen_for(everywhere, vec![open("a")]), Err(StartError::OpenToTheNetwork(_))));
    let server = Server::listen_for(Config { tokens: Vec::new(), ..config() }, vec![open("a")]).expect("a free port");
    let mut client = Client::new(server.address(), Duration::from_secs(5));
    assert_eq!(error(&client.get("/t/b/v1/spec").unwrap()), (404, "unknown_tenant".into(), "path".into()));
    assert_eq!(client.get("/metrics").unwrap().status, 200);
    let from_afar = client.request("GET", "/metrics", &[("origin", "http://example.com")], None).unwrap();
    assert_eq!(from_afar.status, 403);
}

#[test]
fn each_is_served_as_soon_as_it_is_open() {
    let tenants = ["a", "b", "c"].map(|name| tenant(name, Quota::default()));
    let server = Server::listen_for(config(), tenants.into()).expect("a free port");
    let client = |token: &str| Client::new(server.address(), Duration::from_secs(5)).with_token(token);
    let total = || {
        let response = client("").get("/readyz").unwrap();
        (response.status, json(&response)["tenants"].clone())
    };
    let mut a = client(&secret("a", Role::Admin));
    slot(&server, "a").progress(8_192, 100_000);
    let opening = a.get("/t/a/readyz").unwrap();
    assert_eq!((opening.status, &json(&opening)["progress"]), (503, &value!({"done": 8_192, "total": 100_000})));
    assert_eq!(error(&a.post("/t/a/v1/events", &events("u", 1)).unwrap()), (503, "recovering".into(), String::new()));
    assert_eq!(total(), (503, value!({"serving": 0, "recovering": 3, "failed": 0})));
    let (engine, folder) = engine_with(|_, _| {});
    slot(&server, "a").serve(engine);
    assert_eq!(a.post("/t/a/v1/events", &events("u", 1)).unwrap().status, 200);
    slot(&server, "b").fail();
    let failed = client(&secret("b", Role::Serve)).post("/t/b/v1/feeds/home", b"{}").unwrap();
    assert_eq!(error(&failed), (503, "tenant_failed".into(), String::new()));
    assert_eq!(total(), (503, value!({"serving": 1, "recovering": 1, "failed": 1})));
    slot(&server, "c").fail();
    assert_eq!(total(), (200, value!({"serving": 1, "recovering": 0, "failed": 2})));
    server.stop();
    let disk = Arc::new(journal::FileDisk::open(&folder).expect("the folder is there"));
    assert!(journal::open(disk, journal::Options::default()).is_ok(), "a stop lets go of every log");
    std::fs::remove_dir_all(folder).expect("the folder is there");
}
