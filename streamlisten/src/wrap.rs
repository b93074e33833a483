//! [`WriteWrap`], [`ShutdownWrap`]: requests that complete later.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use crate::buf::Chunk;
use crate::resource::ListenerChain;

type OnComplete = Box<dyn FnOnce(i32)>;

macro_rules! request {
    ($(#[$doc:meta])* $name:ident, $emit:ident) => {
        $(#[$doc])*
        pub struct $name {
            chain: RefCell<Weak<ListenerChain>>,
            oncomplete: RefCell<Option<OnComplete>>,
            /// Kept until the request completes, because the stream may still
            /// need them.
            storage: RefCell<Vec<Chunk>>,
            completed: Cell<bool>,
        }

        impl $name {
            /// A request that will call `oncomplete` with its status.
            pub fn new(oncomplete: impl FnOnce(i32) + 'static) -> Rc<$name> {
                Rc::new($name {
                    chain: RefCell::default(),
                    oncomplete: RefCell::new(Some(Box::new(oncomplete))),
                    storage: RefCell::default(),
                    completed: Cell::new(false),
                })
            }

            pub(crate) fn attach(&self, chain: &Rc<ListenerChain>, storage: Vec<Chunk>) {
                self.chain.replace(Rc::downgrade(chain));
                self.storage.replace(storage);
            }

            /// The request has ended with `status`: tells its stream's chain, as it
            /// is now. A second call does nothing. Mirrors
            /// `StreamReq::Done`.
            pub fn done(self: &Rc<Self>, status: i32) {
                if self.completed.replace(true) {
                    return;
                }
                let chain = self.chain.borrow().upgrade();
                if let Some(chain) = chain {
                    chain.$emit(self, status);
                }
                self.dispose();
            }

            /// Calls `oncomplete`, once. For listeners that report to JavaScript.
            pub fn call_oncomplete(&self, status: i32) {
                let oncomplete = self.oncomplete.take();
                if let Some(oncomplete) = oncomplete {
                    oncomplete(status);
                }
            }

            /// Lets go of everything; `oncomplete` will not be called.
            pub(crate) fn dispose(&self) {
                self.completed.set(true);
                let kept = (self.oncomplete.take(), self.storage.take());
                drop(kept);
            }
        }
    };
}

request! {
    /// A write that completes later. Mirrors `WriteWrap`.
    WriteWrap, emit_after_write
}

request! {
    /// A shutdown that completes later. Mirrors `ShutdownWrap`.
    ShutdownWrap, emit_after_shutdown
}
