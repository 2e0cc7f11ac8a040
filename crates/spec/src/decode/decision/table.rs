//! Decision tables: named inputs, and rows of cells with what each row does.

use super::Decoder;
use super::field;
use super::rule::start_of;
use crate::diagnostic::{Issue, quoted};
use crate::plan::Hit;
use crate::source::{RowSource, RuleTableSource};
use crate::yaml::{Kind, Node, Text};
use domain::limits;

pub(in crate::decode) const TABLE: [&str; 3] = ["hit", "inputs", "rows"];
/// Fields of a row beside its cells.
pub(in crate::decode) const ROW: [&str; 4] = ["score", "outcome", "reason", "tags"];

impl Decoder<'_> {
    pub(super) fn rule_tables(&mut self, key: &Text, node: &Node) -> Vec<RuleTableSource> {
        let tables = self.section(key, node, Decoder::rule_table);
        self.at_most(key, tables.len(), limits::TABLES_PER_DECISION_MAX);
        tables
    }

    fn rule_table(&mut self, name: &Text, node: &Node) -> Option<RuleTableSource> {
        self.name(name, "a decision table");
        let entries = self.map(node, "a decision table")?;
        for (key, _) in entries.iter().filter(|(key, _)| !TABLE.contains(&key.text.as_str())) {
            self.unknown(key, "a decision table", &TABLE);
        }
        self.required(
            name,
            entries,
            "inputs",
            "a decision table",
            "say what it looks at: `inputs: { amount: amount }`",
        );
        self.required(
            name,
            entries,
            "rows",
            "a decision table",
            "as in `rows: [{ amount: \"> 1000\", outcome: check }]`",
        );
        self.required(name, entries, "hit", "a decision table", "write `first`, `unique` or `collect`");
        let hit = field(entries, "hit").and_then(|node| self.hit(node));
        let inputs = self.inputs(field(entries, "inputs")?)?;
        let rows = field(entries, "rows").and_then(|node| self.list(node, "`rows`"))?;
        self.at_most(&Text { text: "rows".to_owned(), ..name.clone() }, rows.len(), limits::RULES_MAX);
        let rows = rows.iter().take(limits::RULES_MAX).filter_map(|row| self.row(&inputs, row)).collect();
        Some(RuleTableSource { name: name.clone(), hit: hit?, inputs, rows })
    }

    fn hit(&mut self, node: &Node) -> Option<Hit> {
        let text = self.text(node, "`hit`")?;
        Some(match text.text.as_str() {
            "first" => Hit::First,
            "unique" => Hit::Unique,
            "collect" => Hit::Collect,
            wrong => {
                let issue = Issue::new("out_of_range", &text.span, format!("{} is no way to hit", quoted(wrong)));
                self.issues.push(issue.near(wrong, ["first", "unique", "collect"].into_iter()));
                return None;
            }
        })
    }

    fn inputs(&mut self, node: &Node) -> Option<Vec<(Text, Text)>> {
        let entries = self.map(node, "`inputs`")?;
        if entries.is_empty() || entries.len() > limits::TABLE_INPUTS_MAX {
            let most = limits::TABLE_INPUTS_MAX;
            let message = format!("`inputs` has {} entries; it must have from 1 to {most}", entries.len());
            self.issues
                .push(Issue::new("out_of_range", &node.span, message).help("as in `inputs: { amount: amount }`"));
            return None;
        }
        let mut inputs = Vec::new();
        for (name, value) in entries {
            self.name(name, "an input");
            if ROW.contains(&name.text.as_str()) {
                let message = format!("{} is a field of every row already", quoted(&name.text));
                self.issues.push(Issue::new("reserved_name", &name.span, message).help("choose another name"));
            }
            inputs.push((name.clone(), self.text(value, "an input")?.clone()));
        }
        Some(inputs)
    }

    fn row(&mut self, inputs: &[(Text, Text)], node: &Node) -> Option<RowSource> {
        let entries = self.map(node, "a row")?;
        let known: Vec<&str> = inputs.iter().map(|(name, _)| name.text.as_str()).chain(ROW).collect();
        for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.text.as_str())) {
            self.unknown(key, "a row of this table", &known);
        }
        let at = Text { text: "row".to_owned(), plain: true, span: start_of(node) };
        let effect = self.effect(&at, entries, &known);
        let cells = inputs.iter().map(|(name, _)| match field(entries, &name.text) {
            None => Some(Vec::new()),
            Some(node) => self.cell(node),
        });
        let cells: Vec<Option<Vec<Text>>> = cells.collect();
        let (reason, tags) = (self.reason(entries), field(entries, "tags").map(|node| self.tags_of_rule(&at, node)));
        let cells = cells.into_iter().collect::<Option<Vec<Vec<Text>>>>()?;
        Some(RowSource { cells, effect: effect?, reason, tags: tags.unwrap_or_default(), span: at.span })
    }

    /// One alternative or a list of them; `-` is anything.
    fn cell(&mut self, node: &Node) -> Option<Vec<Text>> {
        if let Kind::List(list) = &node.kind {
            let texts: Vec<Option<Text>> = list.iter().map(|one| self.text(one, "a cell").cloned()).collect();
            if texts.is_empty() {
                let issue = Issue::new("missing_value", &node.span, "this cell is an empty list, which nothing is in");
                self.issues.push(issue.help("leave the cell out for anything"));
                return None;
            }
            return texts.into_iter().collect();
        }
        let text = self.text(node, "a cell")?;
        Some(if text.text == "-" { Vec::new() } else { vec![text.clone()] })
    }
}
