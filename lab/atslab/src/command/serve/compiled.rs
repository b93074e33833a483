//! Compiled plugins of `atslab serve`.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;

use httpsm::{HttpProxy, Mapping, Server, ServerOptions, UrlRewrite};
use tsapi::HostOptions;

use super::ServeArgs;
use crate::command::plugin::place;
use crate::error::Error;

/// Set in the process that has the server's libraries in its path.
const AGAIN: &str = "ATSLAB_WITH_LIBRARIES";

/// Starts a server with the plugins, if there are any, before it listens.
pub(super) fn start(args: &ServeArgs, options: ServerOptions) -> Result<Server, Error> {
    let address = options.listen;
    let listen = |source| Error::Listen { address, source };
    if args.plugin_so.is_empty() && args.remap_config.is_none() {
        return Server::start(options).map_err(listen);
    }
    begin_again_with_libraries(args)?;
    place::preload(&args.servers);
    let mut refused = None;
    let started = Server::start_with(options, |proxy| {
        load(args, proxy).map_err(|error| {
            refused = Some(error);
            io::Error::other("a plugin refuses")
        })
    });
    match (started, refused) {
        (_, Some(error)) => Err(error),
        (started, None) => started.map_err(listen),
    }
}

/// The dynamic loader looks at its path when a process begins, so this program begins again.
fn begin_again_with_libraries(args: &ServeArgs) -> Result<(), Error> {
    if std::env::var_os(AGAIN).is_some() {
        return Ok(());
    }
    let mut command = Command::new(std::env::current_exe()?);
    command.args(std::env::args_os().skip(1)).env(AGAIN, "1");
    command.envs(place::libraries(&args.servers));
    Err(Error::Output(command.exec()))
}

fn load(args: &ServeArgs, proxy: &Arc<HttpProxy>) -> Result<(), Error> {
    let refused = |plugin: &tsapi::Plugin, error: tsapi::LoadError| Error::Plugin {
        plugin: plugin.name().to_owned(),
        what: error.to_string(),
    };
    let rules =
        args.remap_config.as_ref().map(|file| place::rules(file, &args.servers)).transpose()?;
    let task_threads = proxy.processor().spawn_event_threads("ET_TASK", 1);
    tsapi::start(HostOptions {
        proxy: proxy.clone(),
        task_threads: Some(task_threads),
        config_dir: std::path::absolute(&args.config_dir)?,
        strict: false,
        // The real server ends, too.
        at_the_end: Box::new(|sentence| {
            eprintln!("atslab: the plugin ends the server: {sentence}");
            std::process::exit(2);
        }),
    });
    for text in &args.plugin_so {
        let plugin = place::find(text, &args.servers)?;
        tsapi::load(&plugin).map_err(|error| refused(&plugin, error))?;
    }
    if let Some(rules) = rules {
        let mut mappings = Vec::new();
        for rule in rules {
            let (from, to) = &rule.urls;
            let text = format!("{from}={to}");
            let mut mapping: Mapping = text.parse().map_err(|fault: httpsm::BadMapping| {
                Error::Line { place: text.clone(), fault: fault.to_string() }
            })?;
            for plugin in &rule.plugins {
                let made = tsapi::remap_plugin(plugin, from, to);
                mapping = mapping.with_plugin(made.map_err(|error| refused(plugin, error))?);
            }
            mappings.push(mapping);
        }
        proxy.set_remap(UrlRewrite::new(mappings));
    }
    tsapi::ports_are_ready();
    Ok(())
}
