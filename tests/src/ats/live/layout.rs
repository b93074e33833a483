//! [`Layout`]: where the parts of a server are.
//!
//! Three forms are known: an unpacked package as `tests/live/install` makes it, an installed
//! prefix (`make install`, `cmake --install`), and a build tree of either build system.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the parts of a server are. Every path is absolute: the server runs in a folder of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    /// `traffic_server` itself.
    pub(crate) binary: PathBuf,
    /// Folders of headers, each of which may have a part of them.
    pub(crate) includes: Vec<PathBuf>,
    /// The folders of its libraries, the server's own last.
    pub(crate) libraries: Vec<PathBuf>,
    /// Where its plugins are.
    pub(crate) modules: PathBuf,
    /// The configuration that comes with it, of which the texts of its answers count.
    pub(crate) configuration: PathBuf,
    /// What its own files are told to lie under.
    pub(crate) prefix: PathBuf,
}

impl Layout {
    /// A package that is unpacked in `folder`.
    pub(crate) fn of_package(folder: &Path) -> Layout {
        let folder = absolute(folder);
        let usr = folder.join("usr");
        Layout {
            binary: usr.join("bin/traffic_server"),
            includes: vec![usr.join("include")],
            libraries: vec![
                usr.join("lib/x86_64-linux-gnu"),
                folder.join("lib/x86_64-linux-gnu"),
                usr.join("lib/trafficserver"),
            ],
            modules: usr.join("lib/trafficserver/modules"),
            configuration: folder.join("etc/trafficserver"),
            prefix: usr,
        }
    }

    /// The server that `path` is, or that is in `path`; `None` if there is none.
    pub(crate) fn find(path: &Path) -> Option<Layout> {
        let path = absolute(path);
        // The binary itself stands in its folder, which stands in what is meant.
        let folders = path.ancestors().take(if path.is_file() { 5 } else { 1 });
        let folders: Vec<&Path> = folders.filter(|folder| folder.is_dir()).collect();
        let each = |form: fn(&Path) -> Option<Layout>| folders.iter().find_map(|it| form(it));
        // The prefix of a package is its folder `usr`; what it needs lies beside that, too.
        each(Layout::of_whole_package)
            .or_else(|| each(Layout::of_prefix))
            .or_else(|| each(Layout::of_build_tree))
    }

    /// A package that is unpacked in `folder`, or whose prefix `folder` is.
    fn of_whole_package(folder: &Path) -> Option<Layout> {
        let is_usr = folder.file_name().is_some_and(|name| name == "usr");
        let above = folder.parent().filter(|_| is_usr);
        let all = above.into_iter().chain([folder]).map(Layout::of_package);
        all.into_iter().find(|it| it.binary.is_file() && it.configuration.is_dir())
    }

    /// An installed prefix.
    fn of_prefix(prefix: &Path) -> Option<Layout> {
        let bins = ["bin/traffic_server", "sbin/traffic_server", "usr/bin/traffic_server"];
        let binary = bins.map(|bin| prefix.join(bin)).into_iter().find(|bin| bin.is_file())?;
        let [lib, own] = ["lib", "lib/trafficserver"].map(|folder| prefix.join(folder));
        let libraries = [prefix.join("lib64"), lib.join("x86_64-linux-gnu"), lib, own];
        let first_of = |folders: &[&str]| {
            let mut all = folders.iter().map(|folder| prefix.join(folder));
            all.clone().find(|folder| folder.is_dir()).or_else(|| all.next()).unwrap_or_default()
        };
        Some(Layout {
            binary,
            includes: vec![prefix.join("include")],
            libraries: libraries.into_iter().filter(|folder| folder.is_dir()).collect(),
            modules: first_of(&[
                "libexec/trafficserver",
                "lib/trafficserver/modules",
                "lib64/trafficserver/modules",
            ]),
            configuration: first_of(&["etc/trafficserver", "../etc/trafficserver", "etc"]),
            prefix: prefix.to_owned(),
        })
    }

    /// A build tree: of libtool, whose binary is in `.libs` and what stands beside that is a
    /// script, or of CMake.
    fn of_build_tree(tree: &Path) -> Option<Layout> {
        let bins = ["src/traffic_server/.libs/traffic_server", "src/traffic_server/traffic_server"];
        let binary = bins.map(|bin| tree.join(bin)).into_iter().find(|bin| bin.is_file())?;
        let source = source_of(tree).unwrap_or_else(|| tree.to_owned());
        // Those of CMake are found by the path that the linker has written into the binary.
        let libraries = ["src/tscore", "src/tscpp/util", "src/tscpp/api", "src/tsutil", "src/api"];
        let libraries = libraries.iter().flat_map(|name| {
            let folder = tree.join(name);
            [folder.join(".libs"), folder]
        });
        let mut includes = vec![tree.join("include")];
        includes.extend(["include", "lib/swoc/include"].map(|name| source.join(name)));
        Some(Layout {
            binary,
            includes: includes.into_iter().filter(|folder| folder.is_dir()).collect(),
            libraries: libraries.filter(|folder| folder.is_dir()).collect(),
            modules: tree.join("plugins"),
            configuration: source.join("configs"),
            prefix: tree.to_owned(),
        })
    }

    /// The folders in which the linker looks for the server's libraries.
    pub(crate) fn library_path(&self) -> String {
        let shown = self.libraries.iter().map(|path| path.display().to_string());
        shown.collect::<Vec<_>>().join(":")
    }

    /// The plugins that lie in folders of their own below [`modules`](Layout::modules), as in a
    /// build tree: `generator/generator.so`, of libtool `generator/.libs/generator.so`.
    pub(crate) fn scattered_plugins(&self) -> Vec<PathBuf> {
        const DEEPEST: usize = 4;
        let mut found = Vec::new();
        let mut folders = vec![(self.modules.clone(), 1)];
        while let Some((folder, depth)) = folders.pop() {
            let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
            for path in entries.map(|entry| entry.path()) {
                if path.is_dir() && depth < DEEPEST {
                    folders.push((path, depth + 1));
                } else if depth > 1 && path.extension().is_some_and(|extension| extension == "so") {
                    found.push(path);
                }
            }
        }
        found.sort();
        found
    }

    /// True if the headers of its plugin interface are there.
    pub(crate) fn has_headers(&self) -> bool {
        self.includes.iter().any(|folder| folder.join("ts/ts.h").is_file())
    }
}

/// The folder of the source that a build tree was made from.
fn source_of(tree: &Path) -> Option<PathBuf> {
    let line = |file: &str, name: &str| {
        let text = fs::read_to_string(tree.join(file)).ok()?;
        let value = text.lines().find_map(|line| line.strip_prefix(name))?.trim();
        Some(tree.join(value))
    };
    line("CMakeCache.txt", "CMAKE_HOME_DIRECTORY:INTERNAL=")
        .or_else(|| line("Makefile", "abs_top_srcdir ="))
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    /// A folder with these files.
    fn folder(files: &[&str]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let file = folder.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        folder
    }

    #[test]
    fn an_unpacked_package_is_found_as_the_install_script_leaves_it() {
        let it = folder(&["usr/bin/traffic_server", "etc/trafficserver/remap.config"]);
        assert_eq!(Layout::find(it.path()), Some(Layout::of_package(it.path())));
        for inside in ["usr", "usr/bin/traffic_server"] {
            let found = Layout::find(&it.path().join(inside));
            assert_eq!(found, Some(Layout::of_package(it.path())), "{inside}");
        }
    }

    #[test]
    fn an_installed_prefix_is_found_by_its_folder_and_by_its_binary() {
        let it = folder(&[
            "bin/traffic_server",
            "include/ts/ts.h",
            "lib/libtscore.so",
            "libexec/trafficserver/generator.so",
            "etc/trafficserver/records.yaml",
        ]);
        let root = it.path();
        let found = Layout::find(root).unwrap();
        assert_eq!(Layout::find(&root.join("bin/traffic_server")).as_ref(), Some(&found));
        assert!(found.has_headers());
        assert_eq!(found.modules, root.join("libexec/trafficserver"));
        assert_eq!(found.libraries, [root.join("lib")]);
        assert!(found.scattered_plugins().is_empty(), "they are where the server looks");
        assert_eq!(found.configuration, root.join("etc/trafficserver"));
    }

    #[test]
    fn a_build_tree_of_cmake_names_its_source() {
        let source = folder(&["include/ts/ts.h", "configs/body_factory/default/x"]);
        let tree = folder(&["src/traffic_server/traffic_server", "include/ts/apidefs.h"]);
        let cache = format!("X=1\nCMAKE_HOME_DIRECTORY:INTERNAL={}\n", source.path().display());
        fs::write(tree.path().join("CMakeCache.txt"), cache).unwrap();
        let found = Layout::find(tree.path()).unwrap();
        assert_eq!(found.includes, [tree.path(), source.path()].map(|at| at.join("include")));
        assert_eq!(found.configuration, source.path().join("configs"));
        assert!(found.has_headers());
        let plugin = tree.path().join("plugins/generator/generator.so");
        fs::create_dir_all(plugin.parent().unwrap()).unwrap();
        fs::write(&plugin, "").unwrap();
        assert_eq!(found.scattered_plugins(), [plugin]);
    }

    #[test]
    fn of_a_build_tree_of_libtool_the_binary_is_meant_and_not_the_script() {
        let tree = folder(&[
            "src/traffic_server/traffic_server",
            "src/traffic_server/.libs/traffic_server",
            "src/tscore/.libs/libtscore.so",
        ]);
        let found = Layout::find(tree.path()).unwrap();
        assert_eq!(found.binary, tree.path().join("src/traffic_server/.libs/traffic_server"));
        assert_eq!(found.libraries[0], tree.path().join("src/tscore/.libs"));
        assert!(!found.has_headers());
    }

    #[test]
    fn a_folder_without_a_server_has_none() {
        let it = folder(&["bin/traffic_ctl"]);
        assert_eq!(Layout::find(it.path()), None);
        assert_eq!(Layout::find(&it.path().join("nothing")), None);
        assert_eq!(Layout::find(&it.path().join("bin/traffic_ctl")), None);
    }
}
