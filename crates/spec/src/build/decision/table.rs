//! Decision tables: each row becomes a rule; what no row takes, what no event reaches and what overlaps is found in `cover.rs`.

use super::cell::{Axis, Values, alternative, forms};
use super::cover::{Coverage, Grid, merged};
use super::{Builder, DecisionScope, Facts, Outcomes};
use crate::build::stream::one_line;
use crate::diagnostic::{Issue, quoted};
use crate::plan::{DecisionRule, Effect, Hit, RuleTable};
use crate::source::{DecisionSource, EffectSource, RowSource, RuleTableSource};
use crate::yaml::Text;
use domain::{Type, limits};
use expr::{NodeKind, Program};
use std::ops::Range;

/// An input of a table.
struct Input<'s> {
    name: &'s str,
    /// As it stands in the conditions of rows.
    written: String,
    ty: Type,
}

/// By input, the alternatives of a cell; empty: anything.
type Cells = Vec<Vec<(String, Values)>>;

impl Builder<'_> {
    /// The tables of a decision; their rows are put behind its rules.
    pub(super) fn rule_tables(
        &mut self,
        facts: &mut Facts,
        outcomes: &Outcomes,
        source: &DecisionSource,
        rules: &mut Vec<DecisionRule>,
    ) -> Vec<RuleTable> {
        let mut tables = Vec::new();
        for table in &source.tables {
            if self.issues.full() {
                break;
            }
            let from = rules.len() as u32;
            self.rule_table(facts, outcomes, table, rules);
            tables.push(RuleTable { name: table.name.text.clone(), hit: table.hit, rules: from..rules.len() as u32 });
        }
        if rules.len() > limits::RULES_MAX {
            let message =
                format!("the decision has {} rules and rows; at most {} are allowed", rules.len(), limits::RULES_MAX);
            self.issues.push(Issue::new("too_many", &source.name.span, message).help("split it into two decisions"));
        }
        tables
    }

    fn rule_table(
        &mut self,
        facts: &mut Facts,
        outcomes: &Outcomes,
        table: &RuleTableSource,
        rules: &mut Vec<DecisionRule>,
    ) {
        let inputs: Vec<Option<Input<'_>>> =
            table.inputs.iter().map(|(name, text)| self.table_input(facts, &name.text, text)).collect();
        let Some(inputs) = inputs.into_iter().collect::<Option<Vec<Input<'_>>>>() else { return };
        let mut all: Vec<Cells> = Vec::with_capacity(table.rows.len());
        for (index, row) in table.rows.iter().enumerate() {
            if self.issues.full() {
                return;
            }
            let Some(cells) = self.cells(&inputs, row) else { continue };
            let when = self.condition_of_cells(facts, &inputs, &cells, &row.span);
            all.push(cells);
            let effect = match &row.effect {
                EffectSource::Score(text) => self.number_in_decision(facts, text, "a score").map(Effect::Score),
                EffectSource::Outcome(text) => self.outcome_of(outcomes, text).map(Effect::Outcome),
            };
            let reason = row.reason.as_ref().map_or(Some(Vec::new()), |text| self.reason(facts, text));
            let (Some(when), Some(effect), Some(reason)) = (when, effect, reason) else { continue };
            let id = format!("{}/{}", table.name.text, index + 1);
            let tags = row.tags.clone();
            rules.push(DecisionRule {
                id,
                when,
                effect,
                reason,
                tags,
                from: None,
                until: None,
                shadow: false,
                share: None,
            });
        }
        if all.len() == table.rows.len() && table.hit != Hit::Collect {
            self.check_table(table, &inputs, &all);
        }
    }

    fn table_input<'s>(&mut self, facts: &mut Facts, name: &'s str, text: &Text) -> Option<Input<'s>> {
        let program = self.compile_in_decision(facts, text, 0..text.text.len())?;
        let ty = program.ty().clone();
        if forms(&ty).is_none() {
            let message = format!("an input is a number, string, bool or duration, but this is {ty}");
            let issue = Issue::new("wrong_type", &text.span, message);
            self.issues.push(issue.help("name what cells are to be compared with, as in `amount` or `now.getHours()`"));
            return None;
        }
        let simple = expr::parse(&text.text).is_ok_and(|ast| matches!(ast.root().kind, NodeKind::Path(_)));
        let line = one_line(&text.text);
        Some(Input { name, written: if simple { line } else { format!("({line})") }, ty })
    }

    fn cells(&mut self, inputs: &[Input<'_>], row: &RowSource) -> Option<Cells> {
        let mut whole = true;
        let mut cells = Vec::with_capacity(inputs.len());
        for (input, texts) in inputs.iter().zip(&row.cells) {
            let mut cell = Vec::with_capacity(texts.len());
            for text in texts {
                match alternative(&input.written, &text.text, &input.ty) {
                    Some(found) => cell.push(found),
                    None => {
                        let message = format!(
                            "{} is no value or range for `{}`, which is {}",
                            quoted(&text.text),
                            input.name,
                            input.ty
                        );
                        let issue = Issue::new("bad_cell", &text.span, message);
                        self.issues.push(issue.help(forms(&input.ty).unwrap_or_default()));
                        whole = false;
                    }
                }
            }
            cells.push(cell);
        }
        whole.then_some(cells)
    }

    /// The condition of a row, compiled from what its cells say.
    fn condition_of_cells(
        &mut self,
        facts: &mut Facts,
        inputs: &[Input<'_>],
        cells: &Cells,
        span: &Range<usize>,
    ) -> Option<Program> {
        let parts =
            inputs.iter().zip(cells).filter(|(_, cell)| !cell.is_empty()).map(|(input, cell)| match cell.as_slice() {
                [(condition, _)] => condition.clone(),
                several if input.ty == Type::Str => {
                    let literals = several.iter().filter_map(|(condition, _)| condition.split_once(" == "));
                    let literals: Vec<&str> = literals.map(|(_, literal)| literal).collect();
                    format!("{} in [{}]", input.written, literals.join(", "))
                }
                several => {
                    let either: Vec<String> = several.iter().map(|(condition, _)| format!("({condition})")).collect();
                    format!("({})", either.join(" || "))
                }
            });
        let parts: Vec<String> = parts.collect();
        let text = if parts.is_empty() { "true".to_owned() } else { parts.join(" && ") };
        let result = expr::parse(&text).and_then(|ast| {
            let mut scope = DecisionScope { builder: &mut *self, facts: &mut *facts, ast: &ast, within: None };
            expr::compile(&ast, ast.root(), &mut scope)
        });
        result
            .map_err(|wrong| {
                // Inputs and cells have been checked: what is left is their size.
                let first = wrong.into_iter().next().filter(|first| first.code != crate::build::scope::CASCADE);
                if let Some(first) = first {
                    let message = format!("the condition of this row: {}", first.message);
                    let help =
                        first.help.unwrap_or_else(|| "let cells have fewer alternatives, or make two rows".to_owned());
                    self.issues.push(Issue::new(first.code, span, message).help(help));
                }
            })
            .ok()
    }

    /// Refuses rows that overlap in a `unique` table; warns of gaps and of rows that are never reached.
    fn check_table(&mut self, table: &RuleTableSource, inputs: &[Input<'_>], all: &[Cells]) {
        let axes: Vec<Axis> = inputs
            .iter()
            .enumerate()
            .map(|(at, input)| {
                Axis::new(&input.ty, all.iter().flat_map(|cells| cells[at].iter().map(|(_, values)| values)))
            })
            .collect();
        let taken = |(axis, cell): (&Axis, &Vec<(String, Values)>)| {
            let kinds: Vec<(u32, u32)> = cell.iter().map(|(_, values)| axis.kinds(values)).collect();
            (!cell.is_empty()).then(|| merged(kinds))
        };
        let rows = all.iter().map(|cells| axes.iter().zip(cells).map(taken).collect()).collect();
        let grid = Grid { sizes: axes.iter().map(Axis::size).collect(), rows };
        let place = |row: u32| table.rows[row as usize].span.clone();
        let (mut whole, overlapping) = match table.hit {
            Hit::Unique => (true, grid.overlaps()),
            Hit::First | Hit::Collect => (true, Some(Vec::new())),
        };
        for (first, second) in overlapping.as_deref().unwrap_or_default() {
            let message = format!("this row and row {} take the same events, and `hit` is `unique`", first + 1);
            let issue = Issue::new("overlap", &place(*second), message);
            self.issues.push(issue.help("narrow one of them, or write `hit: first`"));
        }
        whole &= overlapping.is_some();
        if table.hit == Hit::First {
            let unreachable = grid.unreachable();
            whole &= unreachable.is_some();
            for row in unreachable.unwrap_or_default() {
                let message = "no event reaches this row: rows before it take all that it takes";
                self.warn("unreachable_row", &place(row), message, "remove it, or write it further up");
            }
        }
        match grid.coverage() {
            Coverage::Full => {}
            Coverage::Gap(kinds) => {
                let words = kinds.iter().zip(&axes).zip(inputs).filter(|((_, axis), _)| axis.size() > 1);
                let words =
                    words.map(|((kind, axis), input)| format!("`{}` {}", input.name, axis.name(*kind, &input.ty)));
                let words: Vec<String> = words.collect();
                let message = format!(
                    "no row takes {}",
                    if words.is_empty() { "any event".to_owned() } else { words.join(", ") }
                );
                self.warn(
                    "gap",
                    &table.name.span,
                    &message,
                    "add a row for it; one without cells takes all that is left",
                );
            }
            Coverage::TooLarge => whole = false,
        }
        if !whole {
            let message = "this table is too large to be searched for gaps, overlaps and rows that are never reached";
            self.warn("not_checked", &table.name.span, message, "split it into several tables");
        }
    }
}
