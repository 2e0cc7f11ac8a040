//! What sketches are made of: streams of elements, and the kinds of sketches over streams.

/// What `distinct` and `top_k` take of the events of one type: worked out once per event, where its names become numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collection {
    /// Index into `Plan::events`.
    pub event: u16,
    /// Where the elements are.
    pub source: ElementSource,
}

/// Where the elements of an event are. Each element of a list counts once per event; a missing value gives none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementSource {
    /// A field: index into `EventType::fields`.
    Field(u16),
    /// An entity: index into `EventType::roles`.
    Role(u8),
    /// An attribute of an entity of the event, as the catalogue has it at the event's position.
    Attribute {
        /// Index into `EventType::roles`.
        role: u8,
        /// Index into the entity type's fields.
        field: u16,
    },
}

/// What each pane of a stream keeps instead of partial results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sketch {
    /// Which elements there are: up to `limits::DISTINCT_EXACT_MAX` hashes, then a HyperLogLog of `limits::DISTINCT_REGISTERS`.
    Distinct,
    /// How many values are in each of up to `limits::QUANTILE_BUCKETS_MAX` buckets of equal relative width.
    Quantile,
    /// How often elements come: up to `limits::TOP_COUNTERS_MAX` counters.
    Top,
}
