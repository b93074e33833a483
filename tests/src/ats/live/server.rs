//! [`Server`]: an unpacked server, and its process.
//!
//! Each process has a private root (`runroot.yaml`, `TS_RUNROOT`) in a temporary
//! folder: its configuration, its logs, its cache. Nothing of the system's
//! configuration is read or written.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::bench::Callgrind;
use super::error::LiveError;
use super::release::Release;
use crate::outside::{Child, Folder};

/// An unpacked server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Server {
    release: Release,
    folder: PathBuf,
}

/// The configuration of one server.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Settings {
    /// Lines of `records.config`.
    pub(crate) records: String,
    /// `remap.config`.
    pub(crate) remap: String,
    /// `plugin.config`.
    pub(crate) plugins: String,
    /// Added to the environment.
    pub(crate) environment: Vec<(&'static str, String)>,
}

/// A running server and its root. The server is ended and the root removed, in this
/// order, when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) child: Child,
    _root: Folder,
}

impl Server {
    /// The server of `release` in `folder`, where `tests/live/install` puts it.
    ///
    /// # Errors
    /// If it is not there, or can never be.
    pub fn find(folder: &Path, release: Release) -> Result<Server, LiveError> {
        if !Release::RUNNABLE.contains(&release) {
            return Err(LiveError::NoPackage(release));
        }
        // Its process runs in another folder.
        let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let server = Server { release, folder: whole.join(release.to_string()) };
        if server.binary().is_file() {
            Ok(server)
        } else {
            Err(LiveError::NotInstalled { release, folder: folder.to_owned() })
        }
    }

    /// Which release it is.
    #[must_use]
    pub fn release(&self) -> Release {
        self.release
    }

    /// Where the headers of its plugin interface are, if they are there.
    pub(crate) fn include_folder(&self) -> PathBuf {
        self.folder.join("usr/include")
    }

    /// Where its plugins are.
    #[must_use]
    pub fn modules_folder(&self) -> PathBuf {
        self.folder.join("usr/lib/trafficserver/modules")
    }

    /// The folders of its libraries, the server's own last.
    #[must_use]
    pub fn library_folders(&self) -> [PathBuf; 3] {
        let usr = self.folder.join("usr/lib");
        [
            usr.join("x86_64-linux-gnu"),
            self.folder.join("lib/x86_64-linux-gnu"),
            usr.join("trafficserver"),
        ]
    }

    fn binary(&self) -> PathBuf {
        self.folder.join("usr/bin/traffic_server")
    }

    /// Starts it with so many event threads and the debug lines of PluginVC, its
    /// standard input and standard error as pipes. The plugin is preloaded, too.
    pub(crate) fn start(&self, plugin: &Path, threads: u8) -> Result<Process, LiveError> {
        self.spawn(plugin, threads, |command| {
            command.args(["-T", "pvc.*"]).env("LD_PRELOAD", plugin);
        })
    }

    /// As [`start`](Server::start), without debug lines, and with the plugin as any
    /// other: as it runs for its users.
    pub(crate) fn start_plainly(
        &self,
        plugin: &Path,
        threads: u8,
        counter: Option<&Callgrind>,
    ) -> Result<Process, LiveError> {
        self.spawn(plugin, threads, |command| {
            if let Some(counter) = counter {
                *command = counter.counting(command);
            }
        })
    }

    fn spawn(
        &self,
        plugin: &Path,
        threads: u8,
        add: impl FnOnce(&mut Command),
    ) -> Result<Process, LiveError> {
        let port = free_port().map_err(LiveError::at("a port for a server"))?;
        let plugins = format!("{}\n", plugin.display());
        let root = self.make_root(port, threads, &plugins, &Settings::default())?;
        let mut command = self.command(root.path());
        command
            .env("ATSLAB_PROGRAMS", "/proc/self/fd/0")
            .env("ATSLAB_THREADS", threads.to_string());
        add(&mut command);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = Child::start(&mut command)
            .map_err(LiveError::at(format!("starting {}", self.release)))?;
        Ok(Process { child, _root: root })
    }

    /// Starts it with one event thread and its own plugins, and gives the TCP address,
    /// where it may take a while to answer.
    pub(crate) fn start_http(
        &self,
        settings: &Settings,
    ) -> Result<(Process, SocketAddr), LiveError> {
        let port = free_port().map_err(LiveError::at("a port for a server"))?;
        let root = self.make_root(port, 1, &settings.plugins, settings)?;
        let mut command = self.command(root.path());
        command.envs(settings.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stderr(Stdio::null());
        let child = Child::start(&mut command)
            .map_err(LiveError::at(format!("starting {}", self.release)))?;
        Ok((Process { child, _root: root }, SocketAddr::from((Ipv4Addr::LOCALHOST, port))))
    }

    fn command(&self, root: &Path) -> Command {
        let libraries = self.library_folders().map(|path| path.display().to_string()).join(":");
        let mut command = Command::new(self.binary());
        command
            .current_dir(root)
            .env("TS_RUNROOT", root)
            .env("LD_LIBRARY_PATH", libraries)
            .stdout(Stdio::null());
        command
    }

    fn make_root(
        &self,
        port: u16,
        threads: u8,
        plugins: &str,
        settings: &Settings,
    ) -> Result<Folder, LiveError> {
        let root = Folder::new("atslab-server-")
            .map_err(LiveError::at("a temporary folder for a server"))?;
        self.write_root(root.path(), port, threads, plugins, settings)
            .map_err(LiveError::at(format!("the private root {}", root.path().display())))?;
        Ok(root)
    }

    fn write_root(
        &self,
        root: &Path,
        port: u16,
        threads: u8,
        plugins: &str,
        settings: &Settings,
    ) -> io::Result<()> {
        for folder in ["etc", "run", "log", "cache"] {
            fs::create_dir(root.join(folder))?;
        }
        let etc = root.join("etc");
        copy_tree(&self.folder.join("etc/trafficserver"), &etc)?;
        let usr = self.folder.join("usr");
        let [root_, usr_] = [root, usr.as_path()].map(Path::display);
        let layout = format!(
            "prefix: {root_}\nexec_prefix: {root_}\nbindir: {usr_}/bin\nsbindir: {usr_}/sbin\n\
             sysconfdir: {root_}/etc\ndatadir: {root_}/cache\nincludedir: {usr_}/include\n\
             libdir: {usr_}/lib/trafficserver\nlibexecdir: {usr_}/lib/trafficserver/modules\n\
             localstatedir: {root_}/run\nruntimedir: {root_}/run\nlogdir: {root_}/log\n\
             mandir: {usr_}\ninfodir: {usr_}\ncachedir: {root_}/cache\n"
        );
        fs::write(root.join("runroot.yaml"), layout)?;
        // A server started by root stays root: its folders are private.
        // With autoconfig, 8.1 makes one and a half times as many threads as asked for.
        let records = format!(
            "CONFIG proxy.config.admin.user_id STRING #-1\n\
             CONFIG proxy.config.http.server_ports STRING {port}:ip-in=127.0.0.1\n\
             CONFIG proxy.config.http.wait_for_cache INT 0\n\
             CONFIG proxy.config.crash_log_helper STRING NULL\n\
             CONFIG proxy.config.log.logging_enabled INT 0\n\
             CONFIG proxy.config.exec_thread.autoconfig INT 0\n\
             CONFIG proxy.config.exec_thread.limit INT {threads}\n\
             CONFIG proxy.config.body_factory.template_sets_dir STRING {root_}/etc/body_factory\n"
        );
        fs::write(etc.join("records.config"), records + &settings.records)?;
        fs::write(etc.join("storage.config"), "")?;
        fs::write(etc.join("remap.config"), &settings.remap)?;
        fs::write(etc.join("plugin.config"), plugins)
    }
}

/// A free port.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
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
    fn a_server_in_a_relative_folder_is_found_from_every_other() {
        let here = std::env::current_dir().unwrap();
        let folder = tempfile::tempdir_in(&here).unwrap();
        let relative = folder.path().strip_prefix(&here).unwrap();
        let bin = folder.path().join("9.2.9/usr/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::write(bin.join("traffic_server"), "").unwrap();
        let server = Server::find(relative, "9.2.9".parse().unwrap()).unwrap();
        assert_eq!(server.binary(), bin.join("traffic_server"));
    }
}
