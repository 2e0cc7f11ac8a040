//! Chance without randomness: numbers that are a function of the log alone, so that every replay draws the same.

use crate::mix::mix;
use domain::Position;

/// What is drawn for one row at one position of the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lot(u64);

impl Lot {
    /// For the counters of this item.
    pub(crate) fn new(position: Position, row: u32) -> Lot {
        const SEED: u64 = 0x6d69_6c6c_7261_6365;
        Lot(mix(mix(SEED ^ position.0).wrapping_add(u64::from(row))))
    }

    /// From 0 to below 1, evenly, for an item that asks to be counted.
    pub(crate) fn draw(self, item: u32) -> f64 {
        const UNIT: f64 = 1.0 / (1u64 << 53) as f64;
        (mix(self.0.wrapping_add(u64::from(item))) >> 11) as f64 * UNIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_even_and_never_the_same_for_another_row_position_or_item() {
        let draws: Vec<f64> = (0..20u64)
            .flat_map(|at| (0..20).flat_map(move |row| (0..25).map(move |item| Lot::new(Position(at), row).draw(item))))
            .collect();
        assert!(draws.iter().all(|draw| (0.0..1.0).contains(draw)));
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        let mut bits: Vec<u64> = draws.iter().map(|draw| draw.to_bits()).collect();
        bits.sort_unstable();
        bits.dedup();
        assert_eq!(bits.len(), draws.len());
    }
}
