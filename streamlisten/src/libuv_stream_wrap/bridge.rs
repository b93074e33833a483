//! What stands between a connection, which any thread may call back, and a
//! stream, which belongs to one.

use std::cell::{Cell, RefCell};
use std::rc::Weak;
use std::sync::Arc;

use eventsys::{
    ContRef, Data, EThread, EventCode, Guard, Invocation, Outcome, ProxyMutex, StateMachine,
};
use iocore::{IoData, IoEvents, NetVcRef};
use slab::Slab;

/// Gets a connection's events, on its own thread and under the bridge's mutex.
pub(super) trait Target {
    /// An event of the connection, or `EVENT_IMMEDIATE` for a turn of the loop.
    fn on_event(&self, guard: &Guard<'_>, event: EventCode);

    /// A new connection.
    fn on_accept(&self, vc: &NetVcRef) {
        let _ = vc;
    }
}

/// A target's place in the table of its thread. The place is used again once its
/// target is gone; the generation tells the two apart.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    place: usize,
    generation: u64,
}

/// What crosses threads: a key that means something on one of them.
pub(super) struct Bridge {
    key: Key,
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
    key: Key,
}

/// The targets of one thread. Every event looks one up, so a thread with many
/// connections must not search.
#[derive(Default)]
struct Targets {
    places: Slab<(u64, Weak<dyn Target>)>,
    generation: u64,
}

impl Targets {
    fn insert(&mut self, target: Weak<dyn Target>) -> Key {
        let generation = self.generation;
        self.generation += 1;
        Key { place: self.places.insert((generation, target)), generation }
    }

    /// The target with this key, unless it is gone.
    fn get(&self, key: Key) -> Option<&Weak<dyn Target>> {
        let (generation, target) = self.places.get(key.place)?;
        (*generation == key.generation).then_some(target)
    }

    fn remove(&mut self, key: Key) {
        if self.get(key).is_some() {
            self.places.remove(key.place);
        }
    }
}

thread_local! {
    static TARGETS: RefCell<Targets> = RefCell::default();
}

/// A bridge to `target`, which lives on the current thread, `home`.
pub(super) fn new_bridge(home: Arc<EThread>, target: Weak<dyn Target>) -> BridgeRef {
    let key = TARGETS.with_borrow_mut(|targets| targets.insert(target));
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

    /// The number of holders of the bridge: its stream, and each event scheduled for it.
    #[cfg(test)]
    pub(super) fn references(&self) -> usize {
        Arc::strong_count(&self.machine)
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
        // At the end of the thread the table may be gone before its streams.
        let _ = TARGETS.try_with(|targets| targets.borrow_mut().remove(self.key));
    }
}

impl Bridge {
    fn handle(&self, call: &Invocation<'_>, event: EventCode, data: Data<'_>) -> Outcome {
        if !self.home.is_current() {
            self.send_home(call, event);
            return Outcome::Done;
        }
        let found = TARGETS.with_borrow(|targets| targets.get(self.key).and_then(Weak::upgrade));
        let Some(target) = found else {
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

    /// Another thread calls: the bridge keeps the event, and the stream's own thread
    /// handles it.
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

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    struct Nothing;

    impl Target for Nothing {
        fn on_event(&self, _guard: &Guard<'_>, _event: EventCode) {}
    }

    fn weak(target: &Rc<Nothing>) -> Weak<dyn Target> {
        let target: Rc<dyn Target> = target.clone();
        Rc::downgrade(&target)
    }

    #[test]
    fn a_key_of_a_target_that_is_gone_finds_nothing_in_its_place() {
        let (one, two) = (Rc::new(Nothing), Rc::new(Nothing));
        let mut targets = Targets::default();
        let old = targets.insert(weak(&one));
        targets.remove(old);
        let new = targets.insert(weak(&two));
        assert_eq!(new.place, old.place, "the place is used again");
        assert!(targets.get(old).is_none());
        targets.remove(old);
        assert!(targets.get(new).is_some(), "an old key removes nothing");
    }

    #[test]
    fn the_table_is_as_large_as_the_most_targets_at_once() {
        let one = Rc::new(Nothing);
        let mut targets = Targets::default();
        for _ in 0..20_000 {
            let key = targets.insert(weak(&one));
            targets.remove(key);
        }
        assert!(targets.places.capacity() < 16, "{}", targets.places.capacity());
    }
}
