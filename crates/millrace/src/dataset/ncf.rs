//! MovieLens 1M in the protocol of "Neural Collaborative Filtering" (He et al. 2017): pairs in original order from a Parquet file,
//! one held-out item per user, and 99 negatives to rank it against. Users count from 0; items by first appearance.

use super::{Payloads, event, text};
use anyhow::{Context, Result, ensure};
use domain::Payload;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use std::collections::HashMap;
use std::collections::HashSet;
use std::fs::{self, File};
use std::path::Path;

/// One user's test: the held-out item is the first of the candidates.
pub(crate) struct Judged {
    /// The user's key.
    pub(crate) user: String,
    /// Keys of the candidates.
    pub(crate) candidates: Vec<String>,
}

/// The training events: all pairs but the held-out ones, as `rate { user, item }` without times.
pub(super) fn open(folder: &Path) -> Result<(u64, Payloads)> {
    let held_out: HashSet<(String, String)> =
        judged(folder)?.into_iter().map(|test| (test.user, test.candidates[0].clone())).collect();
    let file = File::open(folder.join("ratings_user_movie.parquet"))?;
    let reader = SerializedFileReader::new(file).context("reading ratings_user_movie.parquet")?;
    let rows = reader.metadata().file_metadata().num_rows() as u64;
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut payloads: Vec<Payload<'static>> = Vec::with_capacity(rows as usize);
    for row in reader.get_row_iter(None)? {
        let row = row?;
        let user: usize = row.get_string(0)?.parse().context("a userID is not a number")?;
        let next = numbers.len();
        let item = *numbers.entry(row.get_string(1)?.clone()).or_insert(next);
        let (user, item) = ((user - 1).to_string(), item.to_string());
        if !held_out.contains(&(user.clone(), item.clone())) {
            payloads.push(event("rate", None, vec![("user", text(&user)), ("item", text(&item))]));
        }
    }
    Ok((payloads.len() as u64, Box::new(payloads.into_iter().map(Ok))))
}

/// The tests, in the order of the file of negatives.
pub(crate) fn judged(folder: &Path) -> Result<Vec<Judged>> {
    let negatives = fs::read_to_string(folder.join("ml-1m.test.negative")).context("reading ml-1m.test.negative")?;
    negatives
        .lines()
        .map(|line| {
            let (pair, rest) = line.split_once('\t').context("a line of ml-1m.test.negative has no negatives")?;
            let (user, item) =
                pair.trim_matches(['(', ')']).split_once(',').context("a line does not start with (user,item)")?;
            let candidates: Vec<String> = std::iter::once(item).chain(rest.split('\t')).map(str::to_owned).collect();
            ensure!(candidates.len() == 100, "user {user} has {} candidates, not 100", candidates.len());
            Ok(Judged { user: user.to_owned(), candidates })
        })
        .collect()
}
