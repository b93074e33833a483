//! [`ConnectionWrap`]: listens for connections.

use std::rc::{Rc, Weak};

use eventsys::{ContRef, EThread, EventCode, Guard};
use iocore::NetVcRef;

use super::bridge::{BridgeRef, Target, new_bridge};
use super::{LibuvStreamWrap, TCPWrap};
use crate::env::Environment;

type OnConnection = dyn Fn(i32, Option<Rc<TCPWrap>>);

/// Listens for connections, and makes a stream of each. Mirrors
/// `ConnectionWrap::OnConnection`.
/// The example of [`HttpServer`](crate::js::HttpServer) has one.
pub struct ConnectionWrap {
    env: Rc<Environment>,
    bridge: BridgeRef,
    onconnection: Box<OnConnection>,
}

impl ConnectionWrap {
    /// A listener of the current event thread, which calls `onconnection` with a
    /// status and, if that is 0, with the new stream.
    ///
    /// # Panics
    /// If the calling thread is no event thread.
    pub fn new(
        env: &Rc<Environment>,
        onconnection: impl Fn(i32, Option<Rc<TCPWrap>>) + 'static,
    ) -> Rc<ConnectionWrap> {
        let home = EThread::current().expect("a listener is made on an event thread");
        Rc::new_cyclic(|this: &Weak<ConnectionWrap>| ConnectionWrap {
            env: Rc::clone(env),
            bridge: new_bridge(home, this.clone()),
            onconnection: Box::new(onconnection),
        })
    }

    /// The continuation that gets new connections (`NET_EVENT_ACCEPT`): the acceptor
    /// of a PluginVC pair, or of a listening socket.
    #[must_use]
    pub fn acceptor(&self) -> ContRef {
        self.bridge.continuation()
    }

    /// Listening has failed, or there is a connection. With status 0 and no
    /// connection, accepting it has failed, and no callback comes.
    #[doc(alias = "OnConnection")]
    pub fn on_connection(&self, status: i32, vc: Option<&NetVcRef>) {
        if status != 0 {
            self.env.notify(|| (self.onconnection)(status, None));
        } else if let Some(vc) = vc {
            let client = LibuvStreamWrap::new(&self.env, vc.clone());
            self.env.notify(|| (self.onconnection)(0, Some(client)));
        }
    }
}

impl Target for ConnectionWrap {
    fn on_event(&self, _guard: &Guard<'_>, _event: EventCode) {}

    fn on_accept(&self, vc: &NetVcRef) {
        self.on_connection(0, Some(vc));
    }
}
