//! [`Setup`]: how each plugin of the real server's package is used for a comparison.
//!
//! `tests/plugins/setups.toml` has them: the plugin's arguments, its files, and the requests. A plugin
//! that is not compared has a sentence instead.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use include_dir::{Dir, include_dir};
use serde::Deserialize;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/plugins");

/// One use of a plugin.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// The file in the server's folder of plugins.
    pub plugin: String,
    /// Its arguments. `FOLDER` is the folder of `files`.
    #[serde(default)]
    pub arguments: String,
    /// The file of requests in `tests/plugins`.
    #[serde(default)]
    pub requests: String,
    /// It is the plugin of a rule, though it could be one for all transactions.
    #[serde(default)]
    pub rule: bool,
    /// Another plugin answers: generator.so.
    #[serde(default)]
    pub generator: bool,
    /// What it reads: names and texts, in which `FOLDER` is their folder.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// As `files`, with bytes as hexadecimal digits.
    #[serde(default)]
    pub binary_files: BTreeMap<String, String>,
    /// What the plugin is made for, if the requests do not reach it.
    pub unused: Option<String>,
    /// Why it is not compared.
    pub not_compared: Option<String>,
}

/// A set-up in a folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Placed {
    /// The plugin with its arguments.
    pub plugin: String,
    /// The file of requests.
    pub requests: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Register {
    setup: Vec<Setup>,
}

impl Setup {
    /// All of them, in the order of the plugins' names.
    ///
    /// ```
    /// use conformance::ats::plugins::Setup;
    ///
    /// let generator = Setup::all().iter().find(|one| one.plugin == "generator.so").unwrap();
    /// assert_eq!(generator.requests, "generator.txt");
    /// ```
    ///
    /// # Panics
    /// If the file has a fault; a test reads it.
    #[must_use]
    pub fn all() -> &'static [Setup] {
        static ALL: LazyLock<Vec<Setup>> = LazyLock::new(|| {
            let text = include_str!("../../../plugins/setups.toml");
            toml::from_str::<Register>(text).expect("the register of set-ups").setup
        });
        &ALL
    }

    /// Writes its files and its requests to `folder`.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn place(&self, folder: &Path) -> io::Result<Placed> {
        let here = folder.display().to_string();
        let whole = |text: &str| text.replace("FOLDER", &here);
        for (name, text) in &self.files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap_or(folder))?;
            fs::write(path, whole(text))?;
        }
        for (name, digits) in &self.binary_files {
            fs::write(folder.join(name), bytes(digits).unwrap_or_default())?;
        }
        let requests = folder.join("requests.txt");
        fs::write(&requests, self.request_text().unwrap_or_default())?;
        let plugin = format!("{} {}", self.plugin, whole(&self.arguments));
        Ok(Placed { plugin: plugin.trim().to_owned(), requests })
    }

    fn request_text(&self) -> Option<&'static str> {
        FILES.get_file(&self.requests)?.contents_utf8()
    }
}

/// The bytes that hexadecimal digits stand for.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let two = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    (0..digits.len()).step_by(2).map(two).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ats::plugins::PluginRequest;

    #[test]
    fn each_setup_has_requests_or_a_sentence() {
        let all = Setup::all();
        assert!(all.is_sorted_by(|a, b| a.plugin <= b.plugin), "in the order of their names");
        for setup in all {
            let text = setup.request_text();
            assert_ne!(text.is_some(), setup.not_compared.is_some(), "{}", setup.plugin);
            assert!(text.is_some() || setup.unused.is_none(), "{}", setup.plugin);
            for (name, digits) in &setup.binary_files {
                assert!(bytes(digits).is_some(), "{}: {name}", setup.plugin);
            }
            if let Some(text) = text {
                let read = PluginRequest::parse(text);
                assert!(read.is_ok(), "{}: {read:?}", setup.requests);
            }
        }
    }

    #[test]
    fn the_folder_stands_in_arguments_and_files() {
        let folder = tempfile::tempdir().unwrap();
        let setup = Setup {
            plugin: "x.so".to_owned(),
            arguments: "FOLDER/a/b".to_owned(),
            requests: "static.txt".to_owned(),
            files: BTreeMap::from([("a/b".to_owned(), "in FOLDER\n".to_owned())]),
            binary_files: BTreeMap::from([("c".to_owned(), "00abcd".to_owned())]),
            ..Setup::default()
        };
        let placed = setup.place(folder.path()).unwrap();
        let here = folder.path().display();
        assert_eq!(placed.plugin, format!("x.so {here}/a/b"));
        assert_eq!(fs::read_to_string(folder.path().join("a/b")).unwrap(), format!("in {here}\n"));
        assert_eq!(fs::read(folder.path().join("c")).unwrap(), [0, 0xab, 0xcd]);
        assert!(fs::read_to_string(placed.requests).unwrap().contains("GET /"));
    }
}
