//! A proxy with plugins in virtual time, and a client that asks it.

use std::path::PathBuf;
use std::sync::Arc;

use conformance::ats::plugins::{Placing, PluginAnswer, PluginRequest};
use eventsys::hrtime::{MSECOND, seconds};
use eventsys::{AdoptedThread, Clock, EventProcessor, HrTime};
use httpsm::{HttpConfig, HttpProxy, HttpSessionAccept, Mapping, NoOrigin, UrlRewrite};
use pluginvc::PluginVCCore;
use testkit::Peer;
use tsapi::{HostOptions, LoadError, Plugin};

/// What the laboratory is made of.
pub(crate) struct Parts {
    /// The plugin.
    pub(crate) plugin: Plugin,
    /// How it is used.
    pub(crate) placing: Placing,
    /// More plugins, for all transactions.
    pub(crate) others: Vec<Plugin>,
    /// The folder of configuration.
    pub(crate) config_dir: PathBuf,
    /// End at the first finding.
    pub(crate) strict: bool,
    /// Called when the run cannot go on.
    pub(crate) at_the_end: Box<dyn Fn(&str) + Send + Sync>,
}

/// A proxy with its plugins.
pub(crate) struct Laboratory {
    processor: Arc<EventProcessor>,
    proxy: Arc<HttpProxy>,
    thread: AdoptedThread,
}

/// The virtual time of day at the start: a day in November 2023.
const START: i64 = 1_700_000_000;

/// How long an answer may take, in virtual time.
const PATIENCE: HrTime = seconds(300);

/// How long a run goes on behind an answer, in virtual time: what plugins do at the end of a
/// transaction is done then.
const BEHIND: HrTime = seconds(1);

impl Laboratory {
    /// Makes a proxy without a cache and without origin servers, as the real server of a comparison,
    /// and loads the plugins.
    pub(crate) fn start(parts: Parts) -> Result<Laboratory, LoadError> {
        let processor = EventProcessor::new(Clock::new_virtual());
        let thread = processor.adopt_current_thread("ET_NET");
        let config = HttpConfig {
            cache_http: false,
            // As the real server of a comparison: a plugin that never answers is not waited for long.
            transaction_no_activity_timeout_out: seconds(2),
            ..HttpConfig::default()
        };
        let none = UrlRewrite::default();
        let proxy = HttpProxy::new(&processor, config, none, Arc::new(NoOrigin));
        proxy.set_local_time(START);
        tsapi::start(HostOptions {
            proxy: proxy.clone(),
            task_threads: None,
            config_dir: parts.config_dir,
            strict: parts.strict,
            at_the_end: parts.at_the_end,
        });
        let (from, to) = ("/", "http://127.0.0.1/");
        let mut rule: Mapping = format!("{from}={to}").parse().expect("a rule");
        if parts.placing == Placing::Global {
            tsapi::load(&parts.plugin)?;
        }
        for other in &parts.others {
            tsapi::load(other)?;
        }
        // The rules are read after `plugin.config`.
        if parts.placing == Placing::Rule {
            rule = rule.with_plugin(tsapi::remap_plugin(&parts.plugin, from, to)?);
        }
        proxy.set_remap(UrlRewrite::new(vec![rule]));
        tsapi::ports_are_ready();
        Ok(Laboratory { processor, proxy, thread })
    }

    /// Sends a request on a connection of its own; the answer, and how long it took in virtual time.
    pub(crate) fn ask(&self, request: &PluginRequest) -> (PluginAnswer, HrTime) {
        let accept = HttpSessionAccept::new(&self.proxy);
        let options = self.proxy.plugin_vc_options();
        let core = PluginVCCore::alloc_with(&self.processor, accept, options);
        core.set_active_addr(([127, 0, 0, 1], 40000).into());
        let client = Peer::new(core.connect());
        let began = self.now();
        client.send(&request.bytes());
        let mut answer = PluginAnswer::default();
        loop {
            self.thread.run_pass();
            answer.bytes = client.received();
            let done = client.end().is_some() || answer.is_complete(&request.method);
            if done || self.now() - began > PATIENCE {
                break;
            }
        }
        let took = self.now() - began;
        client.close();
        self.thread.run_for(BEHIND);
        (answer, took)
    }

    fn now(&self) -> HrTime {
        self.processor.clock().get_hrtime_updated()
    }
}

/// A span of virtual time, for people.
pub(crate) fn in_ms(span: HrTime) -> String {
    format!("{} ms", span / MSECOND)
}
