//! Where the operations of an HTTP scenario stand in its text.

use std::collections::HashMap;
use std::ops::Range;

use conformance::ats::scenario::http::{HttpRecord, HttpWhat, when_key};
use toml::de::{DeTable, DeValue};

use super::places::place_of;

/// The places of the keys of reactions and of operations.
#[derive(Clone, Debug, Default)]
pub(crate) struct HttpPlaces {
    /// Line, first column and the one after the last, from 0, in characters.
    pub all: Vec<[usize; 3]>,
    /// The indices in that list: of the key of a reaction, by table and key.
    keys: HashMap<(String, String), usize>,
    /// Of its operations.
    ops: HashMap<(String, String), Vec<usize>>,
    /// Of the operations of each list of `[hooks]`, in the order of the file.
    hooks: Vec<Vec<usize>>,
}

impl HttpPlaces {
    /// The places in `text`, which must be an HTTP scenario.
    pub(crate) fn of(text: &str) -> HttpPlaces {
        let mut places = HttpPlaces::default();
        let Ok(table) = DeTable::parse(text) else { return places };
        let mut tables: Vec<(String, &DeTable<'_>)> = Vec::new();
        for (key, value) in table.get_ref().iter() {
            let Some(inner) = value.get_ref().as_table() else { continue };
            let key: &str = key.get_ref();
            let named = inner.iter().filter_map(|(name, value)| {
                Some((format!("client {}", name.get_ref()), value.get_ref().as_table()?))
            });
            let named: Vec<_> = if key == "client" { named.collect() } else { Vec::new() };
            match named.is_empty() {
                true => tables.push((key.to_owned(), inner)),
                false => tables.extend(named),
            }
        }
        for (name, table) in tables {
            places.table(text, &name, table);
        }
        places
    }

    /// The place of a record's operation, or of the key whose moment has come.
    pub(crate) fn of_record(&self, HttpRecord { who, what, .. }: &HttpRecord) -> Option<usize> {
        let is_origin = who.starts_with("origin ");
        let table = if is_origin { "origin" } else { who };
        let key = |when| {
            let start = if is_origin { "on_accept" } else { "on_start" };
            (table.to_owned(), when_key(when, start))
        };
        match what {
            HttpWhat::Moment(when) => self.keys.get(&key(*when)).copied(),
            HttpWhat::Op { when, index, .. } => self.ops.get(&key(*when))?.get(*index).copied(),
            HttpWhat::HookOp { list: Some(list), index, .. } => {
                self.hooks.get(*list)?.get(*index).copied()
            }
            _ => None,
        }
    }

    /// The keys of a table in the order of the file, and the operations of each.
    fn table(&mut self, text: &str, name: &str, table: &DeTable<'_>) {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let Some(array) = value.get_ref().as_array() else { continue };
            let of = (name.to_owned(), key.get_ref().to_string());
            let at = self.add(text, key.span());
            let is_op = |value: &&toml::Spanned<DeValue<'_>>| value.get_ref().as_str().is_some();
            let ops: Vec<usize> =
                array.iter().filter(is_op).map(|op| self.add(text, op.span())).collect();
            if name == "hooks" {
                self.hooks.push(ops.clone());
            }
            self.keys.insert(of.clone(), at);
            self.ops.insert(of, ops);
        }
    }

    fn add(&mut self, text: &str, span: Range<usize>) -> usize {
        self.all.push(place_of(text, span));
        self.all.len() - 1
    }
}
