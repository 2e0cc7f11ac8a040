//! What is written reads back; what cannot be held says so; damage is an error.

use super::*;
use proptest::prelude::*;
use std::fs;
use std::path::PathBuf;

fn path(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("millrace-table-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("the temporary folder is writable");
    folder.join(name)
}

fn columns() -> Vec<Column> {
    let kinds = [Kind::Bool, Kind::Int, Kind::Float, Kind::Text, Kind::Time, Kind::Seconds];
    let named = |(index, kind): (usize, &Kind)| {
        [Column::new(&format!("v{index}"), *kind), Column::of_lists(&format!("l{index}"), *kind)]
    };
    kinds.iter().enumerate().flat_map(named).collect()
}

fn value(column: &Column) -> BoxedStrategy<Raw<'static>> {
    let one = match column.kind {
        Kind::Bool => any::<bool>().prop_map(Raw::Bool).boxed(),
        Kind::Int | Kind::Time => any::<i64>().prop_map(Raw::Int).boxed(),
        Kind::Float | Kind::Seconds => {
            any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Raw::Float).boxed()
        }
        Kind::Text => ".{0,12}".prop_map(|text: String| Raw::Str(text.into())).boxed(),
    };
    let one = if column.list { prop::collection::vec(one, 0..4).prop_map(Raw::List).boxed() } else { one };
    prop_oneof![1 => Just(Raw::Null), 3 => one].boxed()
}

fn rows() -> impl Strategy<Value = Vec<Vec<Raw<'static>>>> {
    let row: Vec<_> = columns().iter().map(value).collect();
    prop::collection::vec(row, 0..60)
}

fn write(path: &std::path::Path, rows: &[Vec<Raw<'static>>]) {
    let mut writer = Writer::new(fs::File::create(path).unwrap(), columns()).unwrap();
    for row in rows {
        row.iter().enumerate().for_each(|(column, value)| assert!(writer.set(column, value)));
        writer.end_row().unwrap();
    }
    writer.finish().unwrap();
}

fn read(path: &std::path::Path, skip: u64, most: usize) -> anyhow::Result<Vec<Vec<Raw<'static>>>> {
    let mut reader = Reader::open(path)?;
    reader.skip(skip)?;
    let mut rows: Vec<Vec<Raw<'static>>> = Vec::new();
    while let Some(chunk) = reader.read(most)? {
        let count = chunk[0].len();
        for row in 0..count {
            rows.push(
                chunk.iter().map(|column| column[row].clone().map_err(anyhow::Error::msg)).collect::<Result<_, _>>()?,
            );
        }
    }
    Ok(rows)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn rows_read_back(rows in rows(), skip in 0..70u64, most in 1..70usize) {
        let path = path("rows.parquet");
        write(&path, &rows);
        let left = rows.get(skip as usize..).unwrap_or(&[]);
        prop_assert_eq!(read(&path, skip, most).unwrap(), left);
    }
}

#[test]
fn any_cut_and_any_flipped_byte_is_an_error_or_other_values() {
    let path = path("cut.parquet");
    let row: Vec<Raw<'static>> = columns().iter().map(|_| Raw::Null).collect();
    let mut rows = vec![row; 40];
    rows.iter_mut().enumerate().for_each(|(index, row)| row[6] = Raw::Str(format!("text {index}").into()));
    write(&path, &rows);
    let whole = fs::read(&path).unwrap();
    for cut in (0..whole.len()).step_by(7) {
        fs::write(&path, &whole[..cut]).unwrap();
        assert!(read(&path, 0, 100).is_err(), "cut at {cut} of {}", whole.len());
    }
    for at in (0..whole.len()).step_by(5) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        fs::write(&path, &damaged).unwrap();
        // It may read as other values; it must not end the program.
        let _ = std::hint::black_box(read(&path, 0, 100));
    }
}

#[test]
fn a_column_refuses_what_it_cannot_hold() {
    let no = |kind, raw| assert_eq!(fitted(kind, &raw), None, "{kind:?}");
    no(Kind::Bool, Raw::Int(1));
    no(Kind::Int, Raw::Float(1.0));
    no(Kind::Float, Raw::Int((1 << 53) + 1));
    no(Kind::Text, Raw::Int(1));
    no(Kind::Time, Raw::Str("yesterday".into()));
    no(Kind::Seconds, Raw::Str("41".into()));
    assert_eq!(fitted(Kind::Seconds, &Raw::Str("41s".into())), Some(Raw::Float(41.0)));
    assert_eq!(fitted(Kind::Time, &Raw::Str("1970-01-01T00:00:01Z".into())), Some(Raw::Int(1_000)));
    let mut writer = Writer::new(Vec::new(), columns()).unwrap();
    assert!(!writer.set(0, &Raw::List(Vec::new())) && !writer.set(1, &Raw::Bool(true)));
}
