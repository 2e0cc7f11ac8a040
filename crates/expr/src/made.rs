//! Strings that come up while something is evaluated, beside those that are known: a text that has no symbol is given one, from the
//! highest down, which nothing else has. Equal texts have equal symbols, which is all that anything computed of them may hang on.

use crate::Texts;
use domain::Symbol;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Known texts and those that were made beside them. What is made lasts as long as this does, so values that are compared with each
/// other are computed under one of it.
///
/// The texts known may become more meanwhile: a string that was made keeps its symbol, and nothing that is read has the other one,
/// since it was there before.
pub struct MadeTexts<'t> {
    known: &'t dyn Texts,
    /// None until there is one: most of what is evaluated makes no string.
    made: RefCell<Option<Box<Made>>>,
}

#[derive(Default)]
struct Made {
    texts: Vec<Arc<str>>,
    numbers: BTreeMap<Arc<str>, u32>,
}

impl Made {
    fn add(&mut self, text: &str) -> u32 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let (number, text) = (self.texts.len() as u32, Arc::<str>::from(text));
        self.texts.push(text.clone());
        self.numbers.insert(text, number);
        number
    }
}

impl<'t> MadeTexts<'t> {
    /// Nothing is made yet.
    pub fn new(known: &'t dyn Texts) -> MadeTexts<'t> {
        MadeTexts { known, made: RefCell::default() }
    }

    /// These texts, which differ, have symbols already: the `k`th is `Symbol(u32::MAX - k)`.
    pub fn with<'s>(known: &'t dyn Texts, first: impl IntoIterator<Item = &'s str>) -> MadeTexts<'t> {
        let made = MadeTexts::new(known);
        first.into_iter().for_each(|text| {
            made.add(text);
        });
        made
    }

    /// What was made, and those it was begun with: the `k`th is `Symbol(u32::MAX - k)`.
    pub fn made(&self) -> Vec<Arc<str>> {
        self.made.borrow().as_ref().map_or_else(Vec::new, |made| made.texts.clone())
    }

    fn add(&self, text: &str) -> u32 {
        self.made.borrow_mut().get_or_insert_default().add(text)
    }
}

impl Texts for MadeTexts<'_> {
    fn text(&self, symbol: Symbol) -> Option<Arc<str>> {
        let own = |made: &Made| made.texts.get((u32::MAX - symbol.0) as usize).cloned();
        let own = self.made.borrow().as_deref().and_then(own);
        own.or_else(|| self.known.text(symbol))
    }

    fn symbol(&self, text: &str) -> Option<Symbol> {
        let own = self.made.borrow().as_deref().and_then(|made| made.numbers.get(text).copied());
        let number = match own {
            Some(number) => number,
            None => match self.known.symbol(text) {
                Some(symbol) => return Some(symbol),
                None => self.add(text),
            },
        };
        Some(Symbol(u32::MAX - number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Two;

    impl Texts for Two {
        fn text(&self, symbol: Symbol) -> Option<Arc<str>> {
            ["a", "b"].get(symbol.0 as usize).map(|text| Arc::from(*text))
        }

        fn symbol(&self, text: &str) -> Option<Symbol> {
            ["a", "b"].iter().position(|known| *known == text).map(|at| Symbol(at as u32))
        }
    }

    #[test]
    fn a_text_has_one_symbol_and_a_symbol_one_text() {
        let texts = MadeTexts::with(&Two, ["x", "y"]);
        for (text, symbol) in
            [("a", 0), ("b", 1), ("x", u32::MAX), ("y", u32::MAX - 1), ("z", u32::MAX - 2), ("", u32::MAX - 3)]
        {
            for _ in 0..2 {
                assert_eq!(texts.symbol(text), Some(Symbol(symbol)));
                assert_eq!(texts.text(Symbol(symbol)).as_deref(), Some(text));
            }
        }
        assert_eq!((texts.text(Symbol(2)), texts.text(Symbol(u32::MAX - 4))), (None, None));
    }
}
