//! Epoch E: the steps of D, and a shutdown that waits for the core mutex.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use eventsys::sync::Mutex;
use iocore::ShutdownHowTo::ReadWrite;
use pluginvc::{Epoch, PluginVcOptions};
use testkit::{ACCEPT, Lab, MAX, READ_READY};

/// The callbacks of a pair whose passive end another thread shuts down when the event thread has
/// moved the bytes and is about to call both users back, and holds C.
fn shut_down_between_the_look_and_the_callback(epoch: Epoch, is_lock_taken: bool) -> Lab {
    let lab = Lab::new();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.read(MAX));
    lab.pair_with(&a, &p, PluginVcOptions { epoch, ..PluginVcOptions::default() });
    let shut = Arc::new(AtomicBool::new(false));
    let thread = Arc::new(Mutex::new(None));
    lab.at_step("A moved 1", {
        let (vc, shut, thread) = (p.vc(), Arc::clone(&shut), Arc::clone(&thread));
        move || {
            let shutting = std::thread::spawn(move || {
                vc.do_io_shutdown(ReadWrite);
                shut.store(true, Ordering::SeqCst);
            });
            if is_lock_taken {
                *thread.lock() = Some(shutting);
            } else {
                shutting.join().expect("it waits for no lock");
            }
        }
    });
    p.on(READ_READY, move |me| {
        me.note(&format!("shut down already: {}", shut.load(Ordering::SeqCst)));
    });
    a.with(|me| me.write_now(b"x"));
    lab.settle();
    if let Some(shutting) = thread.lock().take() {
        shutting.join().expect("the core mutex is free");
    }
    lab
}

#[test]
fn in_d_a_shutdown_returns_while_another_thread_calls_back() {
    shut_down_between_the_look_and_the_callback(Epoch::D, false).expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         A write: WRITE_COMPLETE 1/1
         P read: READ_READY 1/max
         P note: shut down already: true",
    );
}

#[test]
fn in_e_it_returns_when_the_callback_is_over() {
    shut_down_between_the_look_and_the_callback(Epoch::E, true).expect_callbacks(
        "P got: NET_EVENT_ACCEPT
         A write: WRITE_COMPLETE 1/1
         P read: READ_READY 1/max
         P note: shut down already: false",
    );
}
