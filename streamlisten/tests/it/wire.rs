//! A connection over a PluginVC pair, in virtual time: a stream and its client.

use std::cell::RefCell;
use std::rc::Rc;

use iocore::buffer::BUFFER_SIZE_INDEX_2M;
use pluginvc::{PluginVCCore, PluginVcOptions};
use streamlisten::{ConnectionWrap, Environment, TCPWrap};
use testkit::{Lab, Peer};

/// A connection. Everything on it happens in [`Wire::run`].
pub(crate) struct Wire {
    pub(crate) env: Rc<Environment>,
    pub(crate) stream: Rc<TCPWrap>,
    client: Peer,
    lab: Lab,
}

impl Wire {
    /// A connection whose client reads all that comes.
    pub(crate) fn new() -> Wire {
        let lab = Lab::new();
        let env = Environment::new();
        let accepted: Rc<RefCell<Option<Rc<TCPWrap>>>> = Rc::default();
        let slot = Rc::clone(&accepted);
        let listener = ConnectionWrap::new(&env, move |_, stream| *slot.borrow_mut() = stream);
        let options =
            PluginVcOptions { buffer_index: BUFFER_SIZE_INDEX_2M, ..PluginVcOptions::default() };
        let core = PluginVCCore::alloc_with(&lab.processor, listener.acceptor(), options);
        let client = Peer::new(core.connect());
        lab.settle();
        let stream = accepted.take().expect("accepted");
        Wire { env, stream, client, lab }
    }

    /// Runs the event loop until there is nothing more to do.
    pub(crate) fn run(&self) {
        self.lab.settle();
    }

    /// The client sends.
    pub(crate) fn send(&self, bytes: &[u8]) {
        self.client.send(bytes);
        self.run();
    }

    /// The client takes nothing from now on.
    pub(crate) fn pause(&self) {
        self.client.pause(true);
    }

    /// What the client has got.
    pub(crate) fn received(&self) -> String {
        String::from_utf8(self.client.received()).expect("text")
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.client.close();
    }
}
