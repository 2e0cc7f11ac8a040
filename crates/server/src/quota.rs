//! What one tenant may use of the process, counted where it is used: requests and events a second, bytes of bodies at once. What
//! it may keep (entities, bytes of log) is the engine's to refuse.

use crate::rate::{Bucket, Rate};
use crate::reply::Reply;
use domain::{Code, Refusal};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A tenant's limits; none = no limit of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Requests, readiness and metrics not counted.
    pub requests: Option<Rate>,
    /// Events and entities sent.
    pub events: Option<Rate>,
    /// Most bytes of request bodies in memory at once; also the most that one body may have.
    pub body_bytes: Option<usize>,
}

/// The counters behind a quota.
#[derive(Debug)]
pub(crate) struct Meter {
    requests: Option<Bucket>,
    events: Option<Bucket>,
    body_bytes_max: usize,
    body_bytes: AtomicUsize,
}

impl Meter {
    pub(crate) fn new(quota: Quota) -> Meter {
        Meter {
            requests: quota.requests.map(Bucket::new),
            events: quota.events.map(Bucket::new),
            body_bytes_max: quota.body_bytes.unwrap_or(usize::MAX),
            body_bytes: AtomicUsize::new(0),
        }
    }

    /// Counts a request; the reply to send instead if there were too many.
    pub(crate) fn request(&self) -> Option<Reply> {
        let wait = self.requests.as_ref()?.take(1).err()?;
        Some(refused("requests", TOO_MANY_REQUESTS, wait))
    }

    /// The same for a protocol that has other replies.
    pub(crate) fn request_refusal(&self) -> Option<Refusal> {
        let wait = self.requests.as_ref()?.take(1).err()?;
        Some(rate_limited("requests", TOO_MANY_REQUESTS, wait).0)
    }

    /// Counts the events or entities of a call; the reply to send instead if there were too many before. The call is taken whole or
    /// not at all.
    pub(crate) fn events(&self, count: usize) -> Option<Reply> {
        let wait = self.events.as_ref()?.take(count as u64).err()?;
        Some(refused(
            "events",
            "this tenant sends more events a second than it may; nothing of this call was taken",
            wait,
        ))
    }

    /// How long a stream has to wait before it takes events: its client is slowed down, not refused.
    pub(crate) fn events_wait(&self) -> Duration {
        self.events.as_ref().map_or(Duration::ZERO, Bucket::wait)
    }

    /// Counts the events of a stream, which have waited.
    pub(crate) fn owe_events(&self, count: usize) {
        self.events.iter().for_each(|events| events.owe(count as u64));
    }

    /// The most bytes that one body may have, of those that the process takes.
    pub(crate) fn body_max(&self, max: usize) -> usize {
        max.min(self.body_bytes_max)
    }

    /// Bytes of bodies in memory now.
    pub(crate) fn body_bytes(&self) -> usize {
        self.body_bytes.load(Ordering::Relaxed)
    }

    /// Room for a body, none taken yet.
    pub(crate) fn hold(&self) -> Held<'_> {
        Held { meter: self, bytes: 0 }
    }
}

/// Bytes of a body that count until the call is done.
pub(crate) struct Held<'m> {
    meter: &'m Meter,
    bytes: usize,
}

impl Held<'_> {
    /// Holds this many bytes in all, if that is more than before.
    ///
    /// # Errors
    /// `too_many_bytes` if the tenant's other bodies leave no room.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> Result<(), Refusal> {
        let more = bytes.saturating_sub(self.bytes);
        let before = self.meter.body_bytes.fetch_add(more, Ordering::Relaxed);
        if before.saturating_add(more) > self.meter.body_bytes_max {
            self.meter.body_bytes.fetch_sub(more, Ordering::Relaxed);
            let message = format!(
                "the bodies of this tenant's requests take the {} bytes that they may; send it again when others are done",
                self.meter.body_bytes_max
            );
            return Err(Refusal::new(Code::TooManyBytes, "body", message));
        }
        self.bytes += more;
        Ok(())
    }

    /// Holds no more than this many bytes any longer.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let less = self.bytes.saturating_sub(bytes);
        self.meter.body_bytes.fetch_sub(less, Ordering::Relaxed);
        self.bytes -= less;
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.meter.body_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

const TOO_MANY_REQUESTS: &str = "this tenant sends more requests a second than it may";

/// The refusal, and in how many seconds it is worth trying again.
fn rate_limited(field: &str, why: &str, wait: Duration) -> (Refusal, u64) {
    // Rounded up: who comes back then is served.
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    (Refusal::new(Code::RateLimited, field, format!("{why}; send it again in {seconds} s")), seconds)
}

fn refused(field: &str, why: &str, wait: Duration) -> Reply {
    let (refusal, seconds) = rate_limited(field, why, wait);
    Reply { retry_after: Some(seconds), ..Reply::refused(&refusal) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_share_what_there_is_and_give_it_back() {
        let meter = Meter::new(Quota { body_bytes: Some(100), ..Quota::default() });
        let (mut one, mut two) = (meter.hold(), meter.hold());
        assert!(one.grow_to(60).is_ok() && one.grow_to(40).is_ok() && two.grow_to(40).is_ok());
        assert_eq!(two.grow_to(41).expect_err("full").code, Code::TooManyBytes);
        assert_eq!(meter.body_bytes(), 100);
        drop(one);
        assert!(two.grow_to(100).is_ok());
        two.shrink_to(30);
        two.shrink_to(50);
        assert_eq!(meter.body_bytes(), 30);
        drop(two);
        assert_eq!((meter.body_bytes(), meter.body_max(1_000), meter.body_max(10)), (0, 100, 10));
    }

    #[test]
    fn without_a_quota_nothing_is_refused() {
        let meter = Meter::new(Quota::default());
        assert!((0..10_000).all(|_| meter.request().is_none() && meter.events(100_000).is_none()));
        assert!(meter.hold().grow_to(1 << 40).is_ok());
    }

    #[test]
    fn refusals_say_when_to_come_back() {
        let rate = Some(Rate { per_second: 1, burst: 1 });
        let meter = Meter::new(Quota { requests: rate, events: rate, body_bytes: None });
        assert!(meter.request().is_none() && meter.events(30).is_none());
        let (request, events) = (meter.request().expect("too many"), meter.events(1).expect("too many"));
        assert_eq!((request.code, request.retry_after), (Some(Code::RateLimited), Some(1)));
        assert_eq!((request.status.as_u16(), events.retry_after), (429, Some(30)));
    }
}
