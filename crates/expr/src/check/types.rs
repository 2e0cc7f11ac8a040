//! Static types, and which stands for which: unification with type variables, as CEL's own checker does it.

use domain::Type;
use std::fmt;

/// A static type of the language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Static {
    /// The type of `null`.
    Null,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `uint`
    Uint,
    /// `float`, CEL's `double`.
    Float,
    /// `string`
    Str,
    /// `bytes`
    Bytes,
    /// `timestamp`
    Time,
    /// `duration`
    Span,
    /// An entity of the plan's type with this index.
    Entity(u16),
    /// A list of this type.
    List(Box<Static>),
    /// A map from the first type to the second.
    Map(Box<Static>, Box<Static>),
    /// An optional of this type.
    Optional(Box<Static>),
    /// The type of this type.
    Type(Box<Static>),
    /// Known when it is computed.
    Dyn,
    /// Not known yet.
    Var(u32),
}

impl Static {
    /// The type of a slot.
    pub fn of(ty: &Type) -> Static {
        match ty {
            Type::Bool => Static::Bool,
            Type::Int => Static::Int,
            Type::Float => Static::Float,
            Type::Str => Static::Str,
            Type::Time => Static::Time,
            Type::Span => Static::Span,
            Type::Entity(of) => Static::Entity(*of),
            Type::List(of) => Static::List(Box::new(Static::of(of))),
        }
    }

    /// As a slot's type; `None` for what no slot holds.
    pub fn slot_type(&self) -> Option<Type> {
        Some(match self {
            Static::Bool => Type::Bool,
            Static::Int => Type::Int,
            Static::Float => Type::Float,
            Static::Str => Type::Str,
            Static::Time => Type::Time,
            Static::Span => Type::Span,
            Static::Entity(of) => Type::Entity(*of),
            Static::List(of) => Type::List(Box::new(of.slot_type()?)),
            _ => return None,
        })
    }

    /// Whether a string may be in it.
    pub(super) fn has_strings(&self) -> bool {
        matches!(self, Static::Str | Static::Dyn | Static::Var(_)) || self.inside().into_iter().any(Static::has_strings)
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Static::Int | Static::Uint | Static::Float)
    }

    fn inside(&self) -> Vec<&Static> {
        match self {
            Static::List(of) | Static::Optional(of) | Static::Type(of) => vec![of],
            Static::Map(key, value) => vec![key, value],
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for Static {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Static::Null => f.write_str("null"),
            Static::Bool => f.write_str("bool"),
            Static::Int => f.write_str("int"),
            Static::Uint => f.write_str("uint"),
            Static::Float => f.write_str("float"),
            Static::Str => f.write_str("string"),
            Static::Bytes => f.write_str("bytes"),
            Static::Time => f.write_str("timestamp"),
            Static::Span => f.write_str("duration"),
            Static::Entity(_) => f.write_str("entity"),
            Static::List(of) => write!(f, "[{of}]"),
            Static::Map(key, value) => write!(f, "{{{key}: {value}}}"),
            Static::Optional(of) => write!(f, "optional({of})"),
            Static::Type(_) => f.write_str("type"),
            Static::Dyn | Static::Var(_) => f.write_str("dyn"),
        }
    }
}

/// What is known of type variables.
#[derive(Clone, Default)]
pub(super) struct Types {
    /// What each variable stands for, where that is known.
    known: Vec<Option<Static>>,
}

impl Types {
    /// A type that nothing is known of.
    pub(super) fn fresh(&mut self) -> Static {
        self.known.push(None);
        Static::Var(self.known.len() as u32 - 1)
    }

    fn known(&self, variable: u32) -> Option<&Static> {
        self.known.get(variable as usize).and_then(Option::as_ref)
    }

    fn learn(&mut self, variable: u32, ty: Static) {
        if let Some(known) = self.known.get_mut(variable as usize) {
            *known = Some(ty);
        }
    }

    /// The type with all that is known put in, and `dyn` for the rest.
    pub(super) fn resolved(&self, ty: &Static) -> Static {
        match ty {
            Static::Var(variable) => self.known(*variable).map_or(Static::Dyn, |known| self.resolved(known)),
            Static::List(of) => Static::List(Box::new(self.resolved(of))),
            Static::Optional(of) => Static::Optional(Box::new(self.resolved(of))),
            Static::Type(of) => Static::Type(Box::new(self.resolved(of))),
            Static::Map(key, value) => Static::Map(Box::new(self.resolved(key)), Box::new(self.resolved(value))),
            ty => ty.clone(),
        }
    }

    /// The type itself, or what its variable stands for.
    pub(super) fn shallow(&self, ty: &Static) -> Static {
        let mut ty = ty;
        while let Static::Var(variable) = ty {
            match self.known(*variable) {
                Some(known) => ty = known,
                None => break,
            }
        }
        ty.clone()
    }

    /// Whether a value of the first type may stand where the second is asked for; learns variables where it may.
    pub(super) fn assignable(&mut self, from: &Static, to: &Static) -> bool {
        let mut trial = self.clone();
        let fits = trial.fits(from, to);
        if fits {
            *self = trial;
        }
        fits
    }

    fn fits(&mut self, from: &Static, to: &Static) -> bool {
        match (from, to) {
            (Static::Var(a), Static::Var(b)) if a == b => true,
            (from, Static::Var(variable)) => self.fits_variable(*variable, from, true),
            (Static::Var(variable), to) => self.fits_variable(*variable, to, false),
            (Static::Dyn, _) | (_, Static::Dyn) => true,
            (Static::List(a), Static::List(b))
            | (Static::Optional(a), Static::Optional(b))
            | (Static::Type(a), Static::Type(b)) => self.fits(a, b),
            (Static::Map(ka, va), Static::Map(kb, vb)) => self.fits(ka, kb) && self.fits(va, vb),
            // As in CEL, a null may stand for an optional.
            (Static::Null, Static::Optional(_)) | (Static::Optional(_), Static::Null) => true,
            (from, to) => from == to,
        }
    }

    /// `other` beside a variable: what the variable stands for fits and becomes the more general of both.
    fn fits_variable(&mut self, variable: u32, other: &Static, is_target: bool) -> bool {
        if let Some(known) = self.known(variable).cloned() {
            let fits = if is_target { self.fits(other, &known) } else { self.fits(&known, other) };
            if fits && less_specific(other, &known) && !self.occurs(variable, other) {
                self.learn(variable, other.clone());
            }
            return fits;
        }
        if self.occurs(variable, other) {
            return false;
        }
        self.learn(variable, other.clone());
        true
    }

    fn occurs(&self, variable: u32, ty: &Static) -> bool {
        match ty {
            Static::Var(other) if *other == variable => true,
            Static::Var(other) => self.known(*other).is_some_and(|known| self.occurs(variable, known)),
            ty => ty.inside().into_iter().any(|inner| self.occurs(variable, inner)),
        }
    }

    /// The type of elements of both types; `None` where they have none in common but `dyn`.
    pub(super) fn joined(&mut self, a: &Static, b: &Static) -> Option<Static> {
        self.assignable(a, b).then(|| if less_specific(a, b) { a.clone() } else { b.clone() })
    }
}

/// Whether the first type is the second or says less.
fn less_specific(a: &Static, b: &Static) -> bool {
    match (a, b) {
        (Static::Dyn | Static::Var(_), _) | (Static::Optional(_), Static::Null) => true,
        (_, Static::Dyn | Static::Var(_)) => false,
        (Static::List(a), Static::List(b))
        | (Static::Optional(a), Static::Optional(b))
        | (Static::Type(a), Static::Type(b)) => less_specific(a, b),
        (Static::Map(ka, va), Static::Map(kb, vb)) => less_specific(ka, kb) && less_specific(va, vb),
        (a, b) => a == b,
    }
}
