//! The straightforward way: a hash map from key to one deque of events per window. An event goes into every deque, what has left a
//! window is taken from its front, and a read goes over what is there.

use super::Paid;
use domain::{Span, Time};
use std::collections::{HashMap, VecDeque};

/// Events of one window, oldest first; of equal times in log order.
type Events = VecDeque<(i64, f64)>;

/// All keys.
pub(super) struct Deques {
    /// Each window, and what it is widened by at its old end.
    windows: Vec<(Span, Span)>,
    keys: HashMap<u32, Vec<Events>>,
}

impl Deques {
    pub(super) fn new(windows: &[(Span, Span)]) -> Deques {
        Deques { windows: windows.to_vec(), keys: HashMap::new() }
    }

    pub(super) fn add(&mut self, paid: &Paid) {
        let windows = &self.windows;
        let deques = self.keys.entry(paid.key).or_insert_with(|| vec![Events::new(); windows.len()]);
        for ((window, width), events) in windows.iter().zip(deques) {
            let oldest = oldest(paid.log_time, *window, *width);
            while events.front().is_some_and(|(time, _)| *time < oldest) {
                events.pop_front();
            }
            if paid.time.0 < oldest {
                continue;
            }
            let mut place = events.len();
            while place > 0 && events[place - 1].0 > paid.time.0 {
                place -= 1;
            }
            events.insert(place, (paid.time.0, paid.amount));
        }
    }

    /// Ten aggregates of each window, window by window.
    pub(super) fn read(&self, key: u32, now: Time) -> Vec<Option<f64>> {
        let none = vec![Events::new(); self.windows.len()];
        let deques = self.keys.get(&key).unwrap_or(&none);
        let read = self.windows.iter().zip(deques).flat_map(|((window, width), events)| {
            let oldest = oldest(now, *window, *width);
            let from = events.partition_point(|(time, _)| *time < oldest);
            aggregates(*window, events.range(from..).map(|(_, amount)| *amount))
        });
        read.collect()
    }

    pub(super) fn keys(&self) -> usize {
        self.keys.len()
    }

    /// Bytes of the deques and the table.
    pub(super) fn bytes(&self) -> usize {
        let deque = |events: &Events| size_of::<Events>() + events.capacity() * size_of::<(i64, f64)>();
        let keys: usize = self.keys.values().flatten().map(deque).sum();
        keys + self.keys.capacity() * (size_of::<(u32, Vec<Events>)>() + 1)
    }
}

/// The first instant of the pane that the window's old end lies in.
fn oldest(now: Time, window: Span, width: Span) -> i64 {
    (now.0 - window.0).div_euclid(width.0) * width.0
}

fn aggregates(window: Span, amounts: impl Iterator<Item = f64>) -> [Option<f64>; 10] {
    let (mut count, mut mean, mut squares, mut sum) = (0.0, 0.0, 0.0, 0.0);
    let (mut least, mut most, mut first, mut last) = (f64::INFINITY, f64::NEG_INFINITY, None, None);
    for amount in amounts {
        count += 1.0;
        let before = amount - mean;
        mean += before / count;
        squares += before * (amount - mean);
        sum += amount;
        (least, most) = (least.min(amount), most.max(amount));
        first = first.or(Some(amount));
        last = Some(amount);
    }
    let any = |value: f64| (count > 0.0).then_some(value);
    let variance = (count > 1.0).then_some(squares / (count - 1.0));
    [
        Some(count),
        Some(count / (window.0 as f64 / 1_000.0)),
        Some(sum),
        any(sum / count),
        any(least),
        any(most),
        first,
        last,
        variance,
        variance.map(f64::sqrt),
    ]
}
