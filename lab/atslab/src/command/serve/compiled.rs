//! Compiled plugins of `atslab serve`.

use std::io;
use std::sync::Arc;

use httpsm::{HttpProxy, Server, ServerOptions, UrlRewrite};

use super::ServeArgs;
use crate::command::plugin::{place, serving};
use crate::error::Error;

/// Starts a server with the plugins, if there are any, before it listens.
pub(super) fn start(args: &ServeArgs, options: ServerOptions) -> Result<Server, Error> {
    let address = options.listen;
    let listen = |source| Error::Listen { address, source };
    if args.plugin_so.is_empty() && args.remap_config.is_none() {
        return Server::start(options).map_err(listen);
    }
    serving::with_libraries(&args.servers)?;
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

fn load(args: &ServeArgs, proxy: &Arc<HttpProxy>) -> Result<(), Error> {
    let rules =
        args.remap_config.as_ref().map(|file| place::rules(file, &args.servers)).transpose()?;
    serving::start_host(proxy, &args.config_dir)?;
    for text in &args.plugin_so {
        let plugin = place::find(text, &args.servers)?;
        tsapi::load(&plugin).map_err(|error| serving::refused(&plugin, &error))?;
    }
    if let Some(rules) = rules {
        let rules: Vec<_> = rules
            .iter()
            .map(|rule| serving::rule(&rule.urls.0, &rule.urls.1, &rule.plugins))
            .collect::<Result<_, _>>()?;
        proxy.set_remap(UrlRewrite::new(rules));
    }
    tsapi::ports_are_ready();
    Ok(())
}
