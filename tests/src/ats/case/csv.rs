//! Reads cases from CSV.

use std::collections::HashMap;
use std::num::IntErrorKind;
use std::path::Path;

use csv::{ReaderBuilder, StringRecord, Trim};

use eventsys::steps::excerpt;

use super::terms::{Terms, terms_of};
use super::{Case, CaseFault, EndDef};
use crate::input::{MOST_OF_CASES, file_name, read_file};
use crate::read_error::{Place, ReadError, message, utf8};

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

/// A fault comes with the byte at which it begins: lines are counted only for a fault.
type Faulty<T> = Result<T, (usize, CaseFault)>;

/// Reads the cases in `path`.
///
/// # Errors
///
/// If the file cannot be read or anything in it is wrong.
pub fn cases_from_file(path: &Path) -> Result<Vec<Case>, ReadError<CaseFault>> {
    cases_from_bytes(&file_name(path), &read_file(path, MOST_OF_CASES)?)
}

/// Reads cases from the `bytes` of a CSV file; `file` is its name in errors.
///
/// # Errors
///
/// If anything in it is wrong.
pub fn cases_from_bytes(file: &str, bytes: &[u8]) -> Result<Vec<Case>, ReadError<CaseFault>> {
    utf8(bytes)
        .map_err(|(place, byte)| (place, CaseFault::NotUtf8(byte)))
        .and_then(|text| {
            let cases = read_rows(text).and_then(|rows| pair_up(text, rows));
            cases.map_err(|(at, fault)| (Place::after(&text[..at]), fault))
        })
        .map_err(|(place, fault)| ReadError::Fault { file: file.to_owned(), place, fault })
}

/// One row, and the byte at which it begins.
struct Row {
    name: String,
    side: RowSide,
    end: EndDef,
    at: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum RowSide {
    Active,
    Passive,
}

/// Makes cases of an active and a passive row each.
fn pair_up(text: &str, rows: Vec<Row>) -> Faulty<Vec<Case>> {
    let mut cases: Vec<Case> = Vec::new();
    let mut firsts: HashMap<String, usize> = HashMap::new();
    let mut rows = rows.into_iter().peekable();

    while let Some(Row { name, side, end: active, at }) = rows.next() {
        if let Some(&first) = firsts.get(&name) {
            let (name, first) = (excerpt(&name), Place::after(&text[..first]).line);
            return Err((at, CaseFault::RepeatedCase { name, first }));
        }
        if side == RowSide::Passive {
            return Err((at, CaseFault::NoActiveRow(excerpt(&name))));
        }
        let Some(partner) = rows.next_if(|row| row.name == name && row.side == RowSide::Passive)
        else {
            return Err((at, CaseFault::NoPassiveRow(excerpt(&name))));
        };
        firsts.insert(name.clone(), at);
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
            (byte, CaseFault::NotCsv(message(&error.to_string())))
        })
    });

    let Some(header) = records.next().transpose()? else {
        return Err((0, CaseFault::Empty));
    };
    let order = column_order(&Fields { text, record: &header })?;
    let rows: Vec<Row> = records
        .map(|record| read_row(&Fields { text, record: &record? }, &order))
        .collect::<Faulty<_>>()?;
    if rows.is_empty() {
        return Err((text.len(), CaseFault::NoCases));
    }
    Ok(rows)
}

/// Where each of [`COLUMNS`] stands in the file.
fn column_order(header: &Fields<'_>) -> Faulty<[usize; COLUMNS.len()]> {
    let mut order = [None; COLUMNS.len()];
    for (index, found) in header.record.iter().enumerate() {
        let Some(column) = COLUMNS.iter().position(|&known| known == found) else {
            let (known, found) = (COLUMNS.join(", "), excerpt(found));
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
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err((place(0), CaseFault::BadName(excerpt(&name))));
    }
    let (active_terms, passive_terms) = terms_of(&name);
    let (side, terms): (RowSide, Terms) = match field(1) {
        "active" => (RowSide::Active, active_terms),
        "passive" => (RowSide::Passive, passive_terms),
        other => return Err((place(1), CaseFault::UnknownSide(excerpt(other)))),
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
    bounds(&end).map_err(|(column, fault)| (place(column), fault))?;
    Ok(Row { name, side, end, at: fields.start() })
}

/// Refuses what would fill the memory or take for ever; a fault comes with its column.
fn bounds(end: &EndDef) -> Result<(), (usize, CaseFault)> {
    let EndDef { bytes_to_send, nbytes_write, write_bytes_per, timeout_s, .. } = *end;
    let too_large = |column: usize, number: i64, most| {
        let (name, found) = (COLUMNS[column], number.to_string());
        Err((column, CaseFault::TooLarge { column: name, most, found }))
    };
    if bytes_to_send > EndDef::MOST_SENT {
        return too_large(2, bytes_to_send, EndDef::MOST_SENT);
    }
    if timeout_s > EndDef::LONGEST_TIMEOUT {
        return too_large(7, timeout_s, EndDef::LONGEST_TIMEOUT);
    }
    // An end that does not write, or has nothing to send, never fills its buffer.
    let least = match (bytes_to_send, nbytes_write) {
        (1.., 1..) => (bytes_to_send - 1) / EndDef::MOST_PIECES + 1,
        _ => 0,
    };
    if write_bytes_per < least {
        let fault = CaseFault::TooManyPieces { bytes_to_send, least, found: write_bytes_per };
        return Err((6, fault));
    }
    Ok(())
}

fn parse_number(column: &'static str, field: &str) -> Result<i64, CaseFault> {
    let found = excerpt(field);
    match field.parse::<i32>() {
        Ok(number) if number < 0 => Err(CaseFault::Negative { column, found }),
        Ok(number) => Ok(number.into()),
        Err(error) => Err(match error.kind() {
            IntErrorKind::PosOverflow => {
                CaseFault::TooLarge { column, most: i32::MAX.into(), found }
            }
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
    /// The byte at which the field with this index begins, counted from 0.
    fn place(&self, index: usize) -> usize {
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
        start + length
    }

    /// Right after the last field.
    fn end(&self) -> usize {
        let start = self.start();
        let row = self.text[start..].lines().next().unwrap_or_default();
        start + row.len()
    }

    /// The byte at which the row begins. The reader counts the line breaks and
    /// the mark of UTF-8 before a row to it.
    fn start(&self) -> usize {
        let byte = self.record.position().map_or(0, |position| position.byte() as usize);
        let row = self.text[byte..].trim_start_matches(['\n', '\r', '\u{feff}']);
        self.text.len() - row.len()
    }
}
