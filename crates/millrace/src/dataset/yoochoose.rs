//! YOOCHOOSE clicks as session-rec prepares them: a training file, test sessions, and the recommendations of a V-SKNN for some
//! of the tests' positions. Event `click { user, item }`, in order of time; the user is the session.

use super::{Payloads, Question, csv_reader, event, seconds, text};
use anyhow::{Context, Result, ensure};
use domain::Time;
use std::collections::HashMap;
use std::path::Path;

pub(super) const TRAIN: &str = "yoochoose-clicks-100k_train_full.txt";
const TEST: &str = "yoochoose-clicks-100k_test.txt";
const SHIPPED: &str = "recoms_rsc15_100k_vsknn.csv";
const CUT: &str = "a line has too few columns";

/// One click.
struct Click {
    session: String,
    item: String,
    time: Time,
}

/// Somebody else's answer to the question of one place in a session.
pub(crate) struct Shipped {
    /// Which of the questions.
    pub(crate) question: usize,
    /// Items with scores, the best first.
    pub(crate) items: Vec<(String, f64)>,
}

/// The training clicks by time; of equal times in file order.
pub(super) fn open(folder: &Path) -> Result<(u64, Payloads)> {
    let mut clicks = clicks(&folder.join(TRAIN))?;
    clicks.sort_by_key(|click| click.time);
    let payload = |Click { session, item, time }: Click| {
        Ok(event("click", Some(time), vec![("user", text(&session)), ("item", text(&item))]))
    };
    Ok((clicks.len() as u64, Box::new(clicks.into_iter().map(payload))))
}

/// Every prefix of every test session, and the click that came next.
pub(super) fn questions(folder: &Path) -> Result<Vec<Question>> {
    let clicks = clicks(&folder.join(TEST))?;
    let mut questions = Vec::with_capacity(clicks.len());
    for session in clicks.chunk_by(|a, b| a.session == b.session) {
        for place in 1..session.len() {
            questions.push(Question {
                user: None,
                visit: session[..place].iter().rev().map(|click| click.item.clone()).collect(),
                target: session[place].item.clone(),
                time: session[place - 1].time,
                name: format!("{} {}", session[0].session, place - 1),
            });
        }
    }
    Ok(questions)
}

/// The recommendations that come with the data.
pub(super) fn shipped(folder: &Path, questions: &[Question]) -> Result<Vec<Shipped>> {
    let path = folder.join(SHIPPED);
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let places: HashMap<&str, usize> =
        questions.iter().enumerate().map(|(at, asked)| (asked.name.as_str(), at)).collect();
    let mut all = Vec::new();
    for row in csv_reader(&path, b';')?.into_records() {
        let row = row?;
        let at = |index: usize| row.get(index).context(CUT);
        let name = format!("{} {}", at(0)?, at(1)?);
        let question = *places.get(name.as_str()).with_context(|| format!("{SHIPPED}: there is no test '{name}'"))?;
        let scores = at(3)?.split(',').map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        let items: Vec<(String, f64)> = at(2)?.split(',').map(str::to_owned).zip(scores).collect();
        all.push(Shipped { question, items });
    }
    Ok(all)
}

fn clicks(path: &Path) -> Result<Vec<Click>> {
    let mut all: Vec<Click> = Vec::new();
    for row in csv_reader(path, b'\t')?.into_records() {
        let row = row?;
        let at = |index: usize| row.get(index).context(CUT);
        all.push(Click { session: at(0)?.to_owned(), item: at(1)?.to_owned(), time: seconds(at(2)?)? });
    }
    ensure!(!all.is_empty(), "{} has no clicks", path.display());
    Ok(all)
}
