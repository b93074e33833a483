//! `TSMutex`, and the proof that a call holds what it must hold.
//!
//! Code of C has no guards: it runs inside a handler that has one. So the proof is looked up: this
//! thread holds the mutex of a `TSVIO` or a buffer already, or that is a finding. The mutex is taken
//! then, so that the run goes on soundly; the real server goes on without it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;

use eventsys::sync::Mutex;
use eventsys::sync::atomic::{AtomicBool, Ordering};
use eventsys::{Guard, OwnedGuard, ProxyMutex};

use super::by_number::{ByNumber, by_number};
use super::{Handle, findings, table, threads, want};

/// What `TSMutexCreate` makes.
pub(crate) struct PluginMutex {
    mutex: Arc<ProxyMutex>,
    /// A continuation or an operation has had it: it ends with the last of them.
    is_used: AtomicBool,
}

/// The handles of mutexes, by the address of the mutex, so that each keeps its own.
static HANDLES: Mutex<Handles> =
    Mutex::new(Handles { by_address: by_number(), in_turn: VecDeque::new() });

struct Handles {
    by_address: ByNumber<usize, Handle>,
    /// The same in the order in which they are looked at.
    in_turn: VecDeque<(usize, Handle)>,
}

impl Handles {
    /// Adds one, and looks at two that have been there for the longest time: those that
    /// connections have kept longer than their continuations end here.
    fn add(&mut self, key: usize, handle: Handle) {
        for _ in 0..2 {
            self.look_at_the_next();
        }
        self.by_address.insert(key, handle);
        self.in_turn.push_back((key, handle));
    }

    /// Frees a mutex if nothing has it any more, as the reference count of the original does.
    fn look_at_the_next(&mut self) {
        let Some((key, handle)) = self.in_turn.pop_front() else { return };
        if self.by_address.get(&key) != Some(&handle) {
            return;
        }
        if let Ok(object) = table().get::<PluginMutex>(handle) {
            let is_over =
                object.is_used.load(Ordering::Relaxed) && Arc::strong_count(&object.mutex) == 1;
            if !is_over {
                self.in_turn.push_back((key, handle));
                return;
            }
            let _ = table().take::<PluginMutex>(handle, OVER);
        }
        self.by_address.remove(&key);
    }
}

/// Why the handle of a mutex has ended by itself.
const OVER: &str = "its last continuation has ended";

/// A continuation with this mutex is being freed. Mostly it was the last that had it.
pub(crate) fn continuation_ends(mutex: &Arc<ProxyMutex>) {
    /// The continuation, and what the handle stands for.
    const BOTH: usize = 2;
    if Arc::strong_count(mutex) != BOTH {
        return;
    }
    let mut handles = HANDLES.lock();
    let key = Arc::as_ptr(mutex).addr();
    let Some(handle) = handles.by_address.get(&key).copied() else { return };
    let object = table().get::<PluginMutex>(handle);
    if object.is_ok_and(|object| object.is_used.load(Ordering::Relaxed)) {
        let _ = table().take::<PluginMutex>(handle, OVER);
        handles.by_address.remove(&key);
    }
}

/// The handle of a mutex, the same each time.
pub(crate) fn handle_of(mutex: Arc<ProxyMutex>) -> Handle {
    let key = Arc::as_ptr(&mutex).addr();
    let known = |handles: &Handles| {
        let handle = handles.by_address.get(&key).copied();
        handle.filter(|one| table().get::<PluginMutex>(*one).is_ok())
    };
    if let Some(handle) = known(&HANDLES.lock()) {
        return handle;
    }
    // Not under the lock: a new object may end what another thread has taken out, and a continuation
    // that ends takes the lock.
    let handle = table().insert(PluginMutex { mutex, is_used: AtomicBool::new(true) });
    let mut handles = HANDLES.lock();
    if let Some(earlier) = known(&handles) {
        // Another thread has been first.
        let _ = table().take::<PluginMutex>(handle, OVER);
        return earlier;
    }
    handles.add(key, handle);
    handle
}

thread_local! {
    /// The mutexes that plugins have locked on this thread by `TSMutexLock`.
    static LOCKED: RefCell<Vec<OwnedGuard>> = const { RefCell::new(Vec::new()) };
}

thread_local! {
    /// The mutex of the handler that this thread is in; none while [`with_current`] lends it.
    static CURRENT: Cell<Option<Arc<ProxyMutex>>> = const { Cell::new(None) };
}

/// Runs a handler whose continuation has this mutex.
pub(crate) fn under<R>(mutex: Option<&Arc<ProxyMutex>>, handler: impl FnOnce() -> R) -> R {
    struct Outer(Option<Arc<ProxyMutex>>);
    impl Drop for Outer {
        fn drop(&mut self) {
            CURRENT.set(self.0.take());
        }
    }
    let _outer = Outer(CURRENT.replace(mutex.cloned()));
    handler()
}

/// Lends the mutex of the handler that this thread is in: most operations that a plugin names are under
/// it, and to compare is quicker than to ask the operation for its mutex.
pub(crate) fn with_current<R>(f: impl FnOnce(Option<&Arc<ProxyMutex>>) -> R) -> R {
    let current = CURRENT.take();
    let result = f(current.as_ref());
    CURRENT.set(current);
    result
}

/// A guard of `mutex`: the one that this thread has, or a new one after a finding.
pub(crate) fn proof<'m>(mutex: &'m Arc<ProxyMutex>, of: &str) -> Guard<'m> {
    if let Some(guard) = mutex.reenter() {
        return guard;
    }
    let by = match mutex.thread_holding() {
        Some(_) => ", which another thread holds right now",
        None => "",
    };
    findings::note(format!("called without the mutex of {of}{by}"));
    mutex.lock()
}

/// `TSMutexCreate`.
pub(crate) fn create() -> Handle {
    let mutex = ProxyMutex::new();
    let key = Arc::as_ptr(&mutex).addr();
    let handle = table().insert(PluginMutex { mutex, is_used: AtomicBool::new(false) });
    HANDLES.lock().add(key, handle);
    handle
}

/// `TSMutexDestroy`. Continuations keep the mutex alive, as the `Ptr` of the original does.
pub(crate) fn destroy(mutex: Handle) {
    let object = want::<PluginMutex>(mutex);
    if object.mutex.is_held() {
        findings::note("the mutex is locked by this thread");
    }
    let _ = table().take::<PluginMutex>(mutex, "TSMutexDestroy was called");
}

/// A mutex of the original is held by an `EThread`. Another thread is the thread "null" to it, and a
/// free mutex is held by "null": such a thread locks nothing (#6576).
fn check_thread() {
    if !threads::is_known() {
        findings::note(
            "this thread is not the server's, and not one of TSThreadCreate: \
             in the real server it locks nothing",
        );
    }
}

/// `TSMutexLock`.
pub(crate) fn lock(mutex: Handle) {
    check_thread();
    let guard = want::<PluginMutex>(mutex).mutex.lock_owned();
    LOCKED.with(|all| all.borrow_mut().push(guard));
}

/// `TSMutexLockTry`: false if another thread holds it.
pub(crate) fn lock_try(mutex: Handle) -> bool {
    check_thread();
    let guard = want::<PluginMutex>(mutex).mutex.try_lock_owned();
    let taken = guard.is_some();
    LOCKED.with(|all| all.borrow_mut().extend(guard));
    taken
}

/// `TSMutexUnlock`.
pub(crate) fn unlock(mutex: Handle) {
    let wanted = want::<PluginMutex>(mutex);
    let guard = LOCKED.with(|all| {
        let mut all = all.borrow_mut();
        let at = all.iter().rposition(|guard| Arc::ptr_eq(guard.mutex(), &wanted.mutex))?;
        Some(all.remove(at))
    });
    if guard.is_none() {
        findings::note("this thread has not locked the mutex by TSMutexLock");
    }
}

/// A plugin's thread ends.
pub(crate) fn thread_ends() {
    let left = LOCKED.with(|all| std::mem::take(&mut *all.borrow_mut()));
    if !left.is_empty() {
        findings::note(format!("the thread ends with {} mutexes locked", left.len()));
    }
}

/// The mutex that a continuation is made with; none for NULL.
pub(crate) fn of_argument(mutex: Handle) -> Option<Arc<ProxyMutex>> {
    (!mutex.is_null()).then(|| {
        let object = want::<PluginMutex>(mutex);
        object.is_used.store(true, Ordering::Relaxed);
        object.mutex.clone()
    })
}
