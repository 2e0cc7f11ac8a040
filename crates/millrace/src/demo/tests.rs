use super::arm::Arm;
use super::fraud::{Deed, Payer, Plot};
use super::place::{Place, Stop};
use super::rng::Rng;
use super::screen::Screen;
use super::shop::Shop;
use super::visitor::{PLACES, Visitor, attention};
use super::{Demo, shop_plan};
use clap::Parser;
use domain::{Payload, Position, Time};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    demo: Demo,
}

fn visits(shop: &Shop, seed: u64) -> Vec<super::visitor::Page> {
    let mut rng = Rng::new(seed, 9);
    let mut visitor = Visitor::new(3);
    (0..50)
        .map(|hour| {
            let slate = visitor.random_slate(shop, f64::from(hour), &mut rng);
            visitor.look(shop, &slate, f64::from(hour), &mut rng)
        })
        .collect()
}

#[test]
fn a_seed_is_a_shop_and_its_visits() {
    let (shop, same, other) = (Shop::new(5), Shop::new(5), Shop::new(6));
    assert_eq!(shop, same);
    assert_ne!(shop, other);
    assert_eq!(visits(&shop, 5), visits(&same, 5));
    assert_ne!(visits(&shop, 5), visits(&shop, 6));
}

#[test]
fn items_arrive_and_run_out() {
    let shop = Shop::new(1);
    let at = |hour: f64| (0..shop.items.len()).filter(|&item| shop.for_sale(item, hour)).count();
    assert!(shop.changes().is_sorted_by(|left, right| left.0 <= right.0));
    assert!(at(60.0) > at(0.0) && at(60.0) < shop.items.len());
    assert!((0..shop.items.len()).all(|item| shop.item(&shop.items[item].key) == Some(item)));
    assert_eq!(shop.item("item-99999"), None);
}

#[test]
fn attention_falls_with_the_place() {
    assert!((1..PLACES).all(|place| attention(place) < attention(place - 1)));
    let shop = Shop::new(2);
    let mut rng = Rng::new(2, 1);
    let mut seen = [0u32; PLACES];
    for _ in 0..4_000 {
        let mut visitor = Visitor::new(1);
        let slate: Vec<usize> = (0..PLACES).collect();
        let page = visitor.look(&shop, &slate, 0.0, &mut rng);
        (0..page.seen as usize).for_each(|place| seen[place] += 1);
    }
    for (place, &count) in seen.iter().enumerate() {
        assert!((f64::from(count) / 4_000.0 - attention(place)).abs() < 0.04, "{place}: {count}");
    }
}

#[test]
fn people_tire_of_what_they_saw_and_recover() {
    let shop = Shop::new(3);
    let mut rng = Rng::new(3, 1);
    let mut visitor = Visitor::new(0);
    let fresh = visitor.click_chance(&shop, 0, 0.0);
    visitor.look(&shop, &[0], 0.0, &mut rng);
    let tired = visitor.click_chance(&shop, 0, 0.0);
    assert!(tired < fresh);
    let user_changes = shop.liking(0, 0, 12.0) - shop.liking(0, 0, 0.0);
    if user_changes == 0.0 {
        assert!(visitor.click_chance(&shop, 0, 12.0) > tired);
    }
}

#[test]
fn no_slate_is_better_than_the_oracles() {
    let shop = Shop::new(4);
    let mut rng = Rng::new(4, 1);
    for user in 0..20 {
        let mut visitor = Visitor::new(user);
        for hour in [0.0, 10.0, 30.0, 70.0] {
            let best = visitor.best_slate(&shop, hour);
            let most = visitor.expected_clicks(&shop, &best, hour);
            for _ in 0..20 {
                let any = visitor.random_slate(&shop, hour, &mut rng);
                assert!(visitor.expected_clicks(&shop, &any, hour) <= most);
            }
            let reversed: Vec<usize> = best.iter().rev().copied().collect();
            assert!(visitor.expected_clicks(&shop, &reversed, hour) <= most);
            visitor.look(&shop, &best, hour, &mut rng);
        }
    }
}

#[test]
fn a_seed_is_a_plot() {
    let (plot, same, other) = (Plot::new(5, 900), Plot::new(5, 900), Plot::new(6, 900));
    assert_eq!(plot, same);
    assert_ne!(plot, other);
    assert!(plot.steps.is_sorted_by(|left, right| left.hour <= right.hour));
    assert!(plot.actors.iter().all(|actor| actor.user < 900 && actor.payer != Payer::Honest));
    assert!(plot.steps.iter().all(|step| step.hour > 0.0 && step.actor < plot.actors.len()));
    let waves = plot.steps.iter().filter(|step| step.deed == Deed::Over).count();
    assert!(waves >= 6, "{waves}");
}

/// Decides a payment after what its user and device did before it, all within one minute.
fn decided(events: &[&str], payment: &str) -> (String, Vec<String>) {
    let mut machine = engine::Machine::new(shop_plan().unwrap(), 1, 0);
    let mut decided = Vec::new();
    for (line, position) in events.iter().chain([&payment]).zip(1..) {
        let event = wire::parse_event(line.as_bytes()).unwrap();
        decided = machine.apply_deciding(Position(position), Time(1_000 * position as i64), &Payload::Event(event));
    }
    let of = decided.first().unwrap();
    let decision = of.decision();
    let rules = of.verdict.fired.iter().map(|fired| decision.rules[fired.rule as usize].id.clone());
    (decision.outcomes[usize::from(of.verdict.outcome)].clone(), rules.collect())
}

#[test]
fn payments_are_judged_as_the_example_says() {
    let login = r#"{"event":"login","user":"ann","device":"ours","ok":true}"#;
    let failed = r#"{"event":"login","user":"ann","device":"theirs","ok":false}"#;
    let entered = r#"{"event":"login","user":"ann","device":"theirs","ok":true}"#;
    let back = r#"{"event":"give_back","user":"ann","amount":50}"#;
    let pay = |user: &str, device: &str, amount: f64| {
        format!(r#"{{"event":"payment","user":"{user}","device":"{device}","amount":{amount}}}"#)
    };
    let (bob, eve) = (pay("bob", "theirs", 2.0), pay("eve", "theirs", 3.0));
    for (before, payment, outcome, rules) in [
        (&[login, login][..], pay("ann", "ours", 500.0), "approve", &[][..]),
        (&[login, login], pay("ann", "theirs", 500.0), "second_check", &["new-device"]),
        (&[login, login], pay("ann", "theirs", 50.0), "approve", &[]),
        (&[failed, failed, failed, entered], pay("ann", "theirs", 50.0), "decline", &["guessed"]),
        (&[failed, failed, entered], pay("ann", "theirs", 50.0), "approve", &[]),
        (&[&bob, &eve], pay("ann", "theirs", 50.0), "decline", &["shared-device", "card-test"]),
        (&[login, login, back, back, back], pay("ann", "ours", 50.0), "second_check", &["gives-back"]),
    ] {
        let (came, fired) = decided(before, &payment);
        assert_eq!((came.as_str(), fired.iter().map(String::as_str).collect::<Vec<_>>()), (outcome, rules.to_vec()));
    }
}

#[test]
fn users_are_split_as_said() {
    let count = |arm| (0..10_000).filter(|&user| Arm::of(7, user) == arm).count() as f64 / 10_000.0;
    for (arm, share) in Arm::ALL.into_iter().zip([0.1, 0.4, 0.4, 0.1]) {
        assert!((count(arm) - share).abs() < 0.02, "{}", arm.name());
    }
}

#[test]
fn the_demo_runs() {
    let demo = Line::parse_from(["demo", "--seconds", "2", "--seeds", "1", "--json"]).demo;
    let place = Place::new(None).unwrap();
    let path = place.path().to_owned();
    let plan = shop_plan().unwrap();
    let mut screen = Screen::new(true);
    let (summary, last) = demo.show(&place, &plan, &Stop::default(), &mut screen).unwrap();
    last.unwrap().stand.stop();
    drop(place);
    assert!(!path.exists());
    let json = summary.json();
    assert!(json["rates"]["page_views"].as_u64() > Some(0), "{json}");
    assert_eq!(json["freshness"]["own_answers"], json["freshness"]["own_fresh"]);
    let by_payer = json["risk"]["by_payer"].as_object().unwrap();
    let sum = |what: &str| by_payer.values().map(|of| of[what].as_u64().unwrap()).sum::<u64>();
    assert_eq!(json["risk"]["payments"], sum("payments"));
    assert!(sum("payments") > 0 && sum("declined") + sum("checked") + sum("let_through") == sum("payments"), "{json}");
    // On a machine so slow that no visitor of the feed clicked there is no decision to ask about.
    assert!(json["replay"].is_null() || json["replay"]["identical"] == true, "{json}");
}
