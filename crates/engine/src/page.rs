//! Further pages: what an answer kept for later, asked for with a token that says where to go on. The token is sealed with the
//! node's key, so that only what this node gave out is taken back.

mod key;

pub use key::page_key;

use crate::core::Core;
use crate::serve::Served;
use domain::{Answer, Code, DecisionId, FeedRequest, Page, Position, Refusal, Subject, Time, limits};
use journal::Disk;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

/// First answers kept in memory: until their records are on disk, and while their next pages are likely to be asked for.
const KEPT_MAX: usize = 128;

/// The key that page tokens are sealed with.
pub type PageKey = [u8; 32];

/// What a token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// The decision of the first page.
    pub(crate) of: DecisionId,
    /// How many places of its order are used up.
    pub(crate) from: u16,
    /// Not after this time of the clock.
    pub(crate) until: Time,
    /// Hash of feed and subject.
    pub(crate) about: u64,
}

const BODY: usize = 4 + 8 + 2 + 8 + 8;
const SEAL: usize = 32;

impl Token {
    /// The text form: body and seal in hexadecimal digits.
    pub(crate) fn seal(&self, key: &PageKey) -> String {
        let mut bytes = Vec::with_capacity(BODY + SEAL);
        bytes.extend_from_slice(&self.of.epoch.to_le_bytes());
        bytes.extend_from_slice(&self.of.position.0.to_le_bytes());
        bytes.extend_from_slice(&self.from.to_le_bytes());
        bytes.extend_from_slice(&self.until.0.to_le_bytes());
        bytes.extend_from_slice(&self.about.to_le_bytes());
        let seal = blake3::keyed_hash(key, &bytes);
        bytes.extend_from_slice(seal.as_bytes());
        bytes
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
            .collect()
    }

    /// Reads the text form; none if it was not sealed with this key.
    pub(crate) fn open(text: &str, key: &PageKey) -> Option<Token> {
        let digits = text.as_bytes();
        if digits.len() != 2 * (BODY + SEAL) || !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let digit = |digit: u8| if digit <= b'9' { digit - b'0' } else { digit - b'a' + 10 };
        let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
        let (body, seal) = bytes.split_at(BODY);
        // Compared in constant time.
        if blake3::keyed_hash(key, body) != blake3::Hash::from_bytes(seal.try_into().ok()?) {
            return None;
        }
        let word =
            |at: usize| body[at..at + 8].try_into().map(u64::from_le_bytes).expect("eight bytes of a body of thirty");
        Some(Token {
            of: DecisionId {
                epoch: u32::from_le_bytes(body[..4].try_into().expect("four bytes of a body of thirty")),
                position: Position(word(4)),
            },
            from: u16::from_le_bytes([body[12], body[13]]),
            until: Time(word(14) as i64),
            about: word(22),
        })
    }
}

/// What a token is about, so that it is good for nothing else.
fn about(feed: &str, subject: &Subject) -> u64 {
    let (kind, key) = match subject {
        Subject::Anonymous => (0, ""),
        Subject::User(key) => (1, key.as_str()),
        Subject::Item(key) => (2, key.as_str()),
    };
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[kind]).update(&(feed.len() as u64).to_le_bytes()).update(feed.as_bytes()).update(key.as_bytes());
    let hash = hasher.finalize();
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("a hash has more than eight bytes"))
}

/// First answers that were given lately.
#[derive(Default)]
pub(crate) struct FirstPages(Mutex<VecDeque<(DecisionId, Arc<Answer>)>>);

impl FirstPages {
    fn keep(&self, id: DecisionId, answer: Answer) {
        let mut kept = self.0.lock();
        if kept.len() == KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back((id, Arc::new(answer)));
    }

    fn find(&self, id: DecisionId) -> Option<Arc<Answer>> {
        self.0.lock().iter().rev().find(|(kept, _)| *kept == id).map(|(_, answer)| answer.clone())
    }
}

impl<D: Disk> Core<D> {
    /// The token for what follows a first answer; none if nothing does.
    pub(crate) fn first_token(&self, id: DecisionId, answer: &Answer) -> Option<String> {
        if answer.later.is_empty() {
            return None;
        }
        self.first_pages.keep(id, answer.clone());
        let token = Token {
            of: id,
            from: answer.items.len() as u16,
            until: self.now().plus(limits::PAGE_TTL),
            about: about(&answer.request.feed, &answer.request.subject),
        };
        Some(token.seal(&self.config.page_key))
    }

    /// Answers the page that a token stands for: the next `count` items of the first answer's order that are still there and still
    /// pass its filters. `count` is that of the first page unless given.
    ///
    /// # Errors
    /// `bad_page_token`; `page_expired`: by time, or because the first answer or the spec that it was given under is gone.
    pub fn page(&self, feed: &str, token: &str, count: Option<u16>) -> Result<Served, Refusal> {
        self.refuse_if_closed()?;
        let token = Token::open(token, &self.config.page_key).ok_or_else(bad_token)?;
        if self.now() > token.until {
            return Err(expired("it was given out too long ago"));
        }
        let first = self.first_page(token.of)?;
        if token.about != about(feed, &first.request.subject) || first.request.feed != feed {
            return Err(Refusal::new(Code::BadPageToken, "page", "this token is for another feed; ask that one"));
        }
        if first.plan != self.generation().version {
            return Err(expired("the spec has changed since"));
        }
        let request = page_request(&first, token, count).ok_or_else(bad_token)?;
        let mut served = self.serve(request)?;
        let looked = served.answer.request.page.as_ref().map_or(0, |page| page.items.len());
        let from = usize::from(token.from) + looked;
        let more = from < first.items.len() + first.later.len();
        served.next = more.then(|| Token { from: from as u16, ..token }.seal(&self.config.page_key));
        Ok(served)
    }

    /// Whether the answer that a token goes on from is in memory: else its record is read from the log, and synced first if it is
    /// still on its way to the disk.
    pub fn page_is_at_hand(&self, token: &str) -> bool {
        Token::open(token, &self.config.page_key).is_none_or(|token| self.first_pages.find(token.of).is_some())
    }

    /// The clock's time; the log's own where that follows events.
    fn now(&self) -> Time {
        self.config.clock.now().max(self.generation().state.epochs.read().log_time)
    }

    /// The answer that a token goes on from: kept in memory, or read from the log.
    fn first_page(&self, id: DecisionId) -> Result<Arc<Answer>, Refusal> {
        if let Some(answer) = self.first_pages.find(id) {
            return Ok(answer);
        }
        self.decision(id).map(Arc::new).map_err(|refusal| match refusal.code {
            Code::UnknownDecision | Code::Gone => expired("the first page's record is gone"),
            _ => refusal,
        })
    }
}

/// What a page works on; none if the answer does not reach so far.
fn page_request(first: &Answer, token: Token, count: Option<u16>) -> Option<FeedRequest> {
    let from = usize::from(token.from).checked_sub(first.items.len())?;
    let items = first.later.get(from..)?.to_vec();
    // Routes of feeds that are mixed in are numbered behind the feed's own.
    let mut best = vec![0.0f64; first.route_counts.len()];
    for hit in first.items.iter().chain(&first.later).flat_map(|item| &item.routes) {
        let route = usize::from(hit.route);
        best.resize(best.len().max(route + 1), 0.0);
        best[route] = best[route].max(hit.score);
    }
    let page = Page { of: token.of, from: token.from, best, items };
    let count = count.unwrap_or(first.request.count);
    Some(FeedRequest { page: Some(page), count, deadline: None, ..first.request.clone() })
}

fn bad_token() -> Refusal {
    let message =
        "this is no token of this server; send the `next` of an answer as it was given, or ask for the first page";
    Refusal::new(Code::BadPageToken, "page", message)
}

pub(crate) fn expired(why: &str) -> Refusal {
    Refusal::new(
        Code::PageExpired,
        "page",
        format!("the page can no longer be given: {why}; ask for the first page again"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sealed_is_opened() {
        let of = DecisionId { epoch: 3, position: Position(u64::MAX - 1) };
        let token = Token { of, from: 20, until: Time(-5), about: 77 };
        let (key, text) = ([7; 32], token.seal(&[7; 32]));
        assert_eq!(Token::open(&text, &key), Some(token));
        assert_eq!(Token::open(&text, &[8; 32]), None);
        for at in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(Token::open(std::str::from_utf8(&forged).unwrap(), &key), None, "digit {at}");
            assert_eq!(Token::open(&text[..at], &key), None);
        }
        assert_eq!(Token::open(&text.to_uppercase(), &key), None);
        assert_eq!(Token::open(&format!("{text}00"), &key), None);
    }

    #[test]
    fn a_token_is_about_one_feed_and_one_subject() {
        let user = |key: &str| Subject::User(key.to_owned());
        let item = Subject::Item("a".into());
        let all = [
            about("f", &user("a")),
            about("f", &user("b")),
            about("fa", &user("")),
            about("f", &item),
            about("f", &Subject::Anonymous),
        ];
        assert!((0..all.len()).all(|at| !all[..at].contains(&all[at])));
    }
}
