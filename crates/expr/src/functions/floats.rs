//! Floats as texts and texts as floats, each the nearest to the other.

use crate::Fault;

/// The fewest digits that read back as the same float, written as ECMAScript does: without an exponent between 1e-6 and 1e21, whole
/// numbers without a point; the sign of -0 is kept.
pub(super) fn shortest(x: f64) -> String {
    if let Some(name) = special(x) {
        return name.to_owned();
    }
    let scientific = format!("{x:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>().unwrap_or(0) {
        exponent if x == 0.0 || (-7 < exponent && exponent < 21) => format!("{x}"),
        exponent => format!("{digits}e{exponent:+}"),
    }
}

/// `NaN`, `Infinity`, `-Infinity`: floats that have no digits.
pub(super) fn special(x: f64) -> Option<&'static str> {
    if x.is_nan() {
        return Some("NaN");
    }
    x.is_infinite().then_some(if x > 0.0 { "Infinity" } else { "-Infinity" })
}

/// Reads a decimal number, `NaN` or `Infinity`; beyond the floats is an overflow, not infinite.
pub(super) fn read(text: &str) -> Result<f64, Fault> {
    let x: f64 = text.parse().map_err(|_| Fault::Argument("this text is no number"))?;
    if x.is_infinite() && text.contains(|c: char| c.is_ascii_digit()) { Err(Fault::Overflow) } else { Ok(x) }
}
