//! Fraud against the shop: waves and loners that follow from the seed. What of it is fraud only the simulator knows.

use super::rng::Rng;
use super::shop::DAYS;

/// Waves of stolen cards in a run. In every second one the thieves change their device after two cards.
const WAVES: usize = 8;
/// Cards of a wave, at least, and how many more there may be.
const CARDS: [usize; 2] = [5, 8];
/// Accounts that somebody else gets into.
const TAKEN_OVER: usize = 24;
/// People who buy to give back, and how often each buys.
const GIVERS_BACK: usize = 12;
const PURCHASES: usize = 8;
/// The share of takeovers where the password is known, and need not be guessed.
const KNOWN_PASSWORD: f64 = 0.3;
const MINUTE: f64 = 1.0 / 60.0;

/// Who pays, in truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payer {
    /// With somebody else's card: small payments to see which cards are good, then large ones.
    Thief,
    /// From somebody else's account.
    Intruder,
    /// To use what was bought and give it back.
    GiverBack,
    /// Everybody else.
    Honest,
}

impl Payer {
    pub(super) const ALL: [Payer; 4] = [Payer::Thief, Payer::Intruder, Payer::GiverBack, Payer::Honest];

    /// What it is called on the screen.
    pub(super) fn name(self) -> &'static str {
        match self {
            Payer::Thief => "stolen cards",
            Payer::Intruder => "account takeover",
            Payer::GiverBack => "refund abuse",
            Payer::Honest => "honest",
        }
    }

    /// What it is called in JSON.
    pub(super) fn key(self) -> &'static str {
        match self {
            Payer::Thief => "stolen_cards",
            Payer::Intruder => "account_takeover",
            Payer::GiverBack => "refund_abuse",
            Payer::Honest => "honest",
        }
    }
}

/// A card, an account or a person of the plot.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Actor {
    pub(super) payer: Payer,
    /// Whose card or account it is.
    pub(super) user: usize,
    /// Which of the waves.
    pub(super) wave: usize,
}

/// What an actor does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Deed {
    Login {
        device: String,
        ok: bool,
    },
    Pay {
        device: String,
        amount: f64,
    },
    GiveBack {
        amount: f64,
    },
    /// The wave is over.
    Over,
}

/// A deed and its hour.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    pub(super) hour: f64,
    pub(super) actor: usize,
    pub(super) deed: Deed,
}

/// All fraud of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Plot {
    pub(super) actors: Vec<Actor>,
    /// By hour.
    pub(super) steps: Vec<Step>,
}

impl Plot {
    /// The plot of a seed against this many users.
    pub(super) fn new(seed: u64, users: usize) -> Plot {
        let (mut plot, mut rng) = (Plot::default(), Rng::new(seed, 1_000));
        (0..WAVES).for_each(|wave| plot.steal(wave, users, &mut rng));
        (0..TAKEN_OVER).for_each(|number| plot.take_over(number, users, &mut rng));
        (0..GIVERS_BACK).for_each(|number| plot.give_back(number, users, &mut rng));
        plot.steps.sort_by(|left, right| left.hour.total_cmp(&right.hour));
        plot
    }

    fn actor(&mut self, payer: Payer, users: usize, wave: usize, rng: &mut Rng) -> usize {
        self.actors.push(Actor { payer, user: rng.below(users), wave });
        self.actors.len() - 1
    }

    fn step(&mut self, hour: f64, actor: usize, deed: Deed) {
        self.steps.push(Step { hour, actor, deed });
    }

    fn steal(&mut self, wave: usize, users: usize, rng: &mut Rng) {
        // Spread over the days, so that there is always one to be seen soon.
        let start = (wave as f64 + rng.unit()) / WAVES as f64 * (DAYS * 24.0 - 6.0) + 2.0;
        let mut last = 0;
        for card in 0..CARDS[0] + rng.below(CARDS[1]) {
            let of_device = if wave % 2 == 1 { card / 2 } else { 0 };
            let device = format!("device-{wave}{}", char::from(b'a' + of_device as u8));
            last = self.actor(Payer::Thief, users, wave, rng);
            let tested = start + card as f64 * 3.0 * MINUTE;
            let amount = cents(rng.between(1.0, 3.9));
            self.step(tested, last, Deed::Pay { device: device.clone(), amount });
            let amount = cents(rng.between(80.0, 600.0));
            self.step(tested + 40.0 * MINUTE, last, Deed::Pay { device, amount });
        }
        self.step(start + 1.5, last, Deed::Over);
    }

    fn take_over(&mut self, number: usize, users: usize, rng: &mut Rng) {
        let start = rng.between(2.0, DAYS * 24.0 - 2.0);
        let device = format!("stranger-{number}");
        let actor = self.actor(Payer::Intruder, users, number, rng);
        let tries = if rng.chance(KNOWN_PASSWORD) { 0 } else { 3 + rng.below(4) };
        for attempt in 0..tries {
            self.step(start + attempt as f64 * MINUTE, actor, Deed::Login { device: device.clone(), ok: false });
        }
        self.step(start + 8.0 * MINUTE, actor, Deed::Login { device: device.clone(), ok: true });
        for purchase in 1..=2 {
            let amount = cents(rng.between(30.0, 400.0));
            let hour = start + (8.0 + 6.0 * f64::from(purchase)) * MINUTE;
            self.step(hour, actor, Deed::Pay { device: device.clone(), amount });
        }
    }

    fn give_back(&mut self, number: usize, users: usize, rng: &mut Rng) {
        let actor = self.actor(Payer::GiverBack, users, number, rng);
        let device = own_device(self.actors[actor].user);
        let mut hour = rng.between(1.0, 8.0);
        for _ in 0..PURCHASES {
            let amount = cents(rng.between(30.0, 140.0));
            self.step(hour, actor, Deed::Pay { device: device.clone(), amount });
            if rng.chance(0.9) {
                self.step(hour + rng.between(2.0, 5.0), actor, Deed::GiveBack { amount });
            }
            hour += rng.between(6.0, 10.0);
        }
    }
}

/// The device that a user always had.
pub(super) fn own_device(user: usize) -> String {
    format!("phone-of-{user}")
}

fn cents(amount: f64) -> f64 {
    (amount * 100.0).round() / 100.0
}
