//! How a connection enters a handler, and how it leaves.
//!
//! Mirrors `startIO`, `stopIO`, `startCop`, `stopCop` and `free_netevent` of
//! `NetHandler` (9.2.9).

use std::io;
use std::sync::Arc;

use eventsys::Guard;
use mio::event::Source;
use mio::{Interest, Token};

use super::{Entry, Lists, NetHandler};
use crate::net::accept::NetAccept;
use crate::net::queue::Slot;
use crate::net::vc::UnixNetVConnection;

impl NetHandler {
    /// Has the socket of `vc` watched from now on, for both directions. Mirrors
    /// `startIO`.
    pub(in crate::net) fn start_io(
        &self,
        h: &Guard<'_>,
        vc: &Arc<UnixNetVConnection>,
    ) -> io::Result<()> {
        let slot = self.lists(h).borrow_mut().table.insert(Entry::Vc(Arc::clone(vc)));
        let registered = vc.with_socket(|socket| {
            self.register(socket, slot, Interest::READABLE | Interest::WRITABLE)
        });
        if let Err(error) = registered.unwrap_or_else(|| Err(io::ErrorKind::NotConnected.into())) {
            let removed = self.lists(h).borrow_mut().table.try_remove(slot);
            drop(removed);
            return Err(error);
        }
        vc.set_slot(slot);
        Ok(())
    }

    /// As [`NetHandler::start_io`], for the socket of an acceptor.
    pub(in crate::net) fn start_accept(
        &self,
        h: &Guard<'_>,
        accept: &Arc<NetAccept>,
        socket: &mut impl Source,
    ) -> io::Result<Slot> {
        let slot = self.lists(h).borrow_mut().table.insert(Entry::Accept(Arc::clone(accept)));
        self.register(socket, slot, Interest::READABLE).inspect_err(|_| {
            let removed = self.lists(h).borrow_mut().table.try_remove(slot);
            drop(removed);
        })?;
        Ok(slot)
    }

    pub(in crate::net) fn stop_accept(&self, h: &Guard<'_>, slot: Slot, socket: &mut impl Source) {
        // It is closed next, which ends the watching in any case.
        let _ = self.registry.deregister(socket);
        let removed = self.lists(h).borrow_mut().table.try_remove(slot);
        drop(removed);
    }

    fn register(&self, socket: &mut impl Source, slot: Slot, what: Interest) -> io::Result<()> {
        self.registry.register(socket, Token(slot), what)
    }

    /// Has the cop check the timeouts of `vc` from now on. Mirrors `startCop`.
    pub(in crate::net) fn start_cop(&self, h: &Guard<'_>, vc: &UnixNetVConnection) {
        if let Some(slot) = vc.slot() {
            self.lists(h).borrow_mut().open.enqueue(slot);
        }
    }

    /// Frees a connection: takes it off all lists and out of the poll, closes the
    /// socket, and makes its operations drop their state machines and buffers.
    /// Mirrors `free_netevent` with `stopCop`, `stopIO` and `free_thread`. Does
    /// nothing the second time, where the original ends the process.
    pub(in crate::net) fn free_netevent(&self, h: &Guard<'_>, vc: &UnixNetVConnection) {
        if !vc.begin_free() {
            return;
        }
        let entry = vc.slot().and_then(|slot| {
            let mut lists = self.lists(h).borrow_mut();
            let Lists { table, read_ready, write_ready, open, cop, keep_alive, active } =
                &mut *lists;
            for list in [read_ready, write_ready, open, cop, keep_alive, active] {
                list.remove(slot);
            }
            table.try_remove(slot)
        });
        for list in [&self.read_enable_list, &self.write_enable_list] {
            list.lock().retain(|other| !std::ptr::eq(&**other, vc));
        }
        vc.close_socket(Some(&self.registry));
        if let (false, Some(Entry::Vc(vc))) = (vc.release_operations(), &entry) {
            self.state.get(h).unreleased.borrow_mut().push(Arc::clone(vc));
        }
        drop(entry);
    }
}
