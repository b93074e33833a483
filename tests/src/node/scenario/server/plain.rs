//! A connection without HTTP: a bare socket, and maybe the user's own memory for its
//! reads.

use std::cell::Cell;
use std::rc::{Rc, Weak};

use serde_json::{Value, json};
use streamlisten::Chunk;
use streamlisten::js::{OnRead, Socket};

use super::{Connection, World};
use crate::node::scenario::bytes::show;

/// The socket that `net` asks for.
pub(super) fn make_socket(
    world: &Rc<World>,
    connection: &Rc<Connection>,
    net: &Value,
) -> Rc<Socket> {
    let wrap = Rc::clone(&connection.wrap);
    let numbers = |name: &str| -> Vec<usize> {
        let list = net[name].as_array().into_iter().flatten();
        list.filter_map(Value::as_u64).filter_map(|n| usize::try_from(n).ok()).collect()
    };
    let sizes = numbers("sizes");
    let callback = on_read(Rc::downgrade(world), Rc::downgrade(connection), numbers("stop"));
    match *sizes.as_slice() {
        [] => Socket::new(&world.env, wrap),
        [size] => {
            let onread = OnRead::with_buffer(vec![0; size], callback);
            Socket::with_onread(&world.env, wrap, onread)
        }
        _ => {
            let turn = Cell::new(0);
            let next = move || vec![0; sizes[turn.replace(turn.get() + 1) % sizes.len()]];
            Socket::with_onread(&world.env, wrap, OnRead::with_buffers(next, callback))
        }
    }
}

/// Tells of a read, and runs the hooks. False, to stop, at the reads whose numbers are in
/// `stop`.
fn on_read(
    world: Weak<World>,
    connection: Weak<Connection>,
    stop: Vec<usize>,
) -> impl Fn(&Chunk) -> bool {
    let reads = Cell::new(0);
    move |bytes| {
        reads.set(reads.get() + 1);
        if let (Some(world), Some(connection)) = (world.upgrade(), connection.upgrade()) {
            let event = json!({"e": "onread", "n": bytes.len(), "d": show(bytes)});
            world.tell_of(&connection, event);
            world.fire("onread");
        }
        !stop.contains(&reads.get())
    }
}
