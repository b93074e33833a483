//! [`Coroutine`]: a task on a stack of its own. All of it is on one thread of the system.
#![allow(unsafe_code)] // The place to return to is a pointer into the coroutine's stack.

use std::cell::{Cell, RefCell};
use std::ptr::{self, NonNull};
use std::rc::Rc;

use corosensei::CoroutineResult;
use corosensei::stack::DefaultStack;

type Inner = corosensei::Coroutine<(), (), (), DefaultStack>;
type Yielder = corosensei::Yielder<(), ()>;

/// Enough for the deepest call of a scene and for finding out its place in the source, also in a
/// build without optimisation. Only what is touched takes memory.
const STACK_BYTES: usize = 1024 * 1024;

thread_local! {
    /// Stacks of coroutines that have ended.
    static STACKS: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };

    /// Where the coroutine that runs on this thread returns to; null outside of any.
    static RUNNING: Cell<*const Yielder> = const { Cell::new(ptr::null()) };
}

/// A task that can be left and entered again.
pub(crate) struct Coroutine {
    inner: Inner,
    /// Null until the coroutine has begun.
    yielder: Rc<Cell<*const Yielder>>,
}

impl Coroutine {
    /// A task that has not begun.
    pub(crate) fn new(run: impl FnOnce() + 'static) -> Coroutine {
        let stack = STACKS.with(|stacks| stacks.borrow_mut().pop()).unwrap_or_else(|| {
            DefaultStack::new(STACK_BYTES).expect("the system has memory for another stack")
        });
        let yielder = Rc::new(Cell::new(ptr::null()));
        let its = Rc::clone(&yielder);
        let inner = Inner::with_stack(stack, move |yielder: &Yielder, ()| {
            its.set(yielder);
            RUNNING.with(|running| running.set(yielder));
            run();
        });
        Coroutine { inner, yielder }
    }

    /// Lets it run until it calls [`suspend`] or ends. True if it has ended.
    pub(crate) fn resume(&mut self) -> bool {
        let before = RUNNING.with(|running| running.replace(self.yielder.get()));
        debug_assert!(before.is_null(), "a coroutine resumes no other one");
        let result = self.inner.resume(());
        RUNNING.with(|running| running.set(ptr::null()));
        matches!(result, CoroutineResult::Return(()))
    }

    /// Keeps the stack of a coroutine that has ended for the next one.
    pub(crate) fn recycle(self) {
        debug_assert!(self.inner.done());
        STACKS.with(|stacks| stacks.borrow_mut().push(self.inner.into_stack()));
    }
}

/// Leaves the coroutine that calls this, until it is resumed.
///
/// # Panics
/// Outside of a coroutine.
pub(crate) fn suspend() {
    let running = RUNNING.with(Cell::get);
    let yielder = NonNull::new(running.cast_mut()).expect("inside of a task");
    // SAFETY: the yielder is on the stack of the coroutine whose code runs now: `resume` has set
    // the pointer (or the coroutine itself, when it began), and clears it when the coroutine is
    // left. The yielder lives until the coroutine's function returns, which it has not.
    unsafe { yielder.as_ref() }.suspend(());
}
