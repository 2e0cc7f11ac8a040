//! JSON lines; blank ones are passed over.

use super::{Bad, Place, Row, Rows, file_name};
use crate::import::line;
use anyhow::{Context, Result};
use domain::{Code, Refusal, limits};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

/// The rows after the first `skip`.
pub(super) fn open(path: &Path, skip: u64) -> Result<Rows> {
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let lines = Lines { file: BufReader::with_capacity(1 << 20, file), name: file_name(path), line: 0, left_out: skip };
    Ok(Box::new(lines))
}

struct Lines {
    file: BufReader<File>,
    name: Rc<str>,
    line: u64,
    /// Rows still to be passed over.
    left_out: u64,
}

impl Iterator for Lines {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Result<Row>> {
        loop {
            match self.read() {
                Ok(None) => return None,
                Ok(Some(line)) if line.trim_ascii().is_empty() => {}
                Ok(Some(_)) if self.left_out > 0 => self.left_out -= 1,
                Ok(Some(line)) => return Some(Ok(self.row(line))),
                Err(error) => return Some(Err(error).with_context(|| format!("line {}", self.line))),
            }
        }
    }
}

impl Lines {
    /// The next line, or as much of one that is too long as says so; none at the end.
    fn read(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::with_capacity(256);
        self.line += 1;
        let most = limits::PAYLOAD_BYTES_MAX as u64 + 1;
        self.file.by_ref().take(most).read_until(b'\n', &mut line)?;
        if line.len() as u64 == most && line.last() != Some(&b'\n') {
            self.file.skip_until(b'\n')?;
        }
        Ok(if line.is_empty() { None } else { Some(line) })
    }

    fn row(&self, mut text: Vec<u8>) -> Row {
        let place = Place { file: self.name.clone(), line: self.line };
        if text.len() > limits::PAYLOAD_BYTES_MAX {
            let message = format!("the line is longer than {} bytes", limits::PAYLOAD_BYTES_MAX);
            return Row { place, record: Err(Bad { refusal: Refusal::new(Code::TooLarge, "", message), text }) };
        }
        let length = text.trim_ascii_end().len();
        text.truncate(length);
        let record = line::parse(&mut text).map_err(|refusal| Bad { refusal, text });
        Row { place, record }
    }
}
