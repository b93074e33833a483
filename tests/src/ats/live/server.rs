//! [`Server`]: a server that can be run, and its process.
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
use super::layout::Layout;
use super::records;
use super::release::Release;
use super::root;
use super::symbols::Symbols;
use crate::ats::epoch::Epoch;
use crate::outside::{Child, Folder};

/// A server that can be run: an unpacked package, or any build.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Server {
    release: Release,
    epoch: Epoch,
    layout: Layout,
    /// The path that the user has given, if it is no package of ours.
    given: Option<PathBuf>,
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
        let layout = Layout::of_package(&folder.join(release.to_string()));
        if layout.binary.is_file() {
            Ok(Server { release, epoch: release.epoch(), layout, given: None })
        } else {
            Err(LiveError::NotInstalled { release, folder: folder.to_owned() })
        }
    }

    /// The server in `path`: an unpacked package, an installed prefix, a build tree, or the binary
    /// itself. It is asked for its version, and must have what the probe needs of its insides.
    ///
    /// # Errors
    /// If there is none, if it does not say which release it is, or if it lacks something.
    pub fn at(path: &Path) -> Result<Server, LiveError> {
        let shown = || path.to_owned();
        let layout = Layout::find(path).ok_or_else(|| LiveError::NoServer(shown()))?;
        let said = said_version(&layout).map_err(LiveError::at(shown().display().to_string()))?;
        // Two of its lines name it: the program's, and that of the library that starts it.
        let release = said.split_ascii_whitespace().find_map(Release::of_server);
        let release = release.ok_or_else(|| LiveError::Version {
            path: shown(),
            said: said.lines().next().unwrap_or_default().to_owned(),
        })?;
        if let Some(why) = Symbols::of(&layout).missing().into_iter().next() {
            return Err(LiveError::Unfit { path: shown(), release, why });
        }
        Ok(Server { release, epoch: release.epoch(), layout, given: Some(shown()) })
    }

    /// The same server, compared with the port of another epoch than that of its release.
    #[must_use]
    pub fn compared_with(self, epoch: Epoch) -> Server {
        Server { epoch, ..self }
    }

    /// Which release it is.
    #[must_use]
    pub fn release(&self) -> Release {
        self.release
    }

    /// The epoch of the port that it is compared with.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// What it is called: its release, and the path if it is no package of ours.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.given {
            Some(path) => format!("{} in {}", self.release, path.display()),
            None => self.release.to_string(),
        }
    }

    /// Folders with the headers of its plugin interface; none if they are not there.
    pub(crate) fn include_folders(&self) -> &[PathBuf] {
        if self.layout.has_headers() { &self.layout.includes } else { &[] }
    }

    /// Why it cannot perform cases of its own regression test, if it cannot.
    pub(crate) fn check_cases(&self) -> Result<(), LiveError> {
        let Some(path) = &self.given else { return Ok(()) };
        match Symbols::of(&self.layout).missing_for_cases().into_iter().next() {
            Some(why) => Err(LiveError::Unfit { path: path.clone(), release: self.release, why }),
            None => Ok(()),
        }
    }

    /// Where its plugins are.
    #[must_use]
    pub fn modules_folder(&self) -> PathBuf {
        self.layout.modules.clone()
    }

    /// The folders of its libraries, the server's own last.
    #[must_use]
    pub fn library_folders(&self) -> &[PathBuf] {
        &self.layout.libraries
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

    /// Starts it with the plugin that performs HTTP scenarios, preloaded too, so many net threads and
    /// the rules of `settings`.
    pub(crate) fn start_http_scenarios(
        &self,
        plugin: &Path,
        threads: u8,
        settings: &Settings,
    ) -> Result<Process, LiveError> {
        self.spawn_with(plugin, threads, settings, |command| {
            command.env("LD_PRELOAD", plugin);
        })
    }

    fn spawn(
        &self,
        plugin: &Path,
        threads: u8,
        add: impl FnOnce(&mut Command),
    ) -> Result<Process, LiveError> {
        self.spawn_with(plugin, threads, &Settings::default(), add)
    }

    /// With a probe as its only plugin, to which standard input gives programs; standard error is a
    /// pipe, too.
    fn spawn_with(
        &self,
        plugin: &Path,
        threads: u8,
        settings: &Settings,
        add: impl FnOnce(&mut Command),
    ) -> Result<Process, LiveError> {
        let port = free_port().map_err(LiveError::at("a port for a server"))?;
        let plugins = format!("{}\n", plugin.display());
        let root = self.make_root(port, threads, &plugins, settings)?;
        let mut command = self.command(root.path());
        command
            .envs(settings.environment.iter().map(|(name, value)| (name, value)))
            .env("ATSLAB_PROGRAMS", "/proc/self/fd/0")
            .env("ATSLAB_THREADS", threads.to_string())
            .env("ATSLAB_PROXY", port.to_string());
        add(&mut command);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = Child::start(&mut command)
            .map_err(LiveError::at(format!("starting {}", self.release)))?;
        Ok(Process { child, _root: root })
    }

    /// Starts it with so many event threads and its own plugins, and gives the TCP address,
    /// where it may take a while to answer.
    pub(crate) fn start_http(
        &self,
        threads: u8,
        settings: &Settings,
    ) -> Result<(Process, SocketAddr), LiveError> {
        let port = free_port().map_err(LiveError::at("a port for a server"))?;
        let root = self.make_root(port, threads, &settings.plugins, settings)?;
        let mut command = self.command(root.path());
        command.envs(settings.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stderr(Stdio::null());
        let child = Child::start(&mut command)
            .map_err(LiveError::at(format!("starting {}", self.release)))?;
        Ok((Process { child, _root: root }, SocketAddr::from((Ipv4Addr::LOCALHOST, port))))
    }

    fn command(&self, root: &Path) -> Command {
        let mut command = Command::new(&self.layout.binary);
        command
            .current_dir(root)
            .env("TS_RUNROOT", root)
            .env("LD_LIBRARY_PATH", self.layout.library_path())
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
        if self.layout.configuration.is_dir() {
            root::copy_configuration(&self.layout.configuration, &etc)?;
        }
        let own = &self.layout;
        let bin = own.binary.parent().unwrap_or(&own.prefix);
        let lib = own.libraries.last().unwrap_or(&own.prefix);
        let modules = root::gathered_plugins(own, root)?.unwrap_or_else(|| own.modules.clone());
        let [root_, bin, lib, modules, prefix] =
            [root, bin, lib, &modules, &own.prefix].map(Path::display);
        let layout = format!(
            "prefix: {root_}\nexec_prefix: {root_}\nbindir: {bin}\nsbindir: {bin}\n\
             sysconfdir: {root_}/etc\ndatadir: {root_}/cache\nincludedir: {prefix}/include\n\
             libdir: {lib}\nlibexecdir: {modules}\n\
             localstatedir: {root_}/run\nruntimedir: {root_}/run\nlogdir: {root_}/log\n\
             mandir: {prefix}\ninfodir: {prefix}\ncachedir: {root_}/cache\n"
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
        let (name, text) = records::file_of(self.release, &(records + &settings.records));
        fs::write(etc.join(name), text)?;
        fs::write(etc.join("storage.config"), "")?;
        fs::write(etc.join("remap.config"), &settings.remap)?;
        fs::write(etc.join("plugin.config"), plugins)
    }
}

/// What the server says when it is asked for its version.
fn said_version(layout: &Layout) -> io::Result<String> {
    let mut command = Command::new(&layout.binary);
    command.arg("-V").env("LD_LIBRARY_PATH", layout.library_path()).stdin(Stdio::null());
    let output = command.output()?;
    let said = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// A free port.
pub(crate) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
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
        assert_eq!(server.layout.binary, bin.join("traffic_server"));
    }
}
