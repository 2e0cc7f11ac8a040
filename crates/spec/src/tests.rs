//! Tests.
const SHOP: &str = include_str!("../../../examples/shop.yaml");
#[test]
fn shop() {
    let plan = crate::compile("shop.yaml", SHOP).unwrap_or_else(|e| panic!("{e}"));
    println!("{plan:#?}");
    println!("{}", plan.describe());
}
