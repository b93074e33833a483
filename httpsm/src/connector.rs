//! [`OriginConnector`]: how a connection to an origin server is made.
//!
//! Stands for the calls of `netProcessor.connect_re` in
//! `HttpSM::do_http_server_open` (9.2.9). The state machine does not know which
//! kind of peer answers: TCP, or a state machine at the other end of a PluginVC
//! pair.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::{fmt, io};

use eventsys::sync::Mutex;
use eventsys::{ContRef, Data, EventCode, EventProcessor, Guard, HrTime, call};
use iocore::IoEvents;
use pluginvc::{PluginVCCore, PluginVcOptions};

/// The target of a connection.
///
/// ```
/// use httpsm::Origin;
///
/// let origin = Origin { host: "origin.test".into(), port: 8080 };
/// # assert_eq!(origin.port, 8080);
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Origin {
    /// A name or an address; an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Makes connections to origin servers.
/// [`NoOrigin`] is the shortest one, [`AcceptorConnector`] has an example.
pub trait OriginConnector: Send + Sync {
    /// Makes a connection and gives it to `cont`: `NET_EVENT_OPEN` with the
    /// connection, or `NET_EVENT_OPEN_FAILED`, with a [`ConnectError`] as the
    /// object if the reason is known, or the error number of a net processor. It
    /// may do so before it returns, under `guard`, which is of `cont`'s mutex. It
    /// must do so exactly once, after `timeout` nanoseconds at most.
    fn connect_re(&self, guard: &Guard<'_>, cont: &ContRef, origin: &Origin, timeout: HrTime);
}

/// Why a connection could not be made.
/// An [`OriginConnector`] gives it to the state machine.
///
/// ```
/// use httpsm::ConnectError;
///
/// assert!(ConnectError::TIMED_OUT.to_string().starts_with("no connection: "));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectError {
    /// The operating system's error number.
    pub errno: i32,
}

impl ConnectError {
    /// No program listens there (`ECONNREFUSED`).
    pub const REFUSED: ConnectError = ConnectError { errno: libc::ECONNREFUSED };
    /// It took too long (`ETIMEDOUT`).
    pub const TIMED_OUT: ConnectError = ConnectError { errno: libc::ETIMEDOUT };
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no connection: {}", io::Error::from_raw_os_error(self.errno))
    }
}

impl std::error::Error for ConnectError {}

/// Connects nowhere: every connection is refused. For a proxy on which only plugins answer, as
/// in the example of [`HttpProxy`](crate::HttpProxy).
#[derive(Clone, Copy, Debug, Default)]
pub struct NoOrigin;

impl OriginConnector for NoOrigin {
    fn connect_re(&self, guard: &Guard<'_>, cont: &ContRef, _: &Origin, _: HrTime) {
        let error = ConnectError::REFUSED;
        call(cont, Some(guard), EventCode::NET_EVENT_OPEN_FAILED, Data::Object(&error));
    }
}

/// Origin servers that are state machines of this process: each connection is a
/// PluginVC pair, whose passive end the acceptor gets with `NET_EVENT_ACCEPT`.
///
/// ```
/// use eventsys::{Clock, EventProcessor, FreeContinuation, Outcome};
/// use httpsm::AcceptorConnector;
/// use pluginvc::PluginVcOptions;
///
/// let processor = EventProcessor::new(Clock::new_virtual());
/// let connector = AcceptorConnector::new(&processor, PluginVcOptions::default());
/// // Gets the other end of each connection to this origin server.
/// let acceptor = FreeContinuation::new(|_, _, _| Outcome::Done);
/// connector.listen("127.0.0.1", 80, acceptor);
/// ```
pub struct AcceptorConnector {
    processor: Arc<EventProcessor>,
    options: PluginVcOptions,
    acceptors: Mutex<BTreeMap<Origin, ContRef>>,
}

impl AcceptorConnector {
    /// A network without listeners.
    #[must_use]
    pub fn new(
        processor: &Arc<EventProcessor>,
        options: PluginVcOptions,
    ) -> Arc<AcceptorConnector> {
        Arc::new(AcceptorConnector {
            processor: Arc::clone(processor),
            options,
            acceptors: Mutex::default(),
        })
    }

    /// Makes `acceptor` listen at this place from now on.
    pub fn listen(&self, host: &str, port: u16, acceptor: ContRef) {
        let origin = Origin { host: host.to_owned(), port };
        let mut acceptors = self.acceptors.lock();
        let old = acceptors.insert(origin, acceptor);
        drop(acceptors);
        // Not under the lock: its `drop` is user code.
        drop(old);
    }
}

impl OriginConnector for AcceptorConnector {
    fn connect_re(&self, guard: &Guard<'_>, cont: &ContRef, origin: &Origin, timeout: HrTime) {
        let acceptors = self.acceptors.lock();
        let acceptor = acceptors.get(origin).cloned();
        drop(acceptors);
        match acceptor {
            Some(acceptor) => {
                let options = self.options.clone();
                PluginVCCore::alloc_with(&self.processor, acceptor, options)
                    .connect_re(guard, cont);
            }
            None => NoOrigin.connect_re(guard, cont, origin, timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use eventsys::{Clock, Outcome, ProxyMutex, StateMachine};

    use super::*;

    /// Its `drop` calls `listen` again.
    struct Listens(Arc<AcceptorConnector>, mpsc::Sender<()>);

    impl Drop for Listens {
        fn drop(&mut self) {
            self.0.listen("other", 80, acceptor(()));
            let _ = self.1.send(());
        }
    }

    fn acceptor(state: impl Send + 'static) -> ContRef {
        StateMachine::new(ProxyMutex::new(), state, |_, _, _, _| Outcome::Done)
    }

    #[test]
    fn an_acceptor_that_is_replaced_is_dropped_without_the_lock() {
        let processor = EventProcessor::new(Clock::new_virtual());
        let connector = AcceptorConnector::new(&processor, PluginVcOptions::default());
        let (tell, told) = mpsc::channel();
        connector.listen("origin", 80, acceptor(Listens(Arc::clone(&connector), tell)));
        let replaces = std::thread::spawn(move || connector.listen("origin", 80, acceptor(())));
        // Under the lock this would wait for itself.
        assert_eq!(told.recv_timeout(Duration::from_secs(30)), Ok(()));
        assert!(replaces.join().is_ok());
    }
}
