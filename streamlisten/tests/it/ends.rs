//! The end of a stream: what can be done with a handle while it is closed, and after.
//! The events of the real node are in `tests/node/ends.jsonl`.

use std::cell::RefCell;
use std::rc::Rc;

use streamlisten::{
    Chunk, HTTPParser, OnRead, ReadData, ShutdownWrap, StreamBase, StreamResource, TCPWrap,
    WriteWrap, from_object, js_method, uv,
};

use crate::wire::Wire;

fn nothing() -> Rc<WriteWrap> {
    WriteWrap::new(|_| {})
}

fn write(stream: &TCPWrap, bytes: &[u8]) -> Option<i32> {
    js_method(stream, |s| s.write_buffer(&nothing(), Chunk::new(bytes.to_vec())))
}

fn shutdown(stream: &TCPWrap) -> Option<i32> {
    js_method(stream, |s| s.shutdown(&ShutdownWrap::new(|_| {})))
}

#[test]
fn the_object_of_a_closed_handle_has_methods_that_do_nothing_and_return_undefined() {
    let wire = Wire::new();
    let stream = &*wire.stream;
    assert_eq!(write(stream, b"abcd"), Some(0));
    stream.close(|| {});
    wire.run();
    assert!(from_object(stream).is_none());
    assert_eq!(js_method(stream, |s| s.read_start()), None);
    assert_eq!(js_method(stream, |s| s.read_stop()), None);
    assert_eq!(write(stream, b"x"), None);
    assert_eq!(shutdown(stream), None);
    assert_eq!(js_method(stream, |s| s.use_user_buffer(vec![0; 4])), None);
    assert_eq!(wire.env.last_bytes_written(), 4, "as the last write that was one left it");
    assert!(!wire.env.last_write_was_async());
    assert_eq!(stream.bytes_written(), 4);
    assert!(stream.is_stream_base(), "a constant of the prototype");
}

#[test]
fn between_close_and_its_callback_there_is_no_descriptor() {
    let wire = Wire::new();
    let stream = &*wire.stream;
    stream.close(|| {});
    assert_eq!(write(stream, b"x"), Some(uv::EBADF), "a try-write asks first");
    assert_eq!(wire.env.last_bytes_written(), 1);
    assert_eq!(shutdown(stream), Some(uv::ENOTCONN));
    assert_eq!(js_method(stream, |s| s.read_start()), Some(uv::EINVAL));
    assert_eq!(js_method(stream, |s| s.read_stop()), Some(0));
    let parser = HTTPParser::new(&wire.env);
    parser.consume(stream);
    assert!(parser.is_attached());
    wire.run();
    assert!(!parser.is_attached(), "the handle is destroyed, and its chain with it");
    assert_eq!(wire.received(), "");
}

#[test]
fn in_the_callback_of_its_close_every_method_is_invalid() {
    let wire = Wire::new();
    let told = Rc::new(RefCell::new(Vec::new()));
    let (stream, log) = (Rc::downgrade(&wire.stream), Rc::clone(&told));
    wire.stream.close(move || {
        let stream = stream.upgrade().expect("held by the wire");
        let start = js_method(&*stream, |s| s.read_start());
        let stop = js_method(&*stream, |s| s.read_stop());
        log.borrow_mut().extend([start, stop, write(&stream, b"x"), shutdown(&stream)]);
        log.borrow_mut().push(js_method(&*stream, |s| s.use_user_buffer(vec![0])));
    });
    wire.run();
    assert_eq!(*told.borrow(), [Some(uv::EINVAL); 5]);
}

#[test]
#[should_panic(expected = "(stream) != nullptr")]
fn a_parser_cannot_consume_a_stream_that_is_gone() {
    let wire = Wire::new();
    wire.stream.close(|| {});
    wire.run();
    HTTPParser::new(&wire.env).consume(&*wire.stream);
}

#[test]
#[should_panic(expected = "nbufs > 0")]
fn a_write_of_no_buffers_fails_the_check_of_libuv() {
    let wire = Wire::new();
    let _ = wire.stream.writev(&nothing(), Vec::new());
}

#[test]
fn behind_bytes_that_wait_a_write_of_no_buffers_is_done() {
    let wire = Wire::new();
    wire.pause();
    let stream = &*wire.stream;
    assert_eq!(write(stream, &vec![b'x'; 30_000_000]), Some(0));
    assert!(wire.env.last_write_was_async());
    assert_eq!(stream.writev(&nothing(), Vec::new()), 0);
    assert!(!wire.env.last_write_was_async());
}

#[test]
fn a_close_in_a_callback_of_a_read_ends_that_stream_alone() {
    let wire = Wire::new();
    let told: Rc<RefCell<Vec<String>>> = Rc::default();
    let (stream, log) = (Rc::downgrade(&wire.stream), Rc::clone(&told));
    let onread: Rc<OnRead> = Rc::new(move |n, data| {
        assert!(matches!(data, ReadData::Fresh(_)));
        log.borrow_mut().push(format!("onread {n}"));
        let stream = stream.upgrade().expect("held by the wire");
        let closed = Rc::clone(&log);
        stream.close(move || closed.borrow_mut().push("closed".into()));
        log.borrow_mut().push(format!("write {:?}", write(&stream, b"late")));
        Ok(None)
    });
    wire.stream.set_onread(onread);
    wire.stream.read_start();
    wire.send(b"x");
    assert_eq!(*told.borrow(), ["onread 1", "write Some(-9)", "closed"]);
    assert_eq!(wire.received(), "");
}

/// How much a writer can write while the client takes nothing: what the stream holds
/// back itself, and what the pair below it takes.
#[test]
fn a_client_that_takes_nothing_holds_six_mebibytes() {
    let wire = Wire::new();
    wire.pause();
    let piece = vec![b'x'; 64 * 1024];
    let mut written = 0;
    while !wire.env.last_write_was_async() {
        assert_eq!(write(&wire.stream, &piece), Some(0));
        wire.run();
        written += piece.len();
    }
    assert_eq!(written - piece.len(), 6 * 1024 * 1024);
}
