//! The files that a server's private root takes from its package, prefix or build tree.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::layout::Layout;

/// What the source calls a file that `make install` puts there under its own name.
const DEFAULT: &str = "default";

/// Copies the configuration that comes with a server. The source has it as `NAME.default`; the
/// server reads `NAME`, and without `ip_allow.yaml` it refuses every client.
pub(super) fn copy_configuration(from: &Path, to: &Path) -> io::Result<()> {
    copy_tree(from, to)?;
    for entry in fs::read_dir(to)? {
        let path = entry?.path();
        let installed = path.with_extension("");
        if path.extension().is_some_and(|it| it == DEFAULT) && !installed.exists() {
            fs::rename(path, installed)?;
        }
    }
    Ok(())
}

/// A folder in `root` with links to the plugins of a build tree, which has a folder for each of
/// them; a server looks for all in one. `None` if they are in one already.
pub(super) fn gathered_plugins(layout: &Layout, root: &Path) -> io::Result<Option<PathBuf>> {
    let plugins = layout.scattered_plugins();
    if plugins.is_empty() {
        return Ok(None);
    }
    let gathered = root.join("modules");
    fs::create_dir(&gathered)?;
    for plugin in plugins {
        let Some(name) = plugin.file_name() else { continue };
        match symlink(&plugin, gathered.join(name)) {
            // Of two with the same name the first counts.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Ok(Some(gathered))
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_of_a_source_is_installed_and_that_of_a_package_is_kept() {
        let [from, to] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let files = ["ip_allow.yaml.default", "logging.yaml", "logging.yaml.default", "b/x"];
        for name in files {
            let file = from.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, name).unwrap();
        }
        copy_configuration(from.path(), to.path()).unwrap();
        let read = |name: &str| fs::read_to_string(to.path().join(name)).ok();
        assert_eq!(read("ip_allow.yaml").as_deref(), Some("ip_allow.yaml.default"));
        assert_eq!(read("logging.yaml").as_deref(), Some("logging.yaml"), "its own is kept");
        assert_eq!(read("b/x").as_deref(), Some("b/x"));
    }

    #[test]
    fn the_plugins_of_a_build_tree_are_gathered_in_one_folder() {
        let [tree, root] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let plugin = tree.path().join("plugins/generator/generator.so");
        for file in ["src/traffic_server/traffic_server", "plugins/generator/generator.so"] {
            let file = tree.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        let layout = Layout::find(tree.path()).unwrap();
        let gathered = gathered_plugins(&layout, root.path()).unwrap().unwrap();
        assert_eq!(fs::read_link(gathered.join("generator.so")).unwrap(), plugin);
        fs::remove_file(plugin).unwrap();
        assert_eq!(gathered_plugins(&layout, root.path()).unwrap(), None);
    }
}
