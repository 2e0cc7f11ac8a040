//! Files of tenants: what is taken, and every mistake with its code and line.

use super::*;

const FILE: &str = "
version: 1
operator: operator.tokens
tenants:
  shop-1:
    spec: shop.yaml
    tokens: shop.tokens
    retain: 90d
    limits: { requests_per_second: 100, requests_burst: 200, events_per_second: 1000, body_bytes: 16MiB, log_bytes: 10GiB }
  news: { spec: ../news.yaml }
";

#[test]
fn a_file_is_read_as_written() {
    let read = read_tenants("tenants.yaml", FILE).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(read.operator.as_deref(), Some("operator.tokens"));
    let [shop, news] = read.tenants.as_slice() else { panic!("two tenants") };
    assert_eq!(
        (shop.name.as_str(), shop.spec.as_str(), shop.retain),
        ("shop-1", "shop.yaml", Some(Span(90 * 86_400_000)))
    );
    assert_eq!(shop.limits.requests_burst, Some(200));
    assert_eq!((shop.limits.body_bytes, shop.limits.log_bytes), (Some(16 << 20), Some(10 << 30)));
    assert_eq!((news.tokens.as_ref(), news.limits), (None, TenantLimits::default()));
}

#[test]
fn mistakes_have_their_place() {
    let table = [
        ("", "empty", 1),
        ("version: 1\n", "missing_field", 1),
        ("tenants: {}\n", "missing_field", 1),
        ("version: 2\ntenants: { a: { spec: a } }\n", "unknown_version", 1),
        ("version: 1\ntenants: {}\n", "missing_field", 2),
        ("version: 1\ntenants: [a]\n", "wrong_type", 2),
        ("version: 1\ntenants:\n  a: {}\n", "missing_field", 3),
        ("version: 1\ntenants:\n  a: x.yaml\n", "wrong_type", 3),
        ("version: 1\ntenants:\n  a: { spec: a }\n  a: { spec: b }\n", "duplicate_key", 4),
        ("version: 1\ntenants:\n  a: { spec: a, token: b }\n", "unknown_field", 3),
        ("version: 1\ntenant:\n  a: { spec: a }\n", "unknown_field", 2),
        ("version: 1\ntenants:\n  a: { spec: a, retain: 0d }\n", "wrong_type", 3),
        ("version: 1\ntenants:\n  a: { spec: a, limits: { events: 1 } }\n", "unknown_field", 3),
        ("version: 1\ntenants:\n  a: { spec: a, limits: { entities: 0 } }\n", "out_of_range", 3),
        ("version: 1\ntenants:\n  a: { spec: a, limits: { entities: 1e3 } }\n", "wrong_type", 3),
        ("version: 1\ntenants:\n  a: { spec: a, limits: { log_bytes: 10 GB } }\n", "wrong_type", 3),
        ("version: 1\ntenants:\n  a: { spec: a, limits: { log_bytes: 99999999TiB } }\n", "wrong_type", 3),
        ("version: 1\ntenants:\n  a: { spec: a, limits: { log_bytes: 1KiB } }\n", "out_of_range", 3),
        ("version: 1\ntenants:\n  a: { spec: a, limits: { requests_burst: 5 } }\n", "missing_field", 3),
    ];
    for (text, code, line) in table {
        let wrong = read_tenants("tenants.yaml", text).expect_err(text);
        let found = wrong.list.iter().any(|diagnostic| diagnostic.code == code && diagnostic.line == line);
        assert!(found, "{text}\nno {code} on line {line} in\n{wrong}");
    }
}

#[test]
fn names_lead_nowhere_else() {
    for name in ["a", "0", "shop", "shop-1", "a_b", &"x".repeat(63)] {
        assert!(is_tenant_name(name), "{name}");
    }
    for name in
        ["", ".", "..", "a/b", "../a", "a\\b", "a.b", "A", "ä", "-a", "_a", "a b", "a\0", "a%2f", "~", &"x".repeat(64)]
    {
        assert!(!is_tenant_name(name), "{name}");
        let text = format!("version: 1\ntenants:\n  {name:?}: {{ spec: a }}\n");
        assert!(read_tenants("tenants.yaml", &text).is_err(), "{name}");
    }
    let many: String = (0..=domain::limits::TENANTS_MAX).map(|n| format!("  t{n}: {{ spec: a }}\n")).collect();
    let wrong = read_tenants("tenants.yaml", &format!("version: 1\ntenants:\n{many}")).expect_err("too many");
    assert_eq!(wrong.list[0].code, "too_many");
}
