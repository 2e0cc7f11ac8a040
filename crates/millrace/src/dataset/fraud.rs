//! Card payments as "Reproducible Machine Learning for Credit Card Fraud Detection" simulates them (Le Borgne, Siblini, Lebichot,
//! Bontempi 2022): a compressed CSV file. Event `payment { user, terminal, amount }`, and two days later its `label { user, terminal,
//! payment, fraud }`, which names the payment by its id: that is when somebody has found out.

use super::{Payloads, event, text};
use anyhow::{Context, Result, ensure};
use domain::{Event, Payload, Raw, Span, Time};
use flate2::read::GzDecoder;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// How long after a payment its label comes.
const DELAY: Span = Span(2 * 86_400_000);

/// A payload, and of a payment what it was in truth.
pub(crate) struct Paid {
    pub(crate) payload: Payload<'static>,
    pub(crate) time: Time,
    /// None for a label.
    pub(crate) payment: Option<Truth>,
}

/// What only the judge knows.
pub(crate) struct Truth {
    pub(crate) card: String,
    pub(crate) fraud: bool,
}

/// The file of a folder of such payments.
pub(super) fn file(folder: &Path) -> Option<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    files.into_iter().find(|path| name(path).starts_with("tx_") && name(path).ends_with(".csv.gz"))
}

/// Payments and labels in order of time; of equal times the payment first.
pub(crate) fn paid(folder: &Path) -> Result<Vec<Paid>> {
    let path = file(folder).with_context(|| format!("{} has no file tx_*.csv.gz", folder.display()))?;
    let opened = File::open(&path).with_context(|| format!("opening {}", path.display()))?;
    let mut reader = csv::Reader::from_reader(GzDecoder::new(opened));
    let mut all = Vec::new();
    for (index, row) in reader.records().enumerate() {
        let row = row.with_context(|| format!("line {}", index + 2))?;
        let [payment, label] = of_row(&row).with_context(|| format!("line {}", index + 2))?;
        all.push(payment);
        all.push(label);
    }
    ensure!(!all.is_empty(), "{} has no payments", path.display());
    all.sort_by_key(|paid| (paid.time, paid.payment.is_none()));
    Ok(all)
}

pub(super) fn open(folder: &Path) -> Result<(u64, Payloads)> {
    let all = paid(folder)?;
    Ok((all.len() as u64, Box::new(all.into_iter().map(|paid| Ok(paid.payload)))))
}

/// `TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_TIME_SECONDS,TX_TIME_DAYS,TX_FRAUD,TX_FRAUD_SCENARIO`
fn of_row(row: &csv::StringRecord) -> Result<[Paid; 2]> {
    let at = |index: usize| row.get(index).context("the line has too few columns");
    let time = format!("{}Z", at(1)?.replacen(' ', "T", 1));
    let time = wire::parse_time(&time).with_context(|| format!("'{time}' is not a time"))?;
    let amount: f64 = at(4)?.parse().context("the amount is not a number")?;
    let fraud = at(7)? == "1";
    let (card, terminal) = (at(2)?.to_owned(), at(3)?.to_owned());
    let (paid_as, late) = (format!("t{}", at(0)?), time.plus(DELAY));
    let with = |fields: &[(&'static str, Raw<'static>)]| {
        let keys = [("user", text(&card)), ("terminal", text(&terminal))];
        keys.into_iter().chain(fields.iter().cloned()).collect()
    };
    let payment = event("payment", Some(time), with(&[("amount", Raw::Float(amount))]));
    let label = event("label", Some(late), with(&[("payment", text(&paid_as)), ("fraud", Raw::Bool(fraud))]));
    let truth = Truth { card: card.clone(), fraud };
    Ok([
        Paid { payload: named(payment, paid_as), time, payment: Some(truth) },
        Paid { payload: label, time: late, payment: None },
    ])
}

/// The event with an id.
fn named(payload: Payload<'static>, id: String) -> Payload<'static> {
    match payload {
        Payload::Event(event) => Payload::Event(Event { id: Some(id.into()), ..event }),
        other => other,
    }
}
