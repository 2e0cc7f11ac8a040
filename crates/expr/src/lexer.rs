//! Text -> tokens. A faulty piece is reported and becomes `Broken` (or the operator that was meant), so that
//! the parser can go on and find the other errors.

mod literal;

use crate::{BinaryOp, Diagnostic, Literal};
use std::ops::Range;

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind<'a> {
    Literal(Literal),
    /// `9223372036854775808`: an integer only behind a minus sign.
    TooLargeByOne,
    Name(&'a str),
    /// A field's name between backticks, which may be none of the language's.
    Quoted(&'a str),
    Op(BinaryOp),
    Not,
    OpenParen,
    CloseParen,
    OpenList,
    CloseList,
    OpenMap,
    CloseMap,
    Comma,
    Dot,
    Question,
    Colon,
    /// An operand that was reported already.
    Broken,
    End,
}

/// A token and its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind<'a>,
    pub(crate) span: Range<usize>,
}

/// The tokens of a text, the last one `End`, and what is wrong with it so far.
pub(crate) fn tokens(text: &str) -> (Vec<Token<'_>>, Vec<Diagnostic>) {
    let mut lexer = Lexer { text, at: 0, faults: Vec::new() };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.token();
        let ended = token.kind == Kind::End;
        tokens.push(token);
        if ended {
            return (tokens, lexer.faults);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    faults: Vec<Diagnostic>,
}

/// Symbols, longest first; a third column says what should have been written.
const SYMBOLS: &[(&str, Kind<'static>, Option<&str>)] = &[
    ("===", Kind::Op(BinaryOp::Equal), Some("write `==`")),
    ("!==", Kind::Op(BinaryOp::NotEqual), Some("write `!=`")),
    ("||", Kind::Op(BinaryOp::Or), None),
    ("&&", Kind::Op(BinaryOp::And), None),
    ("<=", Kind::Op(BinaryOp::LessEqual), None),
    (">=", Kind::Op(BinaryOp::GreaterEqual), None),
    ("==", Kind::Op(BinaryOp::Equal), None),
    ("!=", Kind::Op(BinaryOp::NotEqual), None),
    ("<>", Kind::Op(BinaryOp::NotEqual), Some("write `!=`")),
    ("**", Kind::Op(BinaryOp::Multiply), Some("write `pow(x, y)`")),
    ("<", Kind::Op(BinaryOp::Less), None),
    (">", Kind::Op(BinaryOp::Greater), None),
    ("+", Kind::Op(BinaryOp::Add), None),
    ("-", Kind::Op(BinaryOp::Subtract), None),
    ("*", Kind::Op(BinaryOp::Multiply), None),
    ("/", Kind::Op(BinaryOp::Divide), None),
    ("%", Kind::Op(BinaryOp::Remainder), None),
    ("!", Kind::Not, None),
    ("(", Kind::OpenParen, None),
    (")", Kind::CloseParen, None),
    ("[", Kind::OpenList, None),
    ("]", Kind::CloseList, None),
    ("{", Kind::OpenMap, None),
    ("}", Kind::CloseMap, None),
    (",", Kind::Comma, None),
    (".", Kind::Dot, None),
    ("?", Kind::Question, None),
    (":", Kind::Colon, None),
    ("=", Kind::Op(BinaryOp::Equal), Some("write `==` to compare")),
    ("&", Kind::Op(BinaryOp::And), Some("write `&&`")),
    ("|", Kind::Op(BinaryOp::Or), Some("write `||`")),
    ("^", Kind::Op(BinaryOp::Multiply), Some("write `pow(x, y)`")),
];

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn fault(&mut self, code: &'static str, from: usize, message: impl Into<String>, help: Option<&str>) {
        let mut fault = Diagnostic::new(code, from..self.at, message);
        fault.help = help.map(str::to_owned);
        self.faults.push(fault);
    }

    fn token(&mut self) -> Token<'a> {
        self.blank();
        let start = self.at;
        let rest = self.rest();
        let second = rest.chars().nth(1);
        let kind = match rest.chars().next() {
            None => Kind::End,
            Some('0'..='9') => self.number(),
            Some('.') if second.is_some_and(|c| c.is_ascii_digit()) => self.number(),
            Some(_) if self.prefix().is_some() => self.string(),
            Some('`') => self.quoted(),
            Some('a'..='z' | 'A'..='Z' | '_') => self.word(),
            Some(_) => self.symbol(),
        };
        Token { kind, span: start..self.at }
    }

    /// Steps over blanks and comments, which go to the end of their line.
    fn blank(&mut self) {
        loop {
            self.at = self.text.len() - self.rest().trim_start_matches([' ', '\t', '\n', '\r', '\x0c']).len();
            if !self.rest().starts_with("//") {
                return;
            }
            self.at += self.rest().find(['\n', '\r']).unwrap_or(self.rest().len());
        }
    }

    /// `` `content-type` ``
    fn quoted(&mut self) -> Kind<'a> {
        let start = self.at;
        let rest = &self.rest()[1..];
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"_.-/ ".contains(c)).unwrap_or(rest.len());
        self.at += 1 + length;
        if length > 0 && self.rest().starts_with('`') {
            self.at += 1;
            return Kind::Quoted(&rest[..length]);
        }
        let help = "between backticks stand letters, digits, `_`, `-`, `.`, `/` and spaces";
        self.fault("unterminated_name", start, "this name does not end", Some(help));
        Kind::Broken
    }

    fn word(&mut self) -> Kind<'a> {
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at += length;
        match &rest[..length] {
            "true" => Kind::Literal(Literal::Bool(true)),
            "false" => Kind::Literal(Literal::Bool(false)),
            "in" => Kind::Op(BinaryOp::In),
            "null" => Kind::Literal(Literal::Null),
            name => Kind::Name(name),
        }
    }

    fn symbol(&mut self) -> Kind<'a> {
        let start = self.at;
        let first = self.rest().bytes().next();
        for (text, kind, correction) in SYMBOLS {
            if text.bytes().next() == first && self.rest().starts_with(text) {
                self.at += text.len();
                if correction.is_some() {
                    self.fault("unknown_operator", start, format!("there is no operator `{text}`"), *correction);
                }
                return kind.clone();
            }
        }
        self.unexpected()
    }

    /// Reports a run of characters that no token starts with.
    fn unexpected(&mut self) -> Kind<'a> {
        let start = self.at;
        let first = self.rest().chars().next().unwrap_or_default();
        let known = |c: char| c.is_ascii_alphanumeric() || " \t\r\n\x0c\"'`_<>+-*/%!()[]{},.?:=&|^".contains(c);
        let curly = |c: char| ('\u{2018}'..='\u{201f}').contains(&c);
        let closing = self.rest().char_indices().skip(1).find(|(_, c)| curly(*c));
        self.at = match closing {
            Some((length, quote)) if curly(first) => start + length + quote.len_utf8(),
            _ => self.rest().find(known).map_or(self.text.len(), |length| start + length),
        };
        let shown = if first.is_ascii_graphic() || first.is_alphanumeric() {
            format!("`{first}`")
        } else {
            format!("U+{:04X}", first as u32)
        };
        let help = match first {
            '\u{2018}'..='\u{201f}' => Some("write strings in plain quotes: \"...\" or '...'"),
            '\u{d7}' => Some("write `*`"),
            '\u{2264}' => Some("write `<=`"),
            '\u{2265}' => Some("write `>=`"),
            '\u{2260}' => Some("write `!=`"),
            '\u{2212}' | '\u{2013}' => Some("write `-`"),
            c if c.is_alphabetic() => Some("names are ASCII letters, digits and `_`"),
            '#' => Some("quote the YAML value; a comment needs a space before `#`"),
            _ => Some("remove it; text stands in quotes"),
        };
        self.fault("unexpected_character", start, format!("unexpected character {shown}"), help);
        Kind::Broken
    }
}
