//! Random input: against slow and obvious versions, and that nothing panics, breaks a bound or gives what was not declared.

use super::*;
use crate::check::{OWN, Static, signatures};
use proptest::prelude::*;

fn small() -> impl Strategy<Value = String> {
    "[abπ©,\u{1F600}]{0,8}"
}

fn member(name: &str, args: &[Datum]) -> Given {
    call(name, Some(&args[0]), &args[1..])
}

fn chars(text: &str) -> Vec<char> {
    text.chars().collect()
}

/// Where a part begins, by looking at every place.
fn places(text: &[char], part: &[char]) -> Vec<usize> {
    (0..=text.len()).filter(|at| text[*at..].starts_with(part)).collect()
}

fn shows(value: &Datum) -> String {
    shown(&Ok(value.clone()))
}

fn any_datum() -> impl Strategy<Value = Datum> {
    let leaf = prop_oneof![
        Just(Datum::Null),
        any::<bool>().prop_map(Datum::Bool),
        any::<i64>().prop_map(Datum::Int),
        (-3i64..70).prop_map(Datum::Int),
        any::<u64>().prop_map(Datum::Uint),
        any::<f64>().prop_map(Datum::Float),
        prop::sample::select(vec![0.0, -0.0, f64::NAN, f64::INFINITY, 9.3e18, 1.9e19, 0.5]).prop_map(Datum::Float),
        small().prop_map(|text| s(&text)),
        "\\PC{0,12}".prop_map(|text| s(&text)),
        "[-+0-9.hmsndu%sfedbox()*|a-z]{0,10}".prop_map(|text| s(&text)),
        prop::sample::select(vec!["%s", "%.3f", "%d|%x", "UTC", "Europe/Berlin", "+02:00", "1h", "aGVsbG8=", "(a|b)*"])
            .prop_map(s),
        prop::collection::vec(any::<u8>(), 0..8).prop_map(|bytes| Datum::Bytes(bytes.into())),
        (domain::INSTANT_RANGE_NS.0..=domain::INSTANT_RANGE_NS.1).prop_map(Datum::Time),
        any::<i64>().prop_map(|ns| Datum::Span(ns.into())),
        Just(Datum::Type("int".into())),
        Just(Datum::Optional(None)),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|elements| list(&elements)),
            prop::collection::vec((small(), inner), 0..3)
                .prop_map(|entries| Datum::Map(entries.into_iter().map(|(key, value)| (s(&key), value)).collect())),
        ]
    })
}

/// Whether a value is of a declared type; a variable stands for anything here.
fn is(value: &Datum, ty: &Static) -> bool {
    match (ty, value) {
        (Static::Dyn | Static::Var(_), _)
        | (Static::Bool, Datum::Bool(_))
        | (Static::Int, Datum::Int(_))
        | (Static::Uint, Datum::Uint(_))
        | (Static::Float, Datum::Float(_))
        | (Static::Str, Datum::Str(_))
        | (Static::Bytes, Datum::Bytes(_))
        | (Static::Time, Datum::Time(_))
        | (Static::Span, Datum::Span(_))
        | (Static::Type(_), Datum::Type(_)) => true,
        (Static::List(of), Datum::List(list)) => list.iter().all(|element| is(element, of)),
        (Static::Map(keys, values), Datum::Map(map)) => {
            map.iter().all(|(key, value)| is(key, keys) && is(value, values))
        }
        _ => false,
    }
}

/// The declared results of a function for these arguments.
fn declared(function: &Function, args: &[&Datum]) -> Vec<Static> {
    let fits = signatures(function.name).filter(|signature| {
        let wanted: Vec<&Static> = signature.receiver.iter().chain(&signature.params).collect();
        signature.receiver.is_some() == function.member
            && wanted.len() == args.len()
            && wanted.iter().zip(args).all(|(ty, arg)| is(arg, ty))
    });
    fits.map(|signature| signature.result).collect()
}

/// Bytes and elements, of the largest part.
fn largest(value: &Datum) -> usize {
    match value {
        Datum::Str(x) => x.len(),
        Datum::Bytes(x) => x.len(),
        Datum::List(x) => x.iter().map(largest).max().unwrap_or(0).max(x.len()),
        _ => 0,
    }
}

proptest! {
    #[test]
    fn functions_do_what_is_declared(args in prop::collection::vec(any_datum(), 1..5)) {
        let args: Vec<&Datum> = args.iter().collect();
        for function in functions() {
            for args in [&args[..], &args[..1]] {
                let (given, declared) = ((function.run)(args), declared(function, args));
                let own = OWN.iter().any(|own| own.0 == function.name) || matches!(function.name, "math.greatest" | "math.least");
                match given {
                    Ok(value) => {
                        let expected = own || declared.iter().any(|ty| is(&value, ty));
                        prop_assert!(expected, "{} {args:?}: {value:?}", function.name);
                        prop_assert!(largest(&value) <= EXPRESSION_VALUE_MAX);
                    }
                    // What a format is given is of any kind.
                    Err(Fault::NoOverload) => {
                        prop_assert!(declared.is_empty() || function.name == "format", "{} {args:?}", function.name);
                    }
                    Err(_) => prop_assert!(own || !declared.is_empty(), "{} {args:?}", function.name),
                }
            }
        }
    }

    #[test]
    fn substrings_are_those_of_code_points(text in small(), start in -1i64..10, end in -1i64..10) {
        let all = chars(&text);
        let slow = |start: i64, end: i64| {
            let (start, end) = (usize::try_from(start).ok()?, usize::try_from(end).ok()?);
            all.get(start..end).map(|part| part.iter().collect::<String>())
        };
        let two = member("substring", &[s(&text), Datum::Int(start), Datum::Int(end)]);
        prop_assert_eq!(two.ok().map(|x| shows(&x)), slow(start, end).map(|x| shows(&s(&x))));
        let one = member("substring", &[s(&text), Datum::Int(start)]);
        prop_assert_eq!(one.ok().map(|x| shows(&x)), slow(start, all.len() as i64).map(|x| shows(&s(&x))));
        let at = member("charAt", &[s(&text), Datum::Int(start)]);
        let slow_at = slow(start, start + 1).or(slow(start, start));
        prop_assert_eq!(at.ok().map(|x| shows(&x)), slow_at.map(|x| shows(&s(&x))));
    }

    #[test]
    fn indexes_are_found_by_looking_everywhere(text in small(), part in "[abπ©]{0,2}", from in 0usize..9) {
        let (all, wanted) = (chars(&text), chars(&part));
        let places = places(&all, &wanted);
        let shown_place = |place: Option<&usize>| place.map_or("-1".to_owned(), usize::to_string);
        let args = [s(&text), s(&part), Datum::Int(from as i64)];
        let first = shown(&member("indexOf", &args));
        let last = shown(&member("lastIndexOf", &args));
        if from > all.len() {
            prop_assert_eq!((first.as_str(), last.as_str()), ("!argument", "!argument"));
        } else {
            prop_assert_eq!(first, shown_place(places.iter().find(|place| **place >= from)));
            prop_assert_eq!(last, shown_place(places.iter().rfind(|place| **place <= from)));
        }
        prop_assert_eq!(shown(&member("indexOf", &args[..2])), shown_place(places.first()));
        prop_assert_eq!(shown(&member("lastIndexOf", &args[..2])), shown_place(places.last()));
    }

    #[test]
    fn join_undoes_split(text in small(), separator in "[abπ,]{0,2}", count in -1i64..5) {
        let split = member("split", &[s(&text), s(&separator), Datum::Int(count)]).unwrap();
        let Datum::List(parts) = &split else { panic!("{split:?}") };
        prop_assert!(count < 0 || parts.len() <= count as usize);
        if count != 0 {
            let joined = member("join", &[split.clone(), s(&separator)]);
            prop_assert_eq!(shown(&joined), shows(&s(&text)));
        }
        if !separator.is_empty() && count < 0 {
            prop_assert!(parts.iter().all(|part| shown(&member("contains", &[part.clone(), s(&separator)])) == "false"));
        }
    }

    #[test]
    fn replace_is_split_and_join(text in small(), old in "[abπ,]{1,2}", new in small()) {
        let parts = member("split", &[s(&text), s(&old)]).unwrap();
        let slow = member("join", &[parts, s(&new)]);
        prop_assert_eq!(shown(&member("replace", &[s(&text), s(&old), s(&new)])), shown(&slow));
    }

    #[test]
    fn timestamps_survive_their_text(ns in domain::INSTANT_RANGE_NS.0..=domain::INSTANT_RANGE_NS.1) {
        let text = call("string", None, &[Datum::Time(ns)]).unwrap();
        prop_assert_eq!(shown(&call("timestamp", None, &[text])), shows(&Datum::Time(ns)));
    }

    #[test]
    fn durations_survive_their_text(ns in any::<i64>()) {
        let text = call("string", None, &[Datum::Span(ns.into())]).unwrap();
        prop_assert_eq!(shown(&call("duration", None, &[text])), shows(&Datum::Span(ns.into())));
    }

    #[test]
    fn numbers_survive_their_text(int in any::<i64>(), uint in any::<u64>(), float in any::<f64>()) {
        for (value, name) in [(Datum::Int(int), "int"), (Datum::Uint(uint), "uint"), (Datum::Float(float), "double")] {
            let text = call("string", None, std::slice::from_ref(&value)).unwrap();
            prop_assert_eq!(shown(&call(name, None, &[text])), shows(&value));
        }
    }

    #[test]
    fn base64_survives(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let value = Datum::Bytes(bytes.into());
        let text = call("base64.encode", None, std::slice::from_ref(&value)).unwrap();
        prop_assert_eq!(shown(&call("base64.decode", None, &[text])), shows(&value));
    }

    #[test]
    fn extremes_order_numbers_exactly(int in any::<i64>(), nearby in -2i64..3, fraction in 0.0f64..1.0) {
        // A float near the int: the slow version compares whole parts as 128-bit integers, then what is left.
        let float = (int as f64) + nearby as f64 + fraction;
        let whole = float.floor();
        let slow = (i128::from(int)).cmp(&(whole as i128)).then(if float > whole { std::cmp::Ordering::Less } else { std::cmp::Ordering::Equal });
        let greatest = shown(&call("math.greatest", None, &[Datum::Int(int), Datum::Float(float)]));
        let expected = if slow.is_ge() { Datum::Int(int) } else { Datum::Float(float) };
        prop_assert_eq!(greatest, shows(&expected));
    }
}
