//! Windows: which of a stream's events an aggregate reads at an instant, and what they are read from.

use domain::{CalendarUnit, Periods, Span, Zone};

/// Which events an aggregate reads at `now`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Those in `(now - W, now]`, widened to whole panes at its old end.
    Sliding(Span),
    /// Those in the stretch `[k * width, (k + 1) * width)` of time since 1970 in UTC that `now` lies in, or in one before it.
    Tumbling {
        /// How long each is.
        width: Span,
        /// How many before the current one: 0 is the current one.
        back: u16,
    },
    /// Those in the calendar period around `now`, or in one before it.
    Calendar {
        /// Index into `Plan::calendars`.
        calendar: u16,
        /// How many periods before the current one: 0 is the current one.
        back: u16,
    },
    /// Those in the session that goes on at `now`: no two events that follow one another are further apart than this gap, nor is
    /// `now` from the last. Events of the stream's type make a session whether or not they pass its filter.
    Session(Span),
}

/// Hours, days, weeks or months of a time zone.
#[derive(Clone, Debug)]
pub struct Calendar {
    /// What a period is.
    pub unit: CalendarUnit,
    /// Whose clocks count.
    pub zone: Zone,
    /// Numbers of periods by instant.
    pub periods: Periods,
}

/// One granularity of panes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaneLevel {
    /// Panes of one width: pane `k` covers `[k * width, (k + 1) * width)` of event time.
    Sliding {
        /// Width of a pane.
        width: Span,
        /// Longest window that reads this level.
        window: Span,
    },
    /// One pane per stretch.
    Tumbling {
        /// How long each is.
        width: Span,
        /// How many before the current one are read.
        back: u16,
    },
    /// One pane per calendar period.
    Calendar {
        /// Index into `Plan::calendars`.
        calendar: u16,
        /// How many periods before the current one are read.
        back: u16,
    },
    /// One entry per session, the newest few.
    Sessions {
        /// Longest time between two events of a session.
        gap: Span,
    },
}

impl PaneLevel {
    /// Whether a window can be read from this level.
    pub fn serves(&self, window: Window) -> bool {
        match (*self, window) {
            (PaneLevel::Sliding { window: longest, .. }, Window::Sliding(window)) => longest >= window,
            (PaneLevel::Tumbling { width, back }, Window::Tumbling { width: of, back: wanted }) => {
                width == of && back >= wanted
            }
            (PaneLevel::Calendar { calendar, back }, Window::Calendar { calendar: of, back: wanted }) => {
                calendar == of && back >= wanted
            }
            (PaneLevel::Sessions { gap }, Window::Session(of)) => gap == of,
            _ => false,
        }
    }
}
