//! Rows by columns: blocks of up to 64 rows, one array per slot with a bit for each row that has a value. What column
//! evaluation reads and gives ([`crate::Program::eval_block`]); filled by whoever has the rows.

use crate::{Program, Texts};
use domain::{EntityId, Span, Symbol, Time, Type, Value};

/// Rows of a block: as many as a word has bits.
pub const BLOCK_ROWS: usize = 64;

/// A type whose values lie in arrays.
pub trait Plain: Copy + Send + Sync + 'static {
    /// What stands where there is no value. For floats a NaN, so that `default` need not look at the bits.
    const ABSENT: Self;
    /// The value of this type; `None` for a missing one and for one of another type.
    fn plain(value: &Value) -> Option<Self>;
    /// As a value.
    fn boxed(self) -> Value;
}

macro_rules! plain {
    ($type:ty, $variant:ident, $absent:expr) => {
        impl Plain for $type {
            const ABSENT: $type = $absent;
            #[inline(always)]
            fn plain(value: &Value) -> Option<$type> {
                match value {
                    Value::$variant(inner) => Some(*inner),
                    _ => None,
                }
            }
            #[inline(always)]
            fn boxed(self) -> Value {
                Value::$variant(self)
            }
        }
    };
}

plain!(bool, Bool, false);
plain!(i64, Int, 0);
plain!(f64, Float, f64::NAN);
plain!(Symbol, Str, Symbol(0));
plain!(Time, Time, Time(0));
plain!(Span, Span, Span(0));
plain!(EntityId, Entity, EntityId(0));

/// 64 values of one type; `present` has a bit for each row with a value, the others hold `T::ABSENT`.
#[derive(Clone, Debug)]
pub struct Lane<T> {
    pub(crate) values: [T; BLOCK_ROWS],
    pub(crate) present: u64,
}

impl<T: Plain> Lane<T> {
    /// Without any value.
    pub fn new() -> Lane<T> {
        Lane { values: [T::ABSENT; BLOCK_ROWS], present: 0 }
    }

    /// Sets one row, of those below 64.
    #[inline]
    pub fn set(&mut self, row: usize, value: Option<T>) {
        let row = row % BLOCK_ROWS;
        self.values[row] = value.unwrap_or(T::ABSENT);
        self.present = self.present & !(1 << row) | u64::from(value.is_some()) << row;
    }

    /// Sets all rows.
    pub fn fill(&mut self, value: Option<T>) {
        self.values = [value.unwrap_or(T::ABSENT); BLOCK_ROWS];
        self.present = if value.is_some() { u64::MAX } else { 0 };
    }

    /// The value in a row.
    #[inline]
    pub fn value(&self, row: usize) -> Option<T> {
        let row = row % BLOCK_ROWS;
        (self.present >> row & 1 == 1).then(|| self.values[row])
    }

    /// All rows' values; those without one hold `T::ABSENT`.
    pub fn values(&self) -> &[T; BLOCK_ROWS] {
        &self.values
    }

    /// A bit for each row with a value.
    pub fn present(&self) -> u64 {
        self.present
    }
}

impl<T: Plain> Default for Lane<T> {
    fn default() -> Lane<T> {
        Lane::new()
    }
}

/// 64 bools as bits: a row is true, or has a value at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bits {
    pub(crate) set: u64,
    pub(crate) present: u64,
}

impl Bits {
    /// Sets one row, of those below 64.
    #[inline]
    pub fn set(&mut self, row: usize, value: Option<bool>) {
        let bit = 1 << (row % BLOCK_ROWS);
        self.set = if value == Some(true) { self.set | bit } else { self.set & !bit };
        self.present = if value.is_some() { self.present | bit } else { self.present & !bit };
    }

    /// The value in a row.
    #[inline]
    pub fn value(&self, row: usize) -> Option<bool> {
        let row = row % BLOCK_ROWS;
        (self.present >> row & 1 == 1).then(|| self.set >> row & 1 == 1)
    }

    /// A bit for each row that is true.
    pub fn trues(&self) -> u64 {
        self.set
    }

    /// A bit for each row with a value.
    pub fn present(&self) -> u64 {
        self.present
    }

    pub(crate) fn of(value: Option<bool>) -> Bits {
        let all = |bit: bool| if bit { u64::MAX } else { 0 };
        Bits { set: all(value == Some(true)), present: all(value.is_some()) }
    }
}

/// The values of one slot, or of one expression, in the rows of a block. The type is the slot's.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Column {
    Bool(Bits),
    Int(Box<Lane<i64>>),
    Float(Box<Lane<f64>>),
    Str(Box<Lane<Symbol>>),
    Time(Box<Lane<Time>>),
    Span(Box<Lane<Span>>),
    Entity(Box<Lane<EntityId>>),
    /// Lists, as they are in rows.
    List(Box<[Value]>),
}

macro_rules! each_lane {
    ($column:expr, $bits:pat => $of_bits:expr, $lane:pat => $of_lane:expr, $list:pat => $of_list:expr) => {
        match $column {
            Column::Bool($bits) => $of_bits,
            Column::Int($lane) => $of_lane,
            Column::Float($lane) => $of_lane,
            Column::Str($lane) => $of_lane,
            Column::Time($lane) => $of_lane,
            Column::Span($lane) => $of_lane,
            Column::Entity($lane) => $of_lane,
            Column::List($list) => $of_list,
        }
    };
}

impl Column {
    /// Of this type, without any value.
    pub fn new(ty: &Type) -> Column {
        match ty {
            Type::Bool => Column::Bool(Bits::default()),
            Type::Int => Column::Int(Box::default()),
            Type::Float => Column::Float(Box::default()),
            Type::Str => Column::Str(Box::default()),
            Type::Time => Column::Time(Box::default()),
            Type::Span => Column::Span(Box::default()),
            Type::Entity(_) => Column::Entity(Box::default()),
            Type::List(_) => Column::List(vec![Value::Missing; BLOCK_ROWS].into()),
        }
    }

    /// Sets one row, of those below 64; a value of another type is a missing one.
    #[inline]
    pub fn set(&mut self, row: usize, value: &Value) {
        each_lane!(
            self,
            bits => bits.set(row, bool::plain(value)),
            lane => lane.set(row, Plain::plain(value)),
            list => list[row % BLOCK_ROWS] = listed(value)
        );
    }

    /// Sets all rows: a slot that is the same for all of them.
    pub fn fill(&mut self, value: &Value) {
        each_lane!(
            self,
            bits => *bits = Bits::of(bool::plain(value)),
            lane => lane.fill(Plain::plain(value)),
            list => list.fill(listed(value))
        );
    }

    /// The value in a row.
    pub fn value(&self, row: usize) -> Value {
        each_lane!(
            self,
            bits => bits.value(row).map_or(Value::Missing, Value::Bool),
            lane => lane.value(row).map_or(Value::Missing, Plain::boxed),
            list => list[row % BLOCK_ROWS].clone()
        )
    }

    /// The floats, if it is a column of floats: the quickest way to set them.
    #[inline]
    pub fn floats_mut(&mut self) -> Option<&mut Lane<f64>> {
        match self {
            Column::Float(lane) => Some(lane),
            _ => None,
        }
    }

    /// The bools, if it is a column of bools.
    #[inline]
    pub fn bools_mut(&mut self) -> Option<&mut Bits> {
        match self {
            Column::Bool(bits) => Some(bits),
            _ => None,
        }
    }

    /// Makes it a column of this type, if it is of another.
    pub(crate) fn retype(&mut self, ty: &Type) {
        if !self.is_of(ty) {
            *self = Column::new(ty);
        }
    }

    fn is_of(&self, ty: &Type) -> bool {
        matches!(
            (self, ty),
            (Column::Bool(_), Type::Bool)
                | (Column::Int(_), Type::Int)
                | (Column::Float(_), Type::Float)
                | (Column::Str(_), Type::Str)
                | (Column::Time(_), Type::Time)
                | (Column::Span(_), Type::Span)
                | (Column::Entity(_), Type::Entity(_))
                | (Column::List(_), Type::List(_))
        )
    }
}

fn listed(value: &Value) -> Value {
    if matches!(value, Value::List(_)) { value.clone() } else { Value::Missing }
}

/// A block of rows: its columns by slot. A slot without a column has no value in any row. Kept and filled again, it
/// allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    columns: Vec<Option<Column>>,
    rows: usize,
}

impl Columns {
    /// Without columns or rows.
    pub fn new() -> Columns {
        Columns::default()
    }

    /// Says how many rows there are now, at most 64. Columns keep what is in them.
    pub fn set_rows(&mut self, rows: usize) {
        self.rows = rows.min(BLOCK_ROWS);
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// A bit for each row.
    pub fn mask(&self) -> u64 {
        if self.rows == 0 { 0 } else { u64::MAX >> (BLOCK_ROWS - self.rows) }
    }

    /// The column of a slot of this type, to be filled. Made on first use; one of another type gives way.
    pub fn column_mut(&mut self, slot: u16, ty: &Type) -> &mut Column {
        let index = usize::from(slot);
        if self.columns.len() <= index {
            self.columns.resize_with(index + 1, || None);
        }
        let column = &mut self.columns[index];
        if column.as_ref().is_some_and(|column| !column.is_of(ty)) {
            *column = None;
        }
        column.get_or_insert_with(|| Column::new(ty))
    }

    /// The column of a slot, if it has one.
    #[inline]
    pub fn column(&self, slot: u16) -> Option<&Column> {
        self.columns.get(usize::from(slot))?.as_ref()
    }

    /// Drops all columns, for a block with other slots.
    pub fn clear(&mut self) {
        self.columns.clear();
        self.rows = 0;
    }

    /// Copies these slots of one row, as far as the row given reaches.
    pub fn read_row(&self, row: usize, slots: &[u16], into: &mut [Value]) {
        for slot in slots {
            if let Some(value) = into.get_mut(usize::from(*slot)) {
                *value = self.column(*slot).map_or(Value::Missing, |column| column.value(row));
            }
        }
    }

    /// Fills the column of a slot with a program's values: a feature made of others.
    pub fn derive(&mut self, slot: u16, program: &Program, scratch: &mut BlockScratch, texts: &dyn Texts) {
        self.column_mut(slot, program.ty());
        let Some(mut column) = self.columns[usize::from(slot)].take() else { return };
        program.eval_block_with(self, scratch, texts, &mut column);
        self.columns[usize::from(slot)] = Some(column);
    }
}

/// Memory that evaluation of blocks uses again and again.
#[derive(Clone, Debug, Default)]
pub struct BlockScratch {
    /// A row for expressions that are evaluated row by row.
    pub(crate) row: Vec<Value>,
}
