//! The four ways to fill a page that are compared, and who gets which.

use super::rng::mix;

/// A way to fill a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arm {
    /// Any items, chosen by the client.
    Random,
    /// The feed `popular`: what is hot now, the same for everybody.
    Popularity,
    /// The feed `home`.
    Feed,
    /// The best page there is, chosen by the client, which knows the hidden truth.
    Oracle,
}

impl Arm {
    pub(super) const ALL: [Arm; 4] = [Arm::Random, Arm::Popularity, Arm::Feed, Arm::Oracle];

    /// The arm of a user, by hash. Random and oracle are yardsticks and get a tenth of the users each.
    pub(super) fn of(seed: u64, user: usize) -> Arm {
        match mix(seed ^ mix(user as u64 + 1)) % 10 {
            0 => Arm::Random,
            1..=4 => Arm::Popularity,
            5..=8 => Arm::Feed,
            _ => Arm::Oracle,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Arm::Random => "random",
            Arm::Popularity => "popularity",
            Arm::Feed => "feed",
            Arm::Oracle => "oracle",
        }
    }

    /// The server's feed that fills the page, if it is one.
    pub(super) fn feed(self) -> Option<&'static str> {
        match self {
            Arm::Popularity => Some("popular"),
            Arm::Feed => Some("home"),
            Arm::Random | Arm::Oracle => None,
        }
    }
}
