//! Compiled plugins on a proxy that serves sockets: for `atslab serve` and `atslab http`.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use httpsm::{HttpProxy, Mapping};
use tsapi::{HostOptions, LoadError, Plugin};

use super::place;
use crate::error::Error;
use crate::servers::FolderArg;

/// Set in the process that has the server's libraries in its path.
const AGAIN: &str = "ATSLAB_WITH_LIBRARIES";

/// How many free pieces of each size `malloc` keeps ready for each thread. By default it keeps 7. A burst
/// of requests on 16 connections has more of them at the same time, and what is freed above the number is
/// joined with its neighbours and split again: 6 of 37 µs of an answer through generator.so.
const PIECES_FOR_A_THREAD: (&str, &str) = ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=500");

/// Makes the libraries of the real server known to the dynamic loader, which looks at its path when a
/// process begins: so this program begins again, with the same arguments.
pub(crate) fn with_libraries(servers: &FolderArg) -> Result<(), Error> {
    if std::env::var_os(AGAIN).is_none() {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(std::env::args_os().skip(1)).env(AGAIN, "1");
        command.envs(place::libraries(servers));
        // The user's own choice goes first.
        if std::env::var_os(PIECES_FOR_A_THREAD.0).is_none() {
            command.env(PIECES_FOR_A_THREAD.0, PIECES_FOR_A_THREAD.1);
        }
        return Err(Error::Output(command.exec()));
    }
    place::preload(servers);
    Ok(())
}

/// Starts the host of this process on a proxy whose threads run. A plugin that cannot go on ends the
/// process, as it ends the real server.
pub(crate) fn start_host(proxy: &Arc<HttpProxy>, config_dir: &Path) -> Result<(), Error> {
    let task_threads = proxy.processor().spawn_event_threads("ET_TASK", 1);
    tsapi::start(HostOptions {
        proxy: proxy.clone(),
        task_threads: Some(task_threads),
        config_dir: std::path::absolute(config_dir)?,
        stat_sync: eventsys::hrtime::seconds(5),
        strict: false,
        at_the_end: Box::new(|sentence| {
            eprintln!("atslab: the plugin ends the server: {sentence}");
            std::process::exit(2);
        }),
    });
    Ok(())
}

/// A rule with its plugins, which are loaded.
pub(crate) fn rule(from: &str, to: &str, plugins: &[Plugin]) -> Result<Mapping, Error> {
    let text = format!("{from}={to}");
    let mut mapping: Mapping = text.parse().map_err(|fault: httpsm::BadMapping| Error::Line {
        place: text.clone(),
        fault: fault.to_string(),
    })?;
    for plugin in plugins {
        let made = tsapi::remap_plugin(plugin, from, to);
        mapping = mapping.with_plugin(made.map_err(|error| refused(plugin, &error))?);
    }
    Ok(mapping)
}

/// A plugin that cannot be loaded, or refuses to start.
pub(crate) fn refused(plugin: &Plugin, error: &LoadError) -> Error {
    Error::Plugin { plugin: plugin.name().to_owned(), what: error.to_string() }
}
