//! A read that moves to another state machine while its mutex is being taken.

use super::*;

/// The event loop runs, and meanwhile P's read moves to Q, under Q's mutex. The callbacks of both,
/// or the port's assertion.
fn while_the_read_moves_to_q(lab: &Lab, p: &Agent) -> String {
    let q = lab.agent("Q");
    let other = thread::spawn({
        let p = p.clone();
        move || {
            p.with(|old| {
                let vc = old.vc();
                q.with(|new| {
                    new.take_vc(vc);
                    new.read(MAX);
                });
            });
        }
    });
    let asserts = settle(lab);
    other.join().unwrap();
    asserts.unwrap_or_else(|| {
        lab.settle();
        callbacks(lab)
    })
}

/// A read moves to another state machine, under another mutex, while the peer is
/// about to lock the old one.
fn a_read_is_moved_while_the_peer_locks_it() -> String {
    let lab = warm_lab();
    let (a, p) = lab.agents();
    p.on(ACCEPT, |me| me.read(MAX));
    lab.pair(&a, &p);
    lab.settle();
    lab.take();
    a.with(|me| me.write_now(b"x"));
    while_the_read_moves_to_q(&lab, &p)
}

/// The peer looks at the read's mutex, takes it, and looks again: in between, the read
/// may have moved, and the mutex that it had may be free.
#[test]
fn a_read_that_is_moved_while_the_peer_locks_it_is_done_under_its_new_mutex() {
    let expected = [
        // Moved after, or before, the byte was there.
        "A write: WRITE_COMPLETE 1/1, P read: READ_READY 1/max",
        "A write: WRITE_COMPLETE 1/1, Q read: READ_READY 1/max",
    ];
    assert_eq!(outcomes(1, a_read_is_moved_while_the_peer_locks_it), expected);
}

/// The same for the handler of the read's own end, which looks at both mutexes, takes
/// them, and looks again.
#[test]
fn a_read_that_is_moved_while_its_handler_locks_it_is_done_under_its_new_mutex() {
    let found = outcomes(1, || {
        let lab = warm_lab();
        let (a, p) = lab.agents();
        lab.pair(&a, &p);
        // The byte waits in the core: the handler has something to do for P.
        a.with(|me| me.write_now(b"x"));
        lab.settle();
        p.with(|me| me.read(MAX));
        lab.take();
        while_the_read_moves_to_q(&lab, &p)
    });
    assert_eq!(found, ["P read: READ_READY 1/max", "Q read: READ_READY 1/max"]);
}
