//! [`HttpScenario`]: what a file says.

use eventsys::{EventCode, HrTime, hrtime};
use httpsm::hooks::HttpHook;

use super::expect::HttpExpect;
use super::hook_op::HookOp;
use super::op::HttpOp;
use crate::model::{Reaction, Trigger};
use crate::op::Op;

/// What clients, an origin server and the hooks of a plugin do around a proxy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpScenario {
    /// A short title.
    pub title: String,
    /// What it shows.
    pub teaches: String,
    /// How the proxy is set.
    pub settings: HttpSettings,
    /// The clients, in the order of the file.
    pub clients: Vec<HttpClient>,
    /// The origin server.
    pub origin: HttpOrigin,
    /// What the plugin's hooks do, in the order of the file. A hook without an entry gives the
    /// transaction back at once.
    pub hooks: Vec<HookReaction>,
    /// The user of a NetVC, which stands in the proxy's place: what it does, in the order of the
    /// file. `None` if the proxy is there.
    pub netvc: Option<Vec<Reaction>>,
    /// What must happen.
    pub expect: HttpExpect,
}

/// The settings of the proxy. Times are in nanoseconds, sizes in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HttpSettings {
    /// How many net threads there are, one or two. They take turns.
    pub threads: u8,
    /// `transaction_no_activity_timeout_in`.
    pub client_timeout: HrTime,
    /// `transaction_no_activity_timeout_out`.
    pub origin_timeout: HrTime,
    /// `accept_no_activity_timeout`.
    pub first_byte_timeout: HrTime,
    /// `keep_alive_no_activity_timeout_in`.
    pub keep_alive_timeout: HrTime,
    /// `transaction_active_timeout_in`; 0 for none.
    pub active_timeout: HrTime,
    /// `default_buffer_water_mark`.
    pub water_mark: i64,
    /// `flow_control.high_water` and `low_water`, if the proxy throttles.
    pub flow_control: Option<(i64, i64)>,
    /// `proxy.config.net.default_inactivity_timeout`.
    pub default_inactivity_timeout: HrTime,
}

impl Default for HttpSettings {
    fn default() -> HttpSettings {
        HttpSettings {
            threads: 1,
            client_timeout: hrtime::seconds(3),
            origin_timeout: hrtime::seconds(5),
            first_byte_timeout: hrtime::seconds(3),
            keep_alive_timeout: hrtime::seconds(2),
            active_timeout: 0,
            water_mark: 32768,
            flow_control: None,
            default_inactivity_timeout: hrtime::seconds(86_400),
        }
    }
}

/// A client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpClient {
    /// Its name: empty if there is only one.
    pub name: String,
    /// What its connection is.
    pub by: ClientBy,
    /// What it does, in the order of the file.
    pub reactions: Vec<HttpReaction>,
}

impl HttpClient {
    /// What a report calls it: `client`, or `client a`.
    #[must_use]
    pub fn actor(&self) -> String {
        format!("client {}", self.name).trim_end().to_owned()
    }
}

/// What a client's connection is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum ClientBy {
    /// A socket.
    #[default]
    Tcp,
    /// The active end of a pair, by `TSHttpConnectWithPluginId`.
    Plugin,
}

impl ClientBy {
    /// All.
    pub const ALL: [ClientBy; 2] = [ClientBy::Tcp, ClientBy::Plugin];

    /// Its word in a scenario.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ClientBy::Tcp => "tcp",
            ClientBy::Plugin => "plugin",
        }
    }
}

/// The origin server.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HttpOrigin {
    /// What its connections are.
    pub by: OriginBy,
    /// What it does on each connection, in the order of the file.
    pub reactions: Vec<HttpReaction>,
}

/// What the origin's connections are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum OriginBy {
    /// Sockets.
    #[default]
    Tcp,
    /// Passive ends of pairs, by `TSHttpTxnServerIntercept` at `READ_REQUEST_HDR` of each transaction.
    ServerIntercept,
    /// The same by `TSHttpTxnIntercept`.
    Intercept,
    /// Nothing listens: a connection is refused.
    Refuses,
}

impl OriginBy {
    /// All.
    pub const ALL: [OriginBy; 4] =
        [OriginBy::Tcp, OriginBy::ServerIntercept, OriginBy::Intercept, OriginBy::Refuses];

    /// Its word in a scenario.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            OriginBy::Tcp => "tcp",
            OriginBy::ServerIntercept => "server_intercept",
            OriginBy::Intercept => "intercept",
            OriginBy::Refuses => "refuses",
        }
    }
}

/// Operations, and when they are carried out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpReaction {
    /// When.
    pub when: When,
    /// The operations, one after the other.
    pub ops: Vec<HttpOp>,
}

/// What a client or an origin server reacts to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum When {
    /// It has its connection.
    Start,
    /// So many nanoseconds after it has got its connection.
    After(HrTime),
    /// The head of a message has come for the `nth` time on this connection, counted from 1; with 0
    /// each head that has no reaction of its own.
    Head(u32),
    /// The other side has ended the stream.
    End,
    /// Its connection, which is one end of a pair, calls it back with this event.
    Event(EventCode),
    /// A hook of this place has been called for the `nth` time in the scenario, counted from 1.
    Hook(HttpHook, u32),
    /// The user of the NetVC has been called back for this.
    NetVc(Trigger),
}

/// What a hook does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HookReaction {
    /// Its place.
    pub hook: HttpHook,
    /// At its `nth` call in the scenario, counted from 1; with 0 at each call that has no reaction of
    /// its own.
    pub nth: u32,
    /// The operations, one after the other.
    pub ops: Vec<HookOp>,
}

/// Longer than a timeout can come late: it is looked at once a second.
const LATE: HrTime = hrtime::seconds(3);

impl HttpScenario {
    /// True if a NetVC stands in the proxy's place, and connects to the origin server instead of
    /// accepting a client.
    #[must_use]
    pub fn netvc_connects(&self) -> bool {
        self.netvc.is_some() && self.clients.is_empty()
    }

    /// The most time that a scenario may name: a run must end.
    pub const LONGEST: HrTime = hrtime::seconds(60);

    /// Longer than the longest silence after which something can still happen.
    #[must_use]
    pub fn patience(&self) -> HrTime {
        let HttpSettings { client_timeout, origin_timeout, first_byte_timeout, .. } = self.settings;
        let HttpSettings { keep_alive_timeout, active_timeout, .. } = self.settings;
        if let Some(user) = &self.netvc {
            return self.patience_of_netvc(user);
        }
        let timeouts = [
            client_timeout,
            origin_timeout,
            first_byte_timeout,
            keep_alive_timeout,
            active_timeout,
        ];
        let actors = self.clients.iter().map(|client| &client.reactions);
        let timers =
            actors.chain([&self.origin.reactions]).flatten().filter_map(|reaction| match reaction
                .when
            {
                When::After(span) => Some(span),
                _ => None,
            });
        let waits = self.hooks.iter().flat_map(|hook| &hook.ops).filter_map(|op| match op {
            HookOp::Wait(span) => Some(*span),
            _ => None,
        });
        timers.chain(waits).chain(timeouts).max().unwrap_or(0) + LATE
    }

    /// The same where a NetVC stands in the proxy's place.
    fn patience_of_netvc(&self, user: &[Reaction]) -> HrTime {
        let peers = self.clients.iter().map(|client| &client.reactions);
        let of_peers = peers.chain([&self.origin.reactions]).flatten();
        let of_peers = of_peers.filter_map(|reaction| match reaction.when {
            When::After(span) => Some(span),
            _ => None,
        });
        let timers = user.iter().filter_map(|reaction| match reaction.trigger {
            Trigger::After(span) => Some(span),
            _ => None,
        });
        let timeouts = user.iter().flat_map(|reaction| &reaction.ops).filter_map(|op| match *op {
            Op::InactivityTimeout(span) | Op::ActiveTimeout(span) => Some(span),
            _ => None,
        });
        // A day is longer than a run.
        let default = Some(self.settings.default_inactivity_timeout);
        let default = default.filter(|&span| span <= HttpScenario::LONGEST);
        let all = of_peers.chain(timers).chain(timeouts).chain(default);
        all.max().unwrap_or(0).min(HttpScenario::LONGEST) + LATE
    }
}

/// The name of a hook, as a scenario writes it: that of `TSHttpHookID`.
#[must_use]
pub fn hook_name(hook: HttpHook) -> &'static str {
    let name = httpsm::event_name(hook.event()).unwrap_or("a hook without a name");
    name.strip_prefix("TS_EVENT_HTTP_").unwrap_or(name)
}
