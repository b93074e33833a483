//! Where the operations of a scenario stand in its text.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use pluginvc::steps::Side;
use serde::Deserialize;
use toml::Spanned;

/// The places of a scenario's operations and of its reactions' keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    /// Line, first column and the one after the last, from 0, in characters.
    pub all: Vec<[usize; 3]>,
    /// The indices in that list, by the index of the operation.
    ops: Vec<usize>,
    /// The same for each reaction.
    keys: HashMap<(Side, String), usize>,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    active: End,
    #[serde(default)]
    passive: End,
}

type End = BTreeMap<Spanned<String>, Vec<Spanned<String>>>;

impl Places {
    /// The places in `text`, which must be a scenario.
    pub(crate) fn of(text: &str) -> Places {
        let mut places = Places::default();
        let Ok(raw) = toml::from_str::<Raw>(text) else { return places };
        for (side, end) in [(Side::Active, raw.active), (Side::Passive, raw.passive)] {
            // In the order of the file, as the scenario is compiled.
            let mut reactions: Vec<_> = end.into_iter().collect();
            reactions.sort_by_key(|(key, _)| key.span().start);
            for (key, ops) in reactions {
                let at = places.add(text, key.span());
                places.keys.insert((side, key.into_inner()), at);
                for op in ops {
                    let at = places.add(text, op.span());
                    places.ops.push(at);
                }
            }
        }
        places
    }

    /// The place of the operation with this index.
    pub(crate) fn of_op(&self, index: usize) -> Option<usize> {
        self.ops.get(index).copied()
    }

    /// The place of the key of a reaction.
    pub(crate) fn of_key(&self, side: Side, key: &str) -> Option<usize> {
        self.keys.get(&(side, key.to_owned())).copied()
    }

    fn add(&mut self, text: &str, span: Range<usize>) -> usize {
        self.all.push(place_of(text, span));
        self.all.len() - 1
    }
}

/// Where `span` stands in `text`: its line, its first character and the one behind its last,
/// counted from 0.
pub(super) fn place_of(text: &str, span: Range<usize>) -> [usize; 3] {
    let before = &text[..span.start];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|&byte| byte == b'\n').count();
    let first = text[line_start..span.start].chars().count();
    [line, first, first + text[span].chars().count()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use conformance::ats::gallery;

    #[test]
    fn operations_and_keys_are_found_where_they_stand() {
        let text = "title = \"ü\"\nteaches = \"\"\n[passive]\non_connect = [\"close\"]\n\
                    [active]\non_EOS = [\n  \"close\",\n]\non_connect = [\"write 1\", \"close\"]\n";
        let places = Places::of(text);
        let place = |at: Option<usize>| places.all[at.expect("a place")];
        assert_eq!(place(places.of_op(0)), [6, 2, 9], "the active end comes first");
        assert_eq!(place(places.of_op(1)), [8, 14, 23]);
        assert_eq!(place(places.of_op(3)), [3, 14, 21]);
        assert_eq!(place(places.of_key(Side::Active, "on_EOS")), [5, 0, 6]);
        assert_eq!(places.of_op(4), None);
        assert_eq!(places.of_key(Side::Passive, "on_EOS"), None);
    }

    #[test]
    fn each_operation_of_the_gallery_has_a_place() {
        for name in gallery::names() {
            let scenario = gallery::named(name).expect("a scenario");
            let places = Places::of(&scenario.to_string());
            assert_eq!(places.ops.len(), scenario.compile().ops.len(), "{name}");
        }
    }
}
