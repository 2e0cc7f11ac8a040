//! The one table of calls: method, path, who may call. Nothing is reachable that does not stand here.

use crate::auth::Role;
use domain::{Code, Refusal};
use hyper::Method;

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Open,
    /// Any token of the server.
    AnyToken,
    /// A token of this role, or an admin's.
    Only(Role),
}

/// What a route leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Call {
    SendEvents,
    SendEntities,
    PutEntity,
    DeleteEntity,
    ReadEntity,
    SendList,
    ReadList,
    PutListed,
    DeleteListed,
    AskFeed,
    Decide,
    ReportDecision,
    ListReviews,
    ReadReview,
    ClaimReview,
    ReleaseReview,
    DecideReview,
    TryExpression,
    ReadDecision,
    ExplainDecision,
    ReplayDecision,
    ReadAlarms,
    ReadAttribution,
    ReadOutcomes,
    StreamOutcomes,
    ListSinks,
    ReadDead,
    SendDead,
    ForgetDead,
    ReadSpec,
    ChangeSpec,
    PlanSpec,
    RollBackSpec,
    ListSpecs,
    ReadSpecVersion,
    ReadChange,
    CancelChange,
    Health,
    Readiness,
    Metrics,
}

/// One row of the table.
#[derive(Clone, Debug)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path; a segment in braces takes any value.
    pub path: &'static str,
    /// Who may call.
    pub access: Access,
    /// What it leads to.
    pub call: Call,
    /// How many bytes of `path` stand before its first brace: most paths fit no further than that.
    literal: usize,
}

/// Where the paths of most routes differ.
const APART: usize = 4;

const fn route(method: Method, path: &'static str, access: Access, call: Call) -> Route {
    let mut literal = 0;
    while literal < path.len() && path.as_bytes()[literal] != b'{' {
        literal += 1;
    }
    Route { method, path, access, call, literal }
}

const INGEST: Access = Access::Only(Role::Ingest);
const SERVE: Access = Access::Only(Role::Serve);
const REVIEW: Access = Access::Only(Role::Review);
const ADMIN: Access = Access::Only(Role::Admin);

/// Every call of the server.
pub static ROUTES: [Route; 40] = [
    route(Method::POST, "/v1/events", INGEST, Call::SendEvents),
    route(Method::POST, "/v1/entities", INGEST, Call::SendEntities),
    route(Method::PUT, "/v1/entities/{type}/{key}", INGEST, Call::PutEntity),
    route(Method::DELETE, "/v1/entities/{type}/{key}", INGEST, Call::DeleteEntity),
    route(Method::GET, "/v1/entities/{type}/{key}", SERVE, Call::ReadEntity),
    route(Method::POST, "/v1/lists/{list}", INGEST, Call::SendList),
    route(Method::GET, "/v1/lists/{list}", SERVE, Call::ReadList),
    route(Method::PUT, "/v1/lists/{list}/{key}", INGEST, Call::PutListed),
    route(Method::DELETE, "/v1/lists/{list}/{key}", INGEST, Call::DeleteListed),
    route(Method::POST, "/v1/feeds/{feed}", SERVE, Call::AskFeed),
    route(Method::POST, "/v1/expressions", SERVE, Call::TryExpression),
    route(Method::POST, "/v1/decisions/{name}", SERVE, Call::Decide),
    route(Method::GET, "/v1/decisions/{id}", SERVE, Call::ReadDecision),
    route(Method::GET, "/v1/decisions/{id}/explain", SERVE, Call::ExplainDecision),
    route(Method::GET, "/v1/decisions/{id}/replay", ADMIN, Call::ReplayDecision),
    route(Method::GET, "/v1/alarms", SERVE, Call::ReadAlarms),
    route(Method::GET, "/v1/decisions/{name}/report", SERVE, Call::ReportDecision),
    route(Method::GET, "/v1/reviews", REVIEW, Call::ListReviews),
    route(Method::GET, "/v1/reviews/{decision}/{id}", REVIEW, Call::ReadReview),
    route(Method::POST, "/v1/reviews/{decision}/{id}/claim", REVIEW, Call::ClaimReview),
    route(Method::POST, "/v1/reviews/{decision}/{id}/release", REVIEW, Call::ReleaseReview),
    route(Method::POST, "/v1/reviews/{decision}/{id}/decide", REVIEW, Call::DecideReview),
    route(Method::GET, "/v1/attribution", SERVE, Call::ReadAttribution),
    route(Method::GET, "/v1/outcomes", SERVE, Call::ReadOutcomes),
    route(Method::GET, "/v1/outcomes/stream", SERVE, Call::StreamOutcomes),
    route(Method::GET, "/v1/sinks", ADMIN, Call::ListSinks),
    route(Method::GET, "/v1/sinks/{sink}/dead", ADMIN, Call::ReadDead),
    route(Method::POST, "/v1/sinks/{sink}/dead", ADMIN, Call::SendDead),
    route(Method::DELETE, "/v1/sinks/{sink}/dead", ADMIN, Call::ForgetDead),
    route(Method::GET, "/v1/spec", ADMIN, Call::ReadSpec),
    route(Method::PUT, "/v1/spec", ADMIN, Call::ChangeSpec),
    route(Method::POST, "/v1/spec/plan", ADMIN, Call::PlanSpec),
    route(Method::POST, "/v1/spec/rollback", ADMIN, Call::RollBackSpec),
    route(Method::GET, "/v1/spec/versions", ADMIN, Call::ListSpecs),
    route(Method::GET, "/v1/spec/versions/{version}", ADMIN, Call::ReadSpecVersion),
    route(Method::GET, "/v1/spec/change", ADMIN, Call::ReadChange),
    route(Method::DELETE, "/v1/spec/change", ADMIN, Call::CancelChange),
    route(Method::GET, "/healthz", Access::Open, Call::Health),
    route(Method::GET, "/readyz", Access::Open, Call::Readiness),
    route(Method::GET, "/metrics", Access::AnyToken, Call::Metrics),
];

/// A request's route and the values of the segments in braces, decoded.
#[derive(Debug)]
pub(crate) struct Matched {
    pub(crate) route: &'static Route,
    pub(crate) values: Vec<String>,
}

/// Finds the route of a request.
///
/// # Errors
/// `not_found`, `method_not_allowed`, or `invalid_value` for a segment that is not percent-encoded UTF-8.
pub(crate) fn find(method: &Method, path: &str) -> Result<Matched, Refusal> {
    let mut known = false;
    for route in &ROUTES {
        let Some(raw) = route.segments(path) else { continue };
        known = true;
        if route.takes(method) {
            let values = raw.into_iter().map(decoded).collect::<Result<_, _>>()?;
            return Ok(Matched { route, values });
        }
    }
    if known {
        let message = format!("this path takes {}", allowed(path));
        return Err(Refusal::new(Code::MethodNotAllowed, "method", message));
    }
    Err(nothing_here("there is nothing at this path; the calls are listed in the API guide"))
}

pub(crate) fn nothing_here(message: &str) -> Refusal {
    Refusal::new(Code::NotFound, "path", message)
}

/// The methods that a path takes, as the `Allow` header lists them.
pub(crate) fn allowed(path: &str) -> String {
    let routes = ROUTES.iter().filter(|route| route.segments(path).is_some());
    let methods = routes.flat_map(|route| {
        let head = route.takes(&Method::HEAD).then_some("HEAD");
        std::iter::once(route.method.as_str()).chain(head)
    });
    methods.collect::<Vec<_>>().join(", ")
}

impl Route {
    /// Whether it is reached by this method. Load balancers ask by `HEAD` whether a server is well: a `GET` without its body.
    fn takes(&self, method: &Method) -> bool {
        let asks_for_health = matches!(self.call, Call::Health | Call::Readiness);
        self.method == *method || (asks_for_health && *method == Method::HEAD)
    }

    /// The raw values of the pattern's braces, if the path fits it.
    fn segments<'p>(&self, path: &'p str) -> Option<Vec<&'p str>> {
        // The first byte behind `/v1/` tells most routes apart; no brace stands before it.
        if path.as_bytes().get(APART) != self.path.as_bytes().get(APART) {
            return None;
        }
        let (literal, pattern) = self.path.split_at(self.literal);
        let mut path = path.strip_prefix(literal)?.split('/');
        let mut values = Vec::new();
        for expected in pattern.split('/') {
            let segment = path.next()?;
            if expected.starts_with('{') {
                if segment.is_empty() {
                    return None;
                }
                values.push(segment);
            } else if segment != expected {
                return None;
            }
        }
        path.next().is_none().then_some(values)
    }
}

/// Undoes percent-encoding.
pub(crate) fn decoded(segment: &str) -> Result<String, Refusal> {
    let wrong = |what: &str| {
        Refusal::new(Code::InvalidValue, "path", format!("{what} in the path or query; encode it as UTF-8 with %XX"))
    };
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let hex = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        let ([high, low], tail) = rest.split_first_chunk::<2>().ok_or_else(|| wrong("an unfinished %"))?;
        let (high, low) = (hex(*high), hex(*low));
        let (Some(high), Some(low)) = (high, low) else { return Err(wrong("a % without two hexadecimal digits")) };
        bytes.push(high << 4 | low);
        rest = tail;
    }
    let text = String::from_utf8(bytes).map_err(|_| wrong("bytes that are not UTF-8"))?;
    if text.chars().any(char::is_control) { Err(wrong("a control character")) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_where_the_table_says() {
        for route in &ROUTES {
            let path = route.path.replace("{type}", "item").replace("{key}", "a%2Fb%20%C3%BC").replace("{id}", "d1-2");
            let path = path.replace("{version}", "3");
            let found = find(&route.method, &path.replace("{feed}", "home")).unwrap();
            assert_eq!(found.route.call, route.call);
            assert!(!path.contains("{key}") || found.values.last().is_none_or(|value| value.len() < 9));
        }
        assert_eq!(find(&Method::PUT, "/v1/entities/item/a%2Fb%20%C3%BC").unwrap().values, ["item", "a/b ü"]);
    }

    #[test]
    fn other_paths_lead_nowhere() {
        let code = |method: Method, path: &str| find(&method, path).unwrap_err().code;
        for path in
            ["", "/", "/v1", "/v1/events/", "//v1/events", "/v1/entities/item", "/v1/entities//k", "/V1/events", "*"]
        {
            assert_eq!(code(Method::POST, path), Code::NotFound, "{path}");
        }
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::DELETE] {
            assert_eq!(code(method, "/v1/events"), Code::MethodNotAllowed);
        }
        assert_eq!(allowed("/v1/entities/item/i1"), "PUT, DELETE, GET");
        assert_eq!((allowed("/readyz"), allowed("/metrics")), ("GET, HEAD".into(), "GET".into()));
        assert_eq!(find(&Method::HEAD, "/healthz").unwrap().route.call, Call::Health);
        for key in ["%", "%4", "%zz", "%ff", "%00", "%0a", "a%", "%C3%28", "%+1"] {
            assert_eq!(code(Method::PUT, &format!("/v1/entities/item/{key}")), Code::InvalidValue, "{key}");
        }
        assert_eq!(find(&Method::GET, "/v1/entities/item/%2e%2e").unwrap().values[1], "..");
    }
}
