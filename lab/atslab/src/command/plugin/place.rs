//! Where a plugin is, and what it needs of the real server.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use conformance::ats::live::{LiveError, Release, Server};
use tsapi::Plugin;

use crate::error::Error;
use crate::servers::FolderArg;

/// The release whose plugins run.
pub(crate) const RELEASE: &str = "9.2.9";

/// The real server of that release.
pub(crate) fn server(servers: &FolderArg) -> Result<Server, LiveError> {
    servers.find(release())
}

/// The release.
pub(crate) fn release() -> Release {
    RELEASE.parse().expect("a release that can be run")
}

/// The plugin that the user means: a name without a folder is one of the real server's.
pub(crate) fn find(text: &str, servers: &FolderArg) -> Result<Plugin, Error> {
    let mut plugin: Plugin =
        text.parse().map_err(|what| Error::Plugin { plugin: text.to_owned(), what })?;
    if plugin.path.components().count() == 1 && !text.starts_with('.') {
        plugin.path = server(servers)?.modules_folder().join(&plugin.path);
    }
    if !plugin.path.is_file() {
        let what = format!("there is no file {}", plugin.path.display());
        return Err(Error::Plugin { plugin: plugin.name().to_owned(), what });
    }
    // The real server runs in another folder.
    plugin.path = std::path::absolute(&plugin.path)?;
    Ok(plugin)
}

/// The name and the value of the variable by which the dynamic loader finds the server's libraries.
pub(crate) fn libraries(servers: &FolderArg) -> Option<(&'static str, OsString)> {
    let server = server(servers).ok()?;
    Some(("LD_LIBRARY_PATH", env::join_paths(server.library_folders()).ok()?))
}

/// A rule of `remap.config`, and the plugins of it.
pub(crate) struct Rule {
    /// From and to.
    pub(crate) urls: (String, String),
    /// In their order.
    pub(crate) plugins: Vec<Plugin>,
}

/// Reads the lines `map FROM TO @plugin=FILE @pparam=ARGUMENT …` of a `remap.config`.
pub(crate) fn rules(file: &Path, servers: &FolderArg) -> Result<Vec<Rule>, Error> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file)
        .map_err(|source| Error::Unreadable { file: name.clone(), source })?;
    let mut rules = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        let Some(first) = words.next() else { continue };
        let fault = |what: &str| Error::Line {
            place: format!("{name}:{}", n + 1),
            fault: format!("expected {what}, found {:?}", line.trim()),
        };
        let (Some(from), Some(to), "map") = (words.next(), words.next(), first) else {
            return Err(fault("map FROM TO"));
        };
        let mut texts: Vec<String> = Vec::new();
        for word in words {
            match (word.strip_prefix("@plugin="), word.strip_prefix("@pparam="), texts.last_mut()) {
                (Some(plugin), _, _) => texts.push(plugin.to_owned()),
                (_, Some(parameter), Some(last)) => {
                    last.push(' ');
                    last.push_str(parameter);
                }
                _ => return Err(fault("@plugin=FILE, then @pparam=ARGUMENT")),
            }
        }
        let plugins = texts.iter().map(|text| find(text, servers)).collect::<Result<_, _>>()?;
        rules.push(Rule { urls: (from.to_owned(), to.to_owned()), plugins });
    }
    Ok(rules)
}

/// Loads the libraries that `traffic_server` itself is linked to: its plugins count on them. Those
/// that are missing only matter to a plugin that needs them, whose own error says so.
pub(crate) fn preload(servers: &FolderArg) {
    const LIBRARIES: [&str; 7] = [
        "libz.so.1",
        "libpcre.so.3",
        "libcrypto.so.3",
        "libssl.so.3",
        "libyaml-cpp.so.0.7",
        "libtscpputil.so.9",
        "libtscore.so.9",
    ];
    let Ok(server) = server(servers) else { return };
    let folders = server.library_folders();
    for library in LIBRARIES {
        let found: Option<PathBuf> =
            folders.iter().map(|folder| folder.join(library)).find(|path| Path::is_file(path));
        // One that the package has not is the machine's.
        let path = found.unwrap_or_else(|| library.into());
        if let Err(error) = tsapi::preload(&path) {
            log::debug!(target: "plugin", "{library}: {error}");
        }
    }
}
