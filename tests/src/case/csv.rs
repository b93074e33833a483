//! Reads cases from CSV.

use std::collections::HashMap;
use std::fs;
use std::num::IntErrorKind;
use std::path::Path;

use csv::{ReaderBuilder, StringRecord, Trim};

use super::terms::{Terms, terms_of};
use super::{Case, CaseFault, EndDef};
use crate::read_error::{Place, ReadError, utf8};

/// The columns, in the order in which [`Row`] keeps their fields.
const COLUMNS: [&str; 8] = [
    "case",
    "side",
    "bytes_to_send",
    "nbytes_write",
    "bytes_to_read",
    "nbytes_read",
    "write_bytes_per",
    "timeout_s",
];

type Faulty<T> = Result<T, (Place, CaseFault)>;

/// Reads the cases in `path`.
///
/// # Errors
///
/// If the file cannot be read or anything in it is wrong.
pub fn cases_from_file(path: &Path) -> Result<Vec<Case>, ReadError<CaseFault>> {
    let file = path.display().to_string();
    match fs::read(path) {
        Ok(bytes) => cases_from_bytes(&file, &bytes),
        Err(source) => Err(ReadError::Unreadable { file, source }),
    }
}

/// Reads cases from the `bytes` of a CSV file; `file` is its name in errors.
///
/// # Errors
///
/// If anything in it is wrong.
pub fn cases_from_bytes(file: &str, bytes: &[u8]) -> Result<Vec<Case>, ReadError<CaseFault>> {
    utf8(bytes)
        .map_err(|(place, byte)| (place, CaseFault::NotUtf8(byte)))
        .and_then(|text| pair_up(read_rows(text)?))
        .map_err(|(place, fault)| ReadError::Fault { file: file.to_owned(), place, fault })
}

/// One row, with its place.
struct Row {
    name: String,
    side: RowSide,
    end: EndDef,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum RowSide {
    Active,
    Passive,
}

/// Makes cases of an active and a passive row each.
fn pair_up(rows: Vec<Row>) -> Faulty<Vec<Case>> {
    let mut cases: Vec<Case> = Vec::new();
    let mut first_lines: HashMap<String, usize> = HashMap::new();
    let mut rows = rows.into_iter().peekable();

    while let Some(Row { name, side, end: active, place }) = rows.next() {
        if let Some(&first) = first_lines.get(&name) {
            return Err((place, CaseFault::RepeatedCase { name, first }));
        }
        if side == RowSide::Passive {
            return Err((place, CaseFault::NoActiveRow(name)));
        }
        let Some(partner) = rows.next_if(|row| row.name == name && row.side == RowSide::Passive)
        else {
            return Err((place, CaseFault::NoPassiveRow(name)));
        };
        first_lines.insert(name.clone(), place.line);
        cases.push(Case { name, active, passive: partner.end });
    }
    Ok(cases)
}

fn read_rows(text: &str) -> Faulty<Vec<Row>> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        // The count of fields is checked here, for a better sentence.
        .flexible(true)
        .trim(Trim::All)
        .from_reader(text.as_bytes());
    let mut records = reader.records().map(|record| {
        record.map_err(|error| {
            let byte = error.position().map_or(0, |position| position.byte() as usize);
            (Place::after(&text[..byte]), CaseFault::NotCsv(error.to_string()))
        })
    });

    let Some(header) = records.next().transpose()? else {
        return Err((Place { line: 1, column: 1 }, CaseFault::Empty));
    };
    let order = column_order(&Fields { text, record: &header })?;
    let rows: Vec<Row> = records
        .map(|record| read_row(&Fields { text, record: &record? }, &order))
        .collect::<Faulty<_>>()?;
    if rows.is_empty() {
        return Err((Place::after(text), CaseFault::NoCases));
    }
    Ok(rows)
}

/// Where each of [`COLUMNS`] stands in the file.
fn column_order(header: &Fields<'_>) -> Faulty<[usize; COLUMNS.len()]> {
    let mut order = [None; COLUMNS.len()];
    for (index, found) in header.record.iter().enumerate() {
        let Some(column) = COLUMNS.iter().position(|&known| known == found) else {
            let (known, found) = (COLUMNS.join(", "), found.to_owned());
            return Err((header.place(index), CaseFault::UnknownColumn { known, found }));
        };
        if order[column].replace(index).is_some() {
            return Err((header.place(index), CaseFault::RepeatedColumn(COLUMNS[column])));
        }
    }
    let mut complete = [0; COLUMNS.len()];
    for (column, index) in order.into_iter().enumerate() {
        complete[column] =
            index.ok_or_else(|| (header.end(), CaseFault::MissingColumn(COLUMNS[column])))?;
    }
    Ok(complete)
}

fn read_row(fields: &Fields<'_>, order: &[usize; COLUMNS.len()]) -> Faulty<Row> {
    let (expected, found) = (COLUMNS.len(), fields.record.len());
    if found != expected {
        let place = if found > expected { fields.place(expected) } else { fields.end() };
        return Err((place, CaseFault::FieldCount { expected, found }));
    }

    let field = |column: usize| &fields.record[order[column]];
    let place = |column: usize| fields.place(order[column]);
    let number = |column: usize| {
        parse_number(COLUMNS[column], field(column)).map_err(|fault| (place(column), fault))
    };

    let name = field(0).to_owned();
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err((place(0), CaseFault::BadName(name)));
    }
    let (active_terms, passive_terms) = terms_of(&name);
    let (side, terms): (RowSide, Terms) = match field(1) {
        "active" => (RowSide::Active, active_terms),
        "passive" => (RowSide::Passive, passive_terms),
        other => return Err((place(1), CaseFault::UnknownSide(other.to_owned()))),
    };
    let (read_term, write_term) = terms;
    let end = EndDef {
        bytes_to_send: number(2)?,
        nbytes_write: number(3)?,
        bytes_to_read: number(4)?,
        nbytes_read: number(5)?,
        write_bytes_per: number(6)?,
        timeout_s: number(7)?,
        read_term,
        write_term,
    };
    Ok(Row { name, side, end, place: place(0) })
}

fn parse_number(column: &'static str, field: &str) -> Result<i64, CaseFault> {
    let found = field.to_owned();
    match field.parse::<i32>() {
        Ok(number) if number < 0 => Err(CaseFault::Negative { column, found }),
        Ok(number) => Ok(number.into()),
        Err(error) => Err(match error.kind() {
            IntErrorKind::PosOverflow => CaseFault::TooLarge { column, found },
            IntErrorKind::NegOverflow => CaseFault::Negative { column, found },
            _ => CaseFault::NotANumber { column, found },
        }),
    }
}

/// A row and the text it comes from, to find the place of a field again: the
/// reader of CSV tells only where the row begins.
struct Fields<'a> {
    text: &'a str,
    record: &'a StringRecord,
}

impl Fields<'_> {
    /// Where the field with this index begins, counted from 0.
    fn place(&self, index: usize) -> Place {
        let start = self.start();
        let (mut quoted, mut commas) = (false, 0);
        let mut length = 0;
        if index > 0 {
            for (position, character) in self.text[start..].char_indices() {
                match character {
                    '"' => quoted = !quoted,
                    ',' if !quoted => commas += 1,
                    _ => {}
                }
                if commas == index {
                    length = position + 1;
                    break;
                }
            }
        }
        Place::after(&self.text[..start + length])
    }

    /// Right after the last field.
    fn end(&self) -> Place {
        let start = self.start();
        let row = self.text[start..].lines().next().unwrap_or_default();
        Place::after(&self.text[..start + row.len()])
    }

    /// The byte at which the row begins. The reader counts the line breaks and
    /// the mark of UTF-8 before a row to it.
    fn start(&self) -> usize {
        let byte = self.record.position().map_or(0, |position| position.byte() as usize);
        let row = self.text[byte..].trim_start_matches(['\n', '\r', '\u{feff}']);
        self.text.len() - row.len()
    }
}
