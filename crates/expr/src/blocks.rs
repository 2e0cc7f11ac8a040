//! Programs over blocks of rows.

use crate::block;
use crate::columns::{BLOCK_ROWS, BlockScratch, Column, Columns, Lane};
use crate::form::{Form, InBlock};
use crate::program::Body;
use crate::typed::Typed;
use crate::{Program, Texts};
use domain::Value;

impl Program {
    /// Its value in each row of a block, as [`Program::eval`] gives them; rows behind the block's have none.
    /// `out` becomes a column of the program's type.
    pub fn eval_block(&self, columns: &Columns, scratch: &mut BlockScratch, out: &mut Column) {
        out.retype(self.ty());
        let rows = columns.mask();
        match (&*self.form, out) {
            (Typed::Bool(form), Column::Bool(out)) => {
                let bits = block::bits(form, columns, scratch);
                (out.set, out.present) = (bits.set & rows, bits.present & rows);
            }
            (Typed::Int(form), Column::Int(out)) => fill_lane(form, columns, scratch, out),
            (Typed::Float(form), Column::Float(out)) => fill_lane(form, columns, scratch, out),
            (Typed::Str(form), Column::Str(out)) => fill_lane(form, columns, scratch, out),
            (Typed::Time(form), Column::Time(out)) => fill_lane(form, columns, scratch, out),
            (Typed::Span(form), Column::Span(out)) => fill_lane(form, columns, scratch, out),
            (Typed::Entity(_, form), Column::Entity(out)) => fill_lane(form, columns, scratch, out),
            (Typed::List(_, form), Column::List(out)) => {
                let lists = block::lists(form, columns, scratch).into_iter().enumerate();
                for ((row, list), out) in lists.zip(out) {
                    *out = list.filter(|_| row < columns.rows()).map_or(Value::Missing, Value::List);
                }
            }
            _ => {}
        }
    }

    /// A bit for each row in which its value is `true`, as [`Program::eval_bool`] says.
    pub fn eval_block_bool(&self, columns: &Columns, scratch: &mut BlockScratch) -> u64 {
        match &*self.form {
            Typed::Bool(form) => block::bits(form, columns, scratch).set & columns.mask(),
            _ => 0,
        }
    }

    /// Its value in each row as a float, as [`Program::eval_f64`] gives them: a bit for each row that has one, a NaN in
    /// those that have none.
    pub fn eval_block_f64(&self, columns: &Columns, scratch: &mut BlockScratch, out: &mut [f64; BLOCK_ROWS]) -> u64 {
        let present = match &*self.form {
            Typed::Float(form) => block::fill(form, columns, scratch, out),
            Typed::Int(form) => {
                let mut ints = [0; BLOCK_ROWS];
                let present = block::fill(form, columns, scratch, &mut ints);
                out.iter_mut().zip(ints).for_each(|(out, int)| *out = int as f64);
                present
            }
            _ => 0,
        };
        block::settle(out, present & columns.mask())
    }

    /// [`Program::eval_block`] with the texts of the rows' symbols at hand.
    pub fn eval_block_with(&self, columns: &Columns, scratch: &mut BlockScratch, texts: &dyn Texts, out: &mut Column) {
        let Body::Texts(run) = &self.body else { return self.eval_block(columns, scratch, out) };
        out.retype(self.ty());
        out.fill(&Value::Missing);
        let run = |row: &[Value]| Some(run(row, texts));
        block::by_rows(&run, self.slots(), columns, scratch, |row, value| out.set(row, &value));
    }

    /// [`Program::eval_block_bool`] with the texts of the rows' symbols at hand.
    pub fn eval_block_bool_with(&self, columns: &Columns, scratch: &mut BlockScratch, texts: &dyn Texts) -> u64 {
        let Body::Texts(run) = &self.body else { return self.eval_block_bool(columns, scratch) };
        let run = |row: &[Value]| run(row, texts).is_true().then_some(());
        block::by_rows(&run, self.slots(), columns, scratch, |_, ()| {})
    }

    /// [`Program::eval_block_f64`] with the texts of the rows' symbols at hand.
    pub fn eval_block_f64_with(
        &self,
        columns: &Columns,
        scratch: &mut BlockScratch,
        texts: &dyn Texts,
        out: &mut [f64; BLOCK_ROWS],
    ) -> u64 {
        let Body::Texts(run) = &self.body else { return self.eval_block_f64(columns, scratch, out) };
        out.fill(f64::NAN);
        let run = |row: &[Value]| run(row, texts).as_f64().filter(|float| !float.is_nan());
        block::by_rows(&run, self.slots(), columns, scratch, |row, float| out[row] = float)
    }
}

fn fill_lane<T: InBlock>(form: &Form<T>, columns: &Columns, scratch: &mut BlockScratch, out: &mut Lane<T>) {
    let present = block::fill(form, columns, scratch, &mut out.values);
    out.present = block::settle(&mut out.values, present & columns.mask());
}
