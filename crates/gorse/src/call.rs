//! The table of calls: method and path to what is asked. A path may end with a slash more, as clients with an empty category
//! send it.

use domain::{Code, Refusal};

/// What a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Call {
    Live,
    Ready,
    InsertUser,
    InsertUsers,
    ReadUser,
    ListUsers,
    PatchUser,
    DeleteUser,
    InsertItem,
    InsertItems,
    ReadItem,
    ListItems,
    PatchItem,
    DeleteItem,
    AddCategory,
    RemoveCategory,
    AddFeedback,
    SetFeedback,
    ListFeedback,
    PairFeedback,
    OneFeedback,
    DeletePair,
    DeleteOne,
    UserFeedback,
    ItemFeedback,
    Recommend,
    Session,
    Collaborative,
    Latest,
    NonPersonalized,
    ItemToItem,
    UserToUser,
    ItemNeighbours,
    UserNeighbours,
}

/// What a caller must be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Anybody may ask.
    Open,
    /// Reading and being recommended to.
    Read,
    /// Changing users, items, feedback.
    Write,
}

struct Route {
    method: &'static str,
    path: &'static str,
    call: Call,
}

const fn route(method: &'static str, path: &'static str, call: Call) -> Route {
    Route { method, path, call }
}

static ROUTES: [Route; 46] = [
    route("GET", "/api/health/live", Call::Live),
    route("GET", "/api/health/ready", Call::Ready),
    route("POST", "/api/user", Call::InsertUser),
    route("POST", "/api/users", Call::InsertUsers),
    route("GET", "/api/users", Call::ListUsers),
    route("GET", "/api/user/{user}", Call::ReadUser),
    route("PATCH", "/api/user/{user}", Call::PatchUser),
    route("DELETE", "/api/user/{user}", Call::DeleteUser),
    route("POST", "/api/item", Call::InsertItem),
    route("POST", "/api/items", Call::InsertItems),
    route("GET", "/api/items", Call::ListItems),
    route("GET", "/api/item/{item}", Call::ReadItem),
    route("PATCH", "/api/item/{item}", Call::PatchItem),
    route("DELETE", "/api/item/{item}", Call::DeleteItem),
    route("PUT", "/api/item/{item}/category/{category}", Call::AddCategory),
    route("DELETE", "/api/item/{item}/category/{category}", Call::RemoveCategory),
    route("POST", "/api/feedback", Call::AddFeedback),
    route("PUT", "/api/feedback", Call::SetFeedback),
    route("GET", "/api/feedback", Call::ListFeedback),
    route("GET", "/api/feedback/{type}", Call::ListFeedback),
    route("GET", "/api/feedback/{user}/{item}", Call::PairFeedback),
    route("DELETE", "/api/feedback/{user}/{item}", Call::DeletePair),
    route("GET", "/api/feedback/{type}/{user}/{item}", Call::OneFeedback),
    route("DELETE", "/api/feedback/{type}/{user}/{item}", Call::DeleteOne),
    route("GET", "/api/user/{user}/feedback", Call::UserFeedback),
    route("GET", "/api/user/{user}/feedback/{type}", Call::UserFeedback),
    route("GET", "/api/item/{item}/feedback", Call::ItemFeedback),
    route("GET", "/api/item/{item}/feedback/{type}", Call::ItemFeedback),
    route("GET", "/api/recommend/{user}", Call::Recommend),
    route("GET", "/api/recommend/{user}/{category}", Call::Recommend),
    route("POST", "/api/session/recommend", Call::Session),
    route("POST", "/api/session/recommend/{category}", Call::Session),
    route("GET", "/api/collaborative-filtering/{user}", Call::Collaborative),
    route("GET", "/api/collaborative-filtering/{user}/{category}", Call::Collaborative),
    // The same calls under the names of older servers.
    route("GET", "/api/intermediate/recommend/{user}", Call::Collaborative),
    route("GET", "/api/intermediate/recommend/{user}/{category}", Call::Collaborative),
    route("GET", "/api/popular", Call::NonPersonalized),
    route("GET", "/api/popular/{category}", Call::NonPersonalized),
    route("GET", "/api/latest", Call::Latest),
    route("GET", "/api/latest/{category}", Call::Latest),
    route("GET", "/api/non-personalized/{name}", Call::NonPersonalized),
    route("GET", "/api/item-to-item/{name}/{item}", Call::ItemToItem),
    route("GET", "/api/user-to-user/{name}/{user}", Call::UserToUser),
    route("GET", "/api/item/{item}/neighbors", Call::ItemNeighbours),
    route("GET", "/api/item/{item}/neighbors/{category}", Call::ItemNeighbours),
    route("GET", "/api/user/{user}/neighbors", Call::UserNeighbours),
];

/// A request's call and the values in its path.
#[derive(Clone, Debug)]
pub struct Found {
    /// What is asked.
    pub call: Call,
    /// The path's pattern, for metrics.
    pub route: &'static str,
    values: Vec<(&'static str, String)>,
}

impl Found {
    /// The value of the segment `{name}`; empty if the path has none.
    pub fn value(&self, name: &str) -> &str {
        self.values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// What the caller must be allowed to do.
    pub fn right(&self) -> Right {
        match self.call {
            Call::Live | Call::Ready => Right::Open,
            Call::InsertUser
            | Call::InsertUsers
            | Call::PatchUser
            | Call::DeleteUser
            | Call::InsertItem
            | Call::InsertItems
            | Call::PatchItem
            | Call::DeleteItem
            | Call::AddCategory
            | Call::RemoveCategory
            | Call::AddFeedback
            | Call::SetFeedback
            | Call::DeletePair
            | Call::DeleteOne => Right::Write,
            _ => Right::Read,
        }
    }

    /// Whether the call reads a body.
    pub fn reads_body(&self) -> bool {
        matches!(
            self.call,
            Call::InsertUser
                | Call::InsertUsers
                | Call::PatchUser
                | Call::InsertItem
                | Call::InsertItems
                | Call::PatchItem
                | Call::AddFeedback
                | Call::SetFeedback
                | Call::Session
        )
    }
}

/// Finds the call of a request; `decode` undoes the percent-encoding of a segment.
///
/// # Errors
/// `not_found`, `method_not_allowed`, or what `decode` refuses.
pub fn find(method: &str, path: &str, decode: impl Fn(&str) -> Result<String, Refusal>) -> Result<Found, Refusal> {
    let mut known = false;
    for route in &ROUTES {
        let Some(raw) = segments(route.path, path.trim_end_matches('/')) else { continue };
        known = true;
        if route.method == method {
            let values = raw.into_iter().map(|(name, value)| Ok((name, decode(value)?)));
            return Ok(Found { call: route.call, route: route.path, values: values.collect::<Result<_, _>>()? });
        }
    }
    if known {
        return Err(Refusal::new(Code::MethodNotAllowed, "", "this path does not take this method"));
    }
    Err(Refusal::new(Code::NotFound, "", "there is no such call; docs/gorse.md lists those that are served"))
}

/// The raw values of the pattern's braces, if the path fits it.
fn segments<'p>(pattern: &'static str, path: &'p str) -> Option<Vec<(&'static str, &'p str)>> {
    let mut values = Vec::new();
    let mut path = path.split('/');
    for expected in pattern.split('/') {
        let segment = path.next()?;
        match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(_) if segment.is_empty() => return None,
            Some(name) => values.push((name, segment)),
            None if segment != expected => return None,
            None => {}
        }
    }
    path.next().is_none().then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &str, path: &str) -> Result<Found, Code> {
        find(method, path, |segment| Ok(segment.to_owned())).map_err(|refusal| refusal.code)
    }

    #[test]
    fn every_row_is_found_with_and_without_a_slash_more() {
        for route in &ROUTES {
            let path = route.path.replace(['{', '}'], "");
            for path in [path.clone(), format!("{path}/")] {
                let found = found(route.method, &path).unwrap();
                assert_eq!((found.call, found.route), (route.call, route.path));
                for (name, value) in &found.values {
                    assert_eq!(name, value);
                }
            }
        }
    }

    #[test]
    fn other_paths_and_methods_are_refused() {
        for path in ["/api", "/api/", "/api/x", "/api/user//feedback", "/api/feedback/a/b/c/d", "/v1/events", ""] {
            assert_eq!(found("GET", path).map(|_| ()), Err(Code::NotFound), "{path}");
        }
        for (method, path) in [("PUT", "/api/user"), ("POST", "/api/latest"), ("GET", "/api/session/recommend")] {
            assert_eq!(found(method, path).map(|_| ()), Err(Code::MethodNotAllowed), "{path}");
        }
    }

    #[test]
    fn only_writes_need_the_right_to_write() {
        for route in &ROUTES {
            let path = route.path.replace(['{', '}'], "");
            let right = found(route.method, &path).unwrap().right();
            let writes = route.method != "GET" && route.call != Call::Session;
            assert_eq!(right == Right::Write, writes, "{path}");
        }
    }
}
