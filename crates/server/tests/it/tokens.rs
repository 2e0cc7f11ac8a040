//! The table of routes, walked with no, a wrong, a low and the right token; and what open servers refuse.

use crate::house::{House, error, local};
use loadgen::Response;
use server::{Access, Config, ROUTES, Role, Route, Server, StartError, Token};

const SECRETS: [(Role, &str); 4] = [
    (Role::Ingest, "ingest-0123456789"),
    (Role::Serve, "serve-0123456789"),
    (Role::Review, "review-0123456789"),
    (Role::Admin, "admin-0123456789"),
];

fn guarded() -> House {
    House::with(|config| {
        config.tokens = SECRETS.iter().map(|(role, secret)| Token::new(*role, secret).expect("long enough")).collect();
    })
}

fn call(house: &House, route: &Route, token: Option<&str>) -> Response {
    let path = route
        .path
        .replace("{type}", "item")
        .replace("{key}", "i1")
        .replace("{feed}", "home")
        .replace("{list}", "picks")
        .replace("{id}", "d9-9");
    let body = route.method.as_str().starts_with('P').then_some(&b"{}"[..]);
    let mut client = house.client();
    if let Some(token) = token {
        client = client.with_token(token);
    }
    // A stream of outcomes would not end; with this it is refused once the token is seen to.
    client.request(route.method.as_str(), &path, &[("last-event-id", "never")], body).expect("an answer")
}

#[test]
fn every_route_asks_for_its_token() {
    let house = guarded();
    for route in &ROUTES {
        for token in [None, Some("wrong-0123456789"), Some("")] {
            let response = call(&house, route, token);
            if route.access == Access::Open {
                assert_eq!(response.status, 200, "{} is open", route.path);
            } else {
                assert_eq!(error(&response), (401, "unauthorized".into(), "authorization".into()), "{}", route.path);
                assert_eq!(response.header("www-authenticate"), Some("Bearer"));
            }
        }
        for (role, secret) in SECRETS {
            let allowed = match route.access {
                Access::Open | Access::AnyToken => true,
                Access::Only(needed) => role == needed || role == Role::Admin,
            };
            let status = call(&house, route, Some(secret)).status;
            assert_eq!(
                status != 403 && status != 401,
                allowed,
                "{role:?} at {} {}: {status}",
                route.method,
                route.path
            );
        }
    }
}

#[test]
fn an_open_server_answers_this_machine_only() {
    let house = House::open();
    let status = |headers: &[(&str, &str)]| house.client().request("GET", "/v1/spec", headers, None).unwrap().status;
    assert_eq!(status(&[]), 200);
    assert_eq!(status(&[("origin", "http://example.com")]), 403);
    assert_eq!(status(&[("origin", &format!("http://{}", house.address()))]), 200);
    assert_eq!(status(&[("host", "example.com")]), 400, "two hosts");
}

#[test]
fn a_server_open_to_the_network_does_not_start() {
    let house = House::open();
    drop(house);
    let everywhere = Config::new(([0, 0, 0, 0], 0).into());
    assert!(everywhere.is_open() && Config::new(local()).is_open());
    let house = std::panic::catch_unwind(|| House::with(|config| config.bind = ([0, 0, 0, 0], 0).into()));
    assert!(house.is_err());
    assert!(matches!(Token::new(Role::Admin, "short"), Err(StartError::WeakToken)));
    let _: fn(Config, std::sync::Arc<engine::Engine>) -> Result<Server, StartError> = Server::start;
}
