//! A callback may do anything: push, remove, unconsume, pause, write, close, drop
//! the stream, parse something else. The tests do each from each kind of callback.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use streamlisten::{
    Chunk, Environment, Exception, ExecuteResult, HTTPParser, JSStream, JSStreamImpl, Place,
    ReadData, ShutdownWrap, StreamBase, StreamListener, StreamResource, WriteWrap,
};

/// Keeps the writes; the tests complete them by hand.
#[derive(Default)]
struct Owner {
    writes: Rc<RefCell<Vec<Rc<WriteWrap>>>>,
}

impl JSStreamImpl for Owner {
    fn onwrite(&self, request: &Rc<WriteWrap>, _: Vec<Chunk>) -> i32 {
        self.writes.borrow_mut().push(Rc::clone(request));
        0
    }

    fn onshutdown(&self, _: &Rc<ShutdownWrap>) -> i32 {
        0
    }
}

/// A stream, a parser, and what they have told.
struct World {
    env: Rc<Environment>,
    stream: RefCell<Option<Rc<JSStream>>>,
    parser: RefCell<Option<Rc<HTTPParser>>>,
    other: Rc<HTTPParser>,
    writes: Rc<RefCell<Vec<Rc<WriteWrap>>>>,
    told: RefCell<Vec<String>>,
    armed: Cell<bool>,
}

const CALLBACKS: [&str; 6] = ["begin", "head", "body", "complete", "execute", "read"];

const MESSAGE: &[u8] = b"POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello";

type Action = fn(&Rc<World>);

fn world(at: &'static str, action: Action) -> Rc<World> {
    let env = Environment::new();
    let owner = Owner::default();
    let writes = Rc::clone(&owner.writes);
    let world = Rc::new(World {
        stream: RefCell::new(Some(JSStream::new(&env, owner))),
        parser: RefCell::new(Some(HTTPParser::new(&env))),
        other: HTTPParser::new(&env),
        writes,
        told: RefCell::default(),
        armed: Cell::new(true),
        env,
    });
    let tell = move |w: &std::rc::Weak<World>, what: &str, name: &'static str| {
        let Some(world) = w.upgrade() else { return };
        world.told.borrow_mut().push(what.to_string());
        if name == at && world.armed.replace(false) {
            action(&world);
        }
    };
    let parser = world.parser.borrow().clone().expect("just made");
    let slots = &parser.slots;
    let w = Rc::downgrade(&world);
    slots.on_message_begin.replace(Some(Rc::new(move |_, ()| {
        tell(&w, "begin", "begin");
        Ok(())
    })));
    let w = Rc::downgrade(&world);
    slots.on_headers_complete.replace(Some(Rc::new(move |_, head| {
        tell(&w, &format!("head {:?}", head.url.map(|url| url.len())), "head");
        Ok(0)
    })));
    let w = Rc::downgrade(&world);
    slots.on_body.replace(Some(Rc::new(move |_, body| {
        tell(&w, &format!("body {}", body.len()), "body");
        Ok(())
    })));
    let w = Rc::downgrade(&world);
    slots.on_message_complete.replace(Some(Rc::new(move |_, ()| {
        tell(&w, "complete", "complete");
        Ok(())
    })));
    let w = Rc::downgrade(&world);
    slots.on_execute.replace(Some(Rc::new(move |_, result| {
        let text = match result {
            ExecuteResult::Bytes(Place::At(n)) => format!("execute {n}"),
            ExecuteResult::Bytes(place) => format!("execute {place:?}"),
            ExecuteResult::Error(error) => format!("execute {}", error.code),
        };
        tell(&w, &text, "execute");
        Ok(())
    })));
    let w = Rc::downgrade(&world);
    let stream = world.stream.borrow().clone().expect("just made");
    stream.set_onread(Rc::new(move |nread, data| {
        let kind = if matches!(data, ReadData::UserBuffer(_)) { "own" } else { "read" };
        tell(&w, &format!("{kind} {nread}"), "read");
        Ok(None)
    }));
    world
}

/// Reads the message with the parser on top; for the callback of the stream
/// itself, without it.
fn run(at: &'static str, action: Action) -> (Rc<World>, Vec<String>) {
    let world = world(at, action);
    let stream = world.stream.borrow().clone().expect("there is one");
    let parser = world.parser.borrow().clone().expect("there is one");
    if at != "read" {
        parser.consume(&*stream);
    }
    drop(parser);
    read(&stream, MESSAGE);
    drop(stream);
    let told = world.told.take();
    (world, told)
}

fn read(stream: &JSStream, bytes: &[u8]) {
    stream.read_buffer(bytes).expect("nothing is thrown");
}

/// The events of the message when no callback does anything.
fn undisturbed(at: &str) -> Vec<String> {
    match at {
        "read" => vec!["read 44".into()],
        _ => ["begin", "head Some(2)", "body 5", "complete", "execute 44"].map(String::from).into(),
    }
}

/// The next event goes to the listener that is the newest then.
fn next_goes_to(world: &World, expected: &str) {
    let stream = world.stream.borrow().clone().expect("there is one");
    read(&stream, b"G");
    assert_eq!(world.told.borrow().last().map(String::as_str), Some(expected));
}

#[test]
fn unconsume_counts_from_the_next_read_on() {
    for at in CALLBACKS {
        let (world, told) = run(at, |w| w.parser.borrow().as_ref().expect("one").unconsume());
        assert_eq!(told, undisturbed(at), "in {at}");
        next_goes_to(&world, "read 1");
    }
}

#[test]
fn a_listener_pushed_inside_hears_from_the_next_read_on() {
    for at in CALLBACKS {
        let (world, told) = run(at, |w| {
            w.stream.borrow().as_ref().expect("one").use_user_buffer(vec![0; 8]);
        });
        assert_eq!(told, undisturbed(at), "in {at}");
        next_goes_to(&world, "own 1");
    }
}

#[test]
fn another_parser_consumes_from_the_next_read_on() {
    for at in CALLBACKS {
        let (world, told) = run(at, |w| {
            let stream = w.stream.borrow().clone().expect("one");
            w.other.consume(&*stream);
        });
        assert_eq!(told, undisturbed(at), "in {at}");
        let stream = world.stream.borrow().clone().expect("one");
        read(&stream, b"G");
        assert!(world.told.borrow().is_empty(), "the other parser says nothing yet");
    }
}

#[test]
fn a_pause_loses_the_next_read() {
    for at in &CALLBACKS[..5] {
        let (world, told) = run(at, |w| w.parser.borrow().as_ref().expect("one").pause());
        assert_eq!(told, undisturbed(at), "in {at}");
        next_goes_to(&world, "execute HPE_PAUSED");
        world.parser.borrow().as_ref().expect("one").resume();
        next_goes_to(&world, "execute 1");
    }
}

#[test]
fn a_write_and_its_completion_inside() {
    for at in CALLBACKS {
        let (world, told) = run(at, |w| {
            let stream = w.stream.borrow().clone().expect("one");
            let world = Rc::downgrade(w);
            let request = WriteWrap::new(move |status| {
                let world = world.upgrade().expect("still there");
                world.told.borrow_mut().push(format!("written {status}"));
            });
            assert_eq!(stream.write_buffer(&request, Chunk::new(b"data".to_vec())), 0);
            let writes = w.writes.take();
            writes[0].done(0);
            writes[0].done(-1); // Once is enough.
        });
        let mut expected = undisturbed(at);
        let after = told.iter().position(|event| event == "written 0").expect("it completes");
        expected.insert(after, "written 0".into());
        assert_eq!(told, expected, "in {at}");
        assert_eq!(world.stream.borrow().as_ref().expect("one").bytes_written(), 4);
    }
}

#[test]
fn dropping_the_stream_inside() {
    for at in CALLBACKS {
        let world = world(at, |w| drop(w.stream.take()));
        let stream = world.stream.borrow().clone().expect("there is one");
        let parser = world.parser.borrow().clone().expect("there is one");
        if at != "read" {
            parser.consume(&*stream);
        }
        // The only other handle is the caller's own, as in node the JavaScript
        // object's is.
        read(&stream, MESSAGE);
        assert_eq!(world.told.take(), undisturbed(at), "in {at}");
        drop(stream);
        assert!(!parser.is_attached(), "the chain went with its stream");
        parser.unconsume();
    }
}

#[test]
fn dropping_the_parser_inside() {
    for at in &CALLBACKS[..5] {
        let (world, told) = run(at, |w| drop(w.parser.take()));
        assert_eq!(told, undisturbed(at), "in {at}");
        next_goes_to(&world, "read 1");
    }
}

#[test]
fn closing_the_parser_inside_waits_for_the_end_of_the_parse() {
    for at in &CALLBACKS[..4] {
        let (world, told) = run(at, |w| w.parser.borrow().as_ref().expect("one").close());
        assert_eq!(told, undisturbed(at), "in {at}");
        next_goes_to(&world, "read 1");
    }
}

#[test]
fn another_parse_inside() {
    for at in CALLBACKS {
        let (_, told) = run(at, |w| {
            let other = Rc::clone(&w.other);
            let data = Chunk::new(MESSAGE.to_vec());
            assert_eq!(other.execute(&data), Some(ExecuteResult::Bytes(Place::At(44))));
            assert_eq!(other.finish(), None);
        });
        assert_eq!(told, undisturbed(at), "in {at}");
    }
}

#[test]
fn the_current_buffer_is_the_whole_read() {
    for at in &CALLBACKS[1..5] {
        let (_, told) = run(at, |w| {
            let current = w.parser.borrow().as_ref().expect("one").get_current_buffer();
            w.told.borrow_mut().push(format!("current {}", current.len()));
        });
        assert!(told.contains(&"current 44".to_string()), "in {at}: {told:?}");
    }
}

#[test]
fn an_exception_ends_the_parse_and_comes_out() {
    let world = world("none", |_| {});
    let stream = world.stream.borrow().clone().expect("one");
    let parser = world.parser.borrow().clone().expect("one");
    parser.slots.on_body.replace(Some(Rc::new(|_, _| Err(Exception::new("thrown")))));
    parser.consume(&*stream);
    assert_eq!(stream.read_buffer(MESSAGE), Err(Exception::new("thrown")));
    assert_eq!(world.told.take(), ["begin", "head Some(2)"]);
    read(&stream, b"G");
    assert_eq!(world.told.take(), ["execute HPE_JS_EXCEPTION"]);
    assert_eq!(world.env.take_exception(), None);
}

#[test]
fn the_end_of_a_stream_under_a_parser_and_a_buffer() {
    let env = Environment::new();
    let stream = JSStream::new(&env, Owner::default());
    let parser = HTTPParser::new(&env);
    parser.consume(&*stream);
    stream.use_user_buffer(vec![0; 4]);
    assert_eq!(stream.chain().len(), 3);
    drop(stream);
    assert!(!parser.is_attached());
    assert!(parser.link().previous_listener().is_none());
}

#[test]
#[should_panic(expected = "(listener->stream_) == nullptr")]
fn a_listener_in_two_chains_aborts() {
    let env = Environment::new();
    let stream = JSStream::new(&env, Owner::default());
    let other = JSStream::new(&env, Owner::default());
    let parser = HTTPParser::new(&env);
    parser.consume(&*stream);
    parser.consume(&*other);
}

#[test]
#[should_panic(expected = "(current) != nullptr")]
fn removing_a_stranger_aborts() {
    let env = Environment::new();
    let stream = JSStream::new(&env, Owner::default());
    stream.remove_stream_listener(&*HTTPParser::new(&env));
}
