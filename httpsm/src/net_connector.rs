//! [`NetConnector`]: origin servers on the network.
//!
//! Mirrors the calls of `netProcessor.connect_re` in `HttpSM::do_http_server_open`
//! (9.2.9), where the address comes from the resolver of the original.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use eventsys::{
    ContRef, Data, ET_NET, EventCode, EventRef, Guard, HrTime, Invocation, Outcome, StateMachine,
    call,
};
use iocore::net::{Action, ActionResult, NetProcessor, Target};
use iocore::{IoEvents, NetVCOptions};

use crate::connector::{ConnectError, Origin, OriginConnector};

/// Connects over TCP. An address is connected to at once; a name is resolved
/// first.
///
/// A new connection only means that connecting has begun, as in the original:
/// the first write shows whether it succeeds, and the state machine sets the
/// connect timeout for it.
///
/// ```
/// use eventsys::{Clock, EventProcessor};
/// use httpsm::NetConnector;
/// use iocore::net::{NetConfig, NetProcessor};
///
/// let processor = EventProcessor::new(Clock::new_real());
/// let net = NetProcessor::init(&processor, NetConfig::default());
/// let connector = NetConnector::new(&net); // For `HttpProxy::new`.
/// # let _ = connector;
/// ```
pub struct NetConnector {
    net: Arc<NetProcessor>,
}

impl NetConnector {
    /// Connects by `net`, on the event processor of the proxy.
    #[must_use]
    pub fn new(net: &Arc<NetProcessor>) -> Arc<NetConnector> {
        Arc::new(NetConnector { net: Arc::clone(net) })
    }
}

impl OriginConnector for NetConnector {
    fn connect_re(&self, guard: &Guard<'_>, cont: &ContRef, origin: &Origin, timeout: HrTime) {
        let mutex = cont.base().mutex().expect("a continuation that connects has a mutex");
        let kept = RefCell::new(Some(Arc::clone(cont)));
        let waiting = Waiting { cont: kept, action: None.into(), timer: None.into() };
        let machine = StateMachine::new(Arc::clone(mutex), waiting, Waiting::handle);
        let this: ContRef = machine.clone();
        // The default of `proxy.config.net.sock_option_flag_out`.
        let sockopt_flags = NetVCOptions::SOCK_OPT_NO_DELAY;
        let options = NetVCOptions { sockopt_flags, ..NetVCOptions::default() };
        match self.net.connect_re(&this, Target::from((&*origin.host, origin.port)), &options) {
            ActionResult::Done => {}
            ActionResult::ShutDown => {
                call(cont, Some(guard), EventCode::NET_EVENT_OPEN_FAILED, Data::None);
            }
            ActionResult::Pending(action) => {
                let timer = self.net.event_processor().schedule_in(this, timeout, ET_NET);
                let waiting = machine.state(guard);
                waiting.timer.set(timer);
                *waiting.action.borrow_mut() = Some(action);
            }
        }
    }
}

/// Stands between the net processor and the connecting continuation while the name
/// is being resolved: the system's resolver has a timeout of its own, which is not
/// the proxy's.
struct Waiting {
    /// Dropped at the first event: a cancelled timer stays in its queue for a
    /// while, and must not keep a state machine that has ended.
    cont: RefCell<Option<ContRef>>,
    action: RefCell<Option<Action>>,
    timer: Cell<Option<EventRef>>,
}

impl Waiting {
    fn handle(&self, run: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        let guard = run.guard();
        let action = self.action.take();
        let timer = self.timer.take();
        let Some(cont) = self.cont.take() else { return Outcome::Done };
        if event != EventCode::EVENT_INTERVAL {
            if let Some(timer) = timer {
                // It may be due already, and then wait for the mutex.
                let _ = timer.try_cancel();
            }
            return call(&cont, Some(guard), event, data);
        }
        if let Some(action) = action {
            action.cancel(guard);
            let error = ConnectError::TIMED_OUT;
            let event = EventCode::NET_EVENT_OPEN_FAILED;
            call(&cont, Some(guard), event, Data::Object(&error));
        }
        Outcome::Done
    }
}
