//! Token buckets: so many a second on average, so many at once after a pause. One atomic word each, by the generic cell rate
//! algorithm (ITU-T I.371): the word is the time at which the bucket will be full again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often something may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Times a second, on average; at least 1.
    pub per_second: u32,
    /// Times at once after a pause; at least 1.
    pub burst: u32,
}

/// A bucket of tokens.
#[derive(Debug)]
pub(crate) struct Bucket {
    /// Nanoseconds that one token takes to come back.
    interval: u64,
    /// How far ahead of now the bucket's filling may lie when something is taken, in nanoseconds.
    tolerance: u64,
    since: Instant,
    /// When the bucket is full again, in nanoseconds after `since`.
    full_at: AtomicU64,
}

impl Bucket {
    pub(crate) fn new(rate: Rate) -> Bucket {
        let interval = 1_000_000_000 / u64::from(rate.per_second.max(1));
        let tolerance = interval * u64::from(rate.burst.max(1) - 1);
        Bucket { interval, tolerance, since: Instant::now(), full_at: AtomicU64::new(0) }
    }

    /// Takes `count` tokens if there is one; the others are owed, and nothing is given before they have come back. So a call of
    /// any size is taken whole, and the average holds.
    ///
    /// # Errors
    /// How long to wait, if there is none.
    pub(crate) fn take(&self, count: u64) -> Result<(), Duration> {
        self.take_at(self.now(), count)
    }

    /// How long it is until a token can be taken.
    pub(crate) fn wait(&self) -> Duration {
        self.wait_at(self.now())
    }

    fn wait_at(&self, now: u64) -> Duration {
        let ahead = self.full_at.load(Ordering::Relaxed).saturating_sub(now);
        Duration::from_nanos(ahead.saturating_sub(self.tolerance))
    }

    /// Takes `count` tokens, there or not: those that are missing are owed.
    pub(crate) fn owe(&self, count: u64) {
        self.owe_at(self.now(), count);
    }

    fn owe_at(&self, now: u64, count: u64) {
        let price = self.interval.saturating_mul(count);
        let next = |full_at: u64| Some(full_at.max(now).saturating_add(price));
        // It always has a next value.
        let _ = self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    }

    fn now(&self) -> u64 {
        self.since.elapsed().as_nanos() as u64
    }

    fn take_at(&self, now: u64, count: u64) -> Result<(), Duration> {
        let price = self.interval.saturating_mul(count);
        let mut full_at = self.full_at.load(Ordering::Relaxed);
        loop {
            let ahead = full_at.saturating_sub(now);
            if ahead > self.tolerance {
                return Err(Duration::from_nanos(ahead - self.tolerance));
            }
            let next = full_at.max(now).saturating_add(price);
            match self.full_at.compare_exchange_weak(full_at, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(found) => full_at = found,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bucket as one would draw it.
    struct Slow {
        tokens: f64,
        last: u64,
        rate: Rate,
    }

    impl Slow {
        fn take(&mut self, now: u64, count: u64) -> bool {
            let back = (now - self.last) as f64 / 1e9 * f64::from(self.rate.per_second);
            self.tokens = (self.tokens + back).min(f64::from(self.rate.burst));
            self.last = now;
            let taken = self.tokens > 1.0 - 1e-6;
            if taken {
                self.tokens -= count as f64;
            }
            taken
        }
    }

    #[test]
    fn it_gives_what_a_slow_bucket_gives() {
        let mut random = 1_u64;
        let mut next = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        for (per_second, burst) in [(1, 1), (10, 1), (10, 25), (1_000, 1_000), (4, 3)] {
            let rate = Rate { per_second, burst };
            let (bucket, mut slow) = (Bucket::new(rate), Slow { tokens: f64::from(burst), last: 0, rate });
            let mut now = 0;
            for step in 0..5_000 {
                // Whole intervals and halves of them: no case lies on the rounding of the slow one.
                now += bucket.interval / 2 * next(6) + 1_000;
                let count = 1 + next(4) * next(2);
                let taken = bucket.take_at(now, count).is_ok();
                assert_eq!(taken, slow.take(now, count), "step {step} of {rate:?} at {now}");
            }
        }
    }

    #[test]
    fn who_waits_as_told_is_served() {
        let bucket = Bucket::new(Rate { per_second: 10, burst: 5 });
        assert!(bucket.take_at(0, 100).is_ok(), "a large call is taken whole");
        let wait = bucket.take_at(0, 1).expect_err("its debt is paid first");
        assert_eq!(wait, Duration::from_millis(9_600), "100 at 10 a second, less the 4 that may be owed");
        let wait = wait.as_nanos() as u64;
        assert!(bucket.take_at(wait - 1, 1).is_err() && bucket.take_at(wait, 1).is_ok());
    }

    #[test]
    fn what_is_owed_is_waited_for() {
        let bucket = Bucket::new(Rate { per_second: 10, burst: 5 });
        assert_eq!(bucket.wait_at(0), Duration::ZERO);
        bucket.owe_at(0, 4);
        assert_eq!(bucket.wait_at(0), Duration::ZERO, "the fifth is there");
        bucket.owe_at(0, 96);
        assert_eq!(bucket.wait_at(0), Duration::from_millis(9_600));
        assert_eq!(bucket.wait_at(9_600_000_000), Duration::ZERO);
    }

    #[test]
    fn threads_together_get_no_more_than_the_burst() {
        let bucket = Bucket::new(Rate { per_second: 1, burst: 100 });
        let taken: usize = std::thread::scope(|scope| {
            let takers: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..100).filter(|_| bucket.take_at(0, 1).is_ok()).count())).collect();
            takers.into_iter().map(|taker| taker.join().unwrap()).sum()
        });
        assert_eq!(taken, 100);
    }
}
