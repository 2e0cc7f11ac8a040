//! The engine's clock: the only place where it learns what time it is. The core takes times as arguments.

use domain::{Span, Time};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Where `log_time` and `now` come from.
#[derive(Debug)]
pub enum Clock {
    /// The machine's wall clock.
    Wall,
    /// Time is the data's own: it goes on only as events carry it (import, evaluation, backtest).
    Log,
    /// Starts at `origin` and runs `factor` times as fast as the machine's clock (demo, load).
    Scaled {
        /// Scaled time at `since`.
        origin: Time,
        /// When the clock was made.
        since: Instant,
        /// Scaled milliseconds per real millisecond.
        factor: f64,
    },
    /// Set by hand: the simulator's.
    Manual(AtomicI64),
}

impl Clock {
    /// A clock that starts at `origin` now and runs `factor` times as fast as real time.
    pub fn scaled(origin: Time, factor: f64) -> Clock {
        Clock::Scaled { origin, since: Instant::now(), factor }
    }

    /// The time now; for `Log` the earliest time there is, so that the log's own time counts.
    pub fn now(&self) -> Time {
        match self {
            Clock::Wall => {
                Time(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64))
            }
            Clock::Log => Time(i64::MIN),
            Clock::Scaled { origin, since, factor } => {
                origin.plus(Span((since.elapsed().as_secs_f64() * 1_000.0 * factor) as i64))
            }
            Clock::Manual(now) => Time(now.load(Ordering::Acquire)),
        }
    }

    /// Whether events carry time forward themselves.
    pub fn follows_events(&self) -> bool {
        matches!(self, Clock::Log)
    }

    /// Sets a manual clock; other clocks cannot be set and ignore it.
    pub fn set(&self, to: Time) {
        if let Clock::Manual(now) = self {
            now.store(to.0, Ordering::Release);
        }
    }
}
