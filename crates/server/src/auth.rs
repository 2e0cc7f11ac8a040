//! Who may call what: bearer tokens by role, kept as digests and compared in constant time.

use crate::config::StartError;
use crate::routes::Access;
use domain::{Code, Refusal};
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HOST, ORIGIN};
use std::net::IpAddr;

/// What a token is for. `Admin` may do what the others may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sends events and entities.
    Ingest,
    /// Asks feeds, decisions and entities.
    Serve,
    /// Lists and decides what waits for a person.
    Review,
    /// Everything.
    Admin,
}

/// A secret and its role. Only its digest is kept, so that nothing can print it.
#[derive(Clone, Debug)]
pub struct Token {
    role: Role,
    digest: blake3::Hash,
}

impl Token {
    /// Least length of a secret, in bytes.
    pub const BYTES_MIN: usize = 16;

    /// A token for this role.
    ///
    /// # Errors
    /// `WeakToken` if the secret is short.
    pub fn new(role: Role, secret: &str) -> Result<Token, StartError> {
        if secret.len() < Token::BYTES_MIN {
            return Err(StartError::WeakToken);
        }
        Ok(Token { role, digest: blake3::hash(secret.as_bytes()) })
    }

    /// Whether both are the same secret, whatever their roles.
    pub(crate) fn same(&self, other: &Token) -> bool {
        self.digest == other.digest
    }
}

/// Refuses a request that its credentials do not allow. A secret that is listed for several roles may do what each of them may.
///
/// # Errors
/// `unauthorized` without a known token, `forbidden` with one of another role.
pub(crate) fn admit(tokens: &[Token], headers: &HeaderMap, access: Access) -> Result<(), Refusal> {
    if access == Access::Open {
        return Ok(());
    }
    if tokens.is_empty() {
        return admit_local(headers);
    }
    let digest = bearer(headers).map(blake3::hash).ok_or_else(unauthorized)?;
    match known_and_allowed(tokens, &digest, access) {
        (_, true) => Ok(()),
        (true, false) => {
            let message = "this token's role does not allow the call; use another token";
            Err(Refusal::new(Code::Forbidden, "authorization", message))
        }
        (false, false) => Err(unauthorized()),
    }
}

/// The same for the Gorse interface, whose clients send one secret as `X-API-Key`.
///
/// # Errors
/// As [`admit`].
pub(crate) fn admit_key(tokens: &[Token], headers: &HeaderMap, access: Access) -> Result<(), Refusal> {
    if access == Access::Open {
        return Ok(());
    }
    if tokens.is_empty() {
        return admit_local(headers);
    }
    let digest = blake3::hash(headers.get("x-api-key").map_or(&[][..], |key| key.as_bytes()));
    match known_and_allowed(tokens, &digest, access) {
        (_, true) => Ok(()),
        (true, false) => Err(Refusal::new(Code::Forbidden, "", "this key's role does not allow the call")),
        (false, false) => Err(Refusal::new(Code::Unauthorized, "", "unauthorized")),
    }
}

/// What who has no token here is told, whether or not there is anything here.
pub(crate) fn unauthorized() -> Refusal {
    let message = "send a token of this server: 'Authorization: Bearer <token>'";
    Refusal::new(Code::Unauthorized, "authorization", message)
}

/// The secret that the request carries.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, secret) = value.split_at_checked(7)?;
    let only = headers.get_all(AUTHORIZATION).iter().count() == 1;
    (only && scheme.eq_ignore_ascii_case(b"bearer ")).then_some(secret)
}

/// Whether the secret is listed, and for a role that may do this. Every token is compared, whatever the result of the others; digests
/// are compared in constant time.
fn known_and_allowed(tokens: &[Token], digest: &blake3::Hash, access: Access) -> (bool, bool) {
    let may_not = |role| matches!(access, Access::Only(needed) if needed != role && role != Role::Admin);
    tokens.iter().fold((false, false), |(known, allowed), token| {
        let same = token.digest == *digest;
        (known | same, allowed | (same & !may_not(token.role)))
    })
}

/// Without tokens only programs of this machine may call; a web page in its browser may not, neither from another origin nor
/// under a name that was made to point here.
pub(crate) fn admit_local(headers: &HeaderMap) -> Result<(), Refusal> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    if !is_local(host) {
        let message = "without tokens the server answers to localhost only; call it by that name, or configure tokens";
        return Err(Refusal::new(Code::Forbidden, "host", message));
    }
    let origin = headers.get(ORIGIN).map(|origin| origin.to_str().unwrap_or("null"));
    match origin {
        Some(origin) if origin.strip_prefix("http://") != Some(host) => {
            let message = "without tokens the server answers no web page of another origin; configure tokens";
            Err(Refusal::new(Code::Forbidden, "origin", message))
        }
        _ => Ok(()),
    }
}

/// Whether the authority (name and port) names this machine.
fn is_local(authority: &str) -> bool {
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    };
    if matches!(name, "localhost" | "127.0.0.1") {
        return true;
    }
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn tokens_open_what_their_role_may() {
        let secret = |role| format!("{role:?}-0123456789abcdef");
        let roles = [Role::Ingest, Role::Serve, Role::Admin];
        let tokens: Vec<Token> = roles.map(|role| Token::new(role, &secret(role)).unwrap()).into();
        for role in roles {
            let bearer = headers(&[("authorization", &format!("Bearer {}", secret(role)))]);
            for needed in roles {
                let verdict = admit(&tokens, &bearer, Access::Only(needed)).map_err(|refusal| refusal.code);
                let expected = if role == needed || role == Role::Admin { Ok(()) } else { Err(Code::Forbidden) };
                assert_eq!(verdict, expected, "{role:?} calls {needed:?}");
            }
            assert!(admit(&tokens, &bearer, Access::AnyToken).is_ok());
        }
        for bad in
            ["", "Bearer", "Bearer ", "Bearer x", "Basic Admin-0123456789abcdef", "Bearer Admin-0123456789abcdeg"]
        {
            let verdict = admit(&tokens, &headers(&[("authorization", bad)]), Access::AnyToken);
            assert_eq!(verdict.map_err(|refusal| refusal.code), Err(Code::Unauthorized), "{bad}");
        }
        let both = [Role::Serve, Role::Ingest].map(|role| Token::new(role, "one-secret-for-two").unwrap());
        let bearer = headers(&[("authorization", "Bearer one-secret-for-two")]);
        let verdict = |needed| admit(&both, &bearer, Access::Only(needed)).map_err(|refusal| refusal.code);
        assert_eq!(roles.map(verdict), [Ok(()), Ok(()), Err(Code::Forbidden)]);
        let two = format!("Bearer {}", secret(Role::Admin));
        let two = headers(&[("authorization", &two), ("authorization", &two)]);
        assert!(admit(&tokens, &two, Access::AnyToken).is_err());
        assert!(admit(&tokens, &HeaderMap::new(), Access::Open).is_ok());
        assert!(Token::new(Role::Admin, "short").is_err());
        assert!(!format!("{tokens:?}").contains("0123456789abcdef"));
    }

    #[test]
    fn without_tokens_only_this_machine_is_answered() {
        let admit = |pairs: &[(&'static str, &str)]| admit(&[], &headers(pairs), Access::AnyToken).is_ok();
        for host in ["localhost", "localhost:80", "LocalHost:8080", "127.0.0.1:1", "127.8.9.1", "[::1]:80", "[::1]"] {
            assert!(admit(&[("host", host)]), "{host}");
        }
        for host in ["", "example.com", "localhost.example.com", "192.168.0.1:80", "[::2]", "evil:80"] {
            assert!(!admit(&[("host", host)]), "{host}");
        }
        assert!(admit(&[("host", "localhost:80"), ("origin", "http://localhost:80")]));
        assert!(!admit(&[("host", "localhost:80"), ("origin", "http://example.com")]));
        assert!(!admit(&[("host", "localhost:80"), ("origin", "null")]));
    }
}
