//! What stands between a connection, which any thread may call back, and a
//! stream, which belongs to one.

use std::cell::{Cell, RefCell};
use std::rc::Weak;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use eventsys::{
    ContRef, Data, EThread, EventCode, Guard, Invocation, Outcome, ProxyMutex, StateMachine,
};
use iocore::{IoData, NetVcRef};

/// Who hears of a connection's events, on its own thread and under the bridge's
/// mutex.
pub(super) trait Target {
    /// An event of the connection, or `EVENT_IMMEDIATE` for a turn of the loop.
    fn on_event(&self, guard: &Guard<'_>, event: EventCode);

    /// A new connection.
    fn on_accept(&self, vc: &NetVcRef) {
        let _ = vc;
    }
}

/// What crosses threads: a number that means something on one of them.
pub(super) struct Bridge {
    key: u64,
    home: Arc<EThread>,
    /// The end of the input came on another thread.
    eos: Cell<bool>,
    /// An error came on another thread.
    error: Cell<bool>,
    /// A turn has been asked for and has not come yet.
    woken: Cell<bool>,
}

/// The state machine that a connection calls back.
pub(super) struct BridgeRef {
    machine: Arc<StateMachine<Bridge>>,
    key: u64,
}

static NEXT_KEY: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The streams of this thread, by their number.
    static TARGETS: RefCell<Vec<(u64, Weak<dyn Target>)>> = const { RefCell::new(Vec::new()) };
}

/// A bridge to `target`, which lives on the current thread, `home`.
pub(super) fn new_bridge(home: Arc<EThread>, target: Weak<dyn Target>) -> BridgeRef {
    let key = NEXT_KEY.fetch_add(1, Ordering::Relaxed);
    TARGETS.with_borrow_mut(|targets| targets.push((key, target)));
    let state = Bridge {
        key,
        home,
        eos: Cell::new(false),
        error: Cell::new(false),
        woken: Cell::new(false),
    };
    BridgeRef { machine: StateMachine::new(ProxyMutex::new(), state, Bridge::handle), key }
}

impl BridgeRef {
    pub(super) fn mutex(&self) -> &Arc<ProxyMutex> {
        self.machine.mutex()
    }

    pub(super) fn continuation(&self) -> ContRef {
        self.machine.clone()
    }

    /// Asks for a turn of the loop.
    pub(super) fn wake(&self) {
        let guard = self.machine.mutex().lock();
        let bridge = self.machine.state(&guard);
        if !bridge.woken.replace(true) {
            bridge.home.schedule_imm(self.continuation());
        }
    }
}

impl Drop for BridgeRef {
    fn drop(&mut self) {
        // At the end of the thread the list may be gone before its streams.
        let _ = TARGETS.try_with(|targets| {
            targets.borrow_mut().retain(|(key, _)| *key != self.key);
        });
    }
}

impl Bridge {
    fn handle(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        if !self.home.is_current() {
            self.send_home(call, event);
            return Outcome::Done;
        }
        let found = TARGETS.with_borrow(|targets| {
            targets.iter().find(|(key, _)| *key == self.key).map(|(_, target)| target.clone())
        });
        let Some(target) = found.and_then(|target| target.upgrade()) else {
            return Outcome::Done;
        };
        if let (EventCode::NET_EVENT_ACCEPT, Some(vc)) = (event, data.net_vc()) {
            target.on_accept(vc);
            return Outcome::Done;
        }
        if event == EventCode::EVENT_IMMEDIATE {
            self.woken.set(false);
        }
        for (flag, kept) in
            [(&self.error, EventCode::VC_EVENT_ERROR), (&self.eos, EventCode::VC_EVENT_EOS)]
        {
            if flag.replace(false) {
                target.on_event(call.guard(), kept);
            }
        }
        target.on_event(call.guard(), event);
        Outcome::Done
    }

    /// Another thread calls: what it says is kept, and its stream's own thread
    /// looks for itself.
    fn send_home(&self, call: &Invocation<'_>, event: EventCode) {
        match event {
            EventCode::VC_EVENT_EOS => self.eos.set(true),
            EventCode::VC_EVENT_ERROR => self.error.set(true),
            _ => {}
        }
        if !self.woken.replace(true) {
            self.home.schedule_imm(Arc::clone(call.this()));
        }
    }
}
