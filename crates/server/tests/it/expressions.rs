//! Expressions tried on a running server: the value, what it read, why there is none, and what is refused.

use crate::house::{House, error, json};
use serde_json::{Value, json as value};

const SPEC: &str = "
version: 1
entities:
  user: { fields: { country: string } }
  item: { fields: { category: string, price: float } }
events:
  view: { user: user, item: item }
features:
  user: { views: 'count(view, 7d)' }
  item: { heat: 'count( view , 1d )' }
  user.category: { share: 'count(view, 7d) / max(user.views, 1)' }
feeds:
  home:
    for: user
    context: { device: string }
    recall: { hot: { top: item.heat } }
";

fn house() -> House {
    let house = House::of(SPEC, |_| {});
    let mut client = house.client();
    let entities = "{\"entity\":\"user\",\"key\":\"u1\",\"fields\":{\"country\":\"DE\"}}
{\"entity\":\"item\",\"key\":\"i1\",\"fields\":{\"category\":\"books\",\"price\":5.5}}
{\"entity\":\"item\",\"key\":\"i2\",\"fields\":{\"category\":\"tools\"}}\n";
    assert_eq!(client.post("/v1/entities", entities.as_bytes()).expect("the server answers").status, 200);
    let event =
        |n: u32, item: &str| format!("{{\"event\":\"view\",\"id\":\"e{n}\",\"user\":\"u1\",\"item\":\"{item}\"}}\n");
    let events: String = (0..4).map(|n| event(n, if n < 3 { "i1" } else { "i2" })).collect();
    assert_eq!(client.post("/v1/events", events.as_bytes()).expect("the server answers").status, 200);
    house
}

fn tried(house: &House, body: &Value) -> Value {
    let answer = house.client().post("/v1/expressions", body.to_string().as_bytes()).expect("the server answers");
    assert_eq!(answer.status, 200, "{}", answer.text());
    json(&answer)
}

#[test]
fn values_and_what_they_read() {
    let house = house();
    let both = |expression: &str| value!({ "expression": expression, "user": "u1", "item": "i1" });
    let answer = tried(&house, &both("count(view,7d) > 3 && user.country == \"DE\""));
    assert_eq!((&answer["value"], &answer["type"], &answer["feed"]), (&value!(true), &value!("bool"), &value!("home")));
    let reads = answer["reads"].as_array().unwrap();
    let read = |name: &str| {
        reads.iter().find(|read| read["name"] == name).unwrap_or_else(|| panic!("{answer}"))["value"].clone()
    };
    assert_eq!((read("count(view, 7d)"), read("user.country")), (value!(4.0), value!("DE")));
    let values = [
        ("user.views + item.heat", value!(7.0)),
        ("count(view, 1d)", value!(3.0)),
        ("user.category.share", value!(0.75)),
        ("item.category", value!("books")),
        ("user.country + '-' + item.category", value!("DE-books")),
        ("[1, 2].map(x, x * 2)", value!([2, 4])),
        ("item.category.startsWith('bo')", value!(true)),
        ("1h", value!("1h")),
    ];
    for (expression, expected) in values {
        assert_eq!(tried(&house, &both(expression))["value"], expected, "{expression}");
    }
    let context =
        value!({ "expression": "request.device == 'tv' ? request.device : ''", "context": { "device": "tv" } });
    assert_eq!(tried(&house, &context)["value"], value!("tv"));
}

#[test]
fn what_is_missing_says_why() {
    let house = house();
    let why = |body: Value, of_read: bool| {
        let answer = tried(&house, &body);
        assert_eq!(answer["value"], Value::Null, "{answer}");
        let why = if of_read { &answer["reads"][0]["why"] } else { &answer["why"] };
        why.as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    };
    let price = |item: Option<&str>| value!({ "expression": "item.price > 1.0", "user": "u1", "item": item });
    assert!(why(price(Some("i2")), true).contains("nothing has set it"));
    assert!(why(price(Some("i9")), true).contains("has named the item 'i9'"));
    assert!(why(price(None), true).contains("no item was named"));
    assert!(why(price(None), false).contains("item.price has no value"));
    assert!(why(value!({ "expression": "request.device == 'a'" }), true).contains("context"));
    assert!(why(value!({ "expression": "1 / 0", "user": "u1" }), false).contains("divides by zero"));
    assert!(why(value!({ "expression": "int('x')", "user": "u1" }), false).contains("argument"));
}

#[test]
fn mistakes_are_shown_in_place() {
    let house = house();
    let mut client = house.client();
    let mut refused = |body: Value| client.post("/v1/expressions", body.to_string().as_bytes()).unwrap();
    let answer = refused(value!({ "expression": "user.contry == 'DE'" }));
    assert_eq!(error(&answer), (400, "invalid_expression".to_owned(), "expression".to_owned()));
    let caret = json(&answer)["error"]["caret"].as_str().unwrap().to_owned();
    assert_eq!(caret, "user.contry == 'DE'\n^^^^^^^^^^^");
    assert!(answer.text().contains("did you mean `user.country`?"), "{}", answer.text());
    let answer = refused(value!({ "expression": "count(view, 3d) > 1", "user": "u1" }));
    assert!(answer.text().contains("kept are: count(view, 7d)"), "{}", answer.text());
    let answer = refused(value!({ "expression": "recall.hot > 0.5" }));
    assert!(answer.text().contains("millrace explain"), "{}", answer.text());
    assert_eq!(error(&refused(value!({ "expression": "1", "feed": "hme" }))).1, "unknown_feed");
    assert_eq!(error(&refused(value!({ "expression": format!("1 in [1{}]", ",1".repeat(400)) }))).1, "too_large");
    let spec = SPEC.split("feeds:").next().unwrap();
    let bare = House::of(spec, |_| {});
    let answer = bare.client().post("/v1/expressions", b"{\"expression\":\"1\"}").unwrap();
    assert_eq!(error(&answer).1, "unknown_feed");
}
