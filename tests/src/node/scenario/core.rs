//! The core layer: streams and bare parsers.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use serde_json::{Value, json};
use streamlisten::llhttp::{Lenient, MessageType};
use streamlisten::{
    Chunk, Environment, Exception, HTTPParser, JSStream, JSStreamImpl, LibuvStreamWrap, ReadData,
    ShutdownWrap, StreamBase, StreamResource, WriteWrap, uv,
};

use super::bytes::{bytes, show};
use super::client::Client;
use super::hold::Log;
use super::stage::Stage;
use super::{Fault, Stop, shown};

/// Everything that a scenario names.
pub(super) struct World {
    pub(super) log: Log,
    pub(super) env: Rc<Environment>,
    pub(super) mask: bool,
    hooks: Vec<Value>,
    counts: RefCell<BTreeMap<String, u64>>,
    pub(super) streams: RefCell<BTreeMap<String, Rc<Stream>>>,
    pub(super) parsers: RefCell<BTreeMap<String, Rc<HTTPParser>>>,
    pub(super) requests: RefCell<BTreeMap<String, Request>>,
    /// Inputs that are fed by hand, all in one piece of memory.
    pub(super) fed: Fed,
    /// Only connections need one.
    pub(super) stage: Option<Rc<Stage>>,
    /// What is broken on purpose.
    pub(super) fault: Option<Fault>,
    /// How many hooks are running, one inside the other.
    hooks_running: Cell<u32>,
}

/// Inputs that are fed by hand, in one piece of memory, in the order in which the
/// scenario has them: so an old error's distance from a new input means something.
pub(super) struct Fed {
    memory: Chunk,
    parts: BTreeMap<String, Range<usize>>,
}

impl Fed {
    /// As much as fits in what the recorder has for it.
    const SIZE: usize = 1 << 20;

    fn new(scenario: &Value) -> Fed {
        let (mut memory, mut parts) = (Vec::new(), BTreeMap::new());
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let hooks = list(&scenario["hooks"]).into_iter().flat_map(|hook| list(&hook["do"]));
        for action in hooks.chain(list(&scenario["actions"])) {
            let (key, input) = (action["d"].to_string(), bytes(&action["d"]));
            let fits = memory.len() + input.len() <= Fed::SIZE;
            if action["a"] == "execute" && fits && !parts.contains_key(&key) {
                parts.insert(key, memory.len()..memory.len() + input.len());
                memory.extend(input);
            }
        }
        Fed { memory: Chunk::new(memory), parts }
    }

    /// The input of an action.
    pub(super) fn input(&self, data: &Value) -> Chunk {
        match self.parts.get(&data.to_string()) {
            Some(range) => self.memory.part(range.clone()),
            None => Chunk::new(bytes(data)),
        }
    }
}

/// A request that the scenario may complete.
pub(super) enum Request {
    Write(Rc<WriteWrap>),
    Shutdown(Rc<ShutdownWrap>),
}

/// A stream of a scenario.
pub(super) struct Stream {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// The user's next own buffer.
    pub(super) next_buffer: Cell<Option<usize>>,
}

/// The transport below it.
pub(super) enum Kind {
    Js(Rc<JSStream>),
    Tcp(Rc<LibuvStreamWrap>, Client),
}

impl Stream {
    pub(super) fn base(&self) -> &dyn StreamBase {
        match &self.kind {
            Kind::Js(stream) => &**stream,
            Kind::Tcp(stream, _) => &**stream,
        }
    }
}

/// Runs a scenario of the core layer.
pub(super) fn run(
    scenario: &Value,
    stage: Option<Rc<Stage>>,
    fault: Option<Fault>,
    log: &Log,
) -> Result<(), Stop> {
    let streams = scenario.get("streams").cloned().unwrap_or_else(|| json!({"S": {"kind": "js"}}));
    let streams = streams.as_object().cloned().unwrap_or_default();
    let world = Rc::new(World {
        log: log.clone(),
        env: Environment::new(),
        mask: scenario["mask_bytes_parsed"] == true,
        hooks: scenario["hooks"].as_array().cloned().unwrap_or_default(),
        counts: RefCell::default(),
        streams: RefCell::default(),
        parsers: RefCell::default(),
        requests: RefCell::default(),
        fed: Fed::new(scenario),
        stage,
        fault,
        hooks_running: Cell::new(0),
    });
    let _tear_down = TearDown(&world);
    let parsers = scenario.get("parsers").cloned().unwrap_or_else(|| json!({"A": {}}));
    for (name, options) in parsers.as_object().into_iter().flatten() {
        let parser = make_parser(&world, name, options);
        world.parsers.borrow_mut().insert(name.clone(), parser);
    }
    for (name, options) in &streams {
        make_stream(&world, name, options)?;
    }
    actions(&world, scenario)?;
    world.turn();
    for (name, options) in &streams {
        if options["tell_bytes"] == true {
            world.tell_client(name);
        }
    }
    Ok(())
}

/// Takes the world down on every path, panics included.
struct TearDown<'a>(&'a World);

impl Drop for TearDown<'_> {
    fn drop(&mut self) {
        self.0.tear_down();
    }
}

fn actions(world: &Rc<World>, scenario: &Value) -> Result<(), Stop> {
    for action in scenario["actions"].as_array().into_iter().flatten() {
        world.act(action).map_err(|exception| exception.message)?;
        // An exception in a turn of the loop is uncaught.
        if let Some(exception) = world.env.take_exception() {
            return Err(Stop::Uncaught(exception.message));
        }
    }
    Ok(())
}

impl World {
    /// Lets the event loop run until nothing more happens. False, and nothing is done,
    /// inside a hook: there the loop is running already, and what the hook has begun
    /// comes about when the hook has returned, as on node.
    pub(super) fn turn(&self) -> bool {
        if self.is_in_hook() {
            return false;
        }
        let Some(stage) = &self.stage else { return true };
        let streams: Vec<_> = self.streams.borrow().values().cloned().collect();
        for stream in streams {
            if let Kind::Tcp(wrap, client) = &stream.kind
                && !stage.settle(wrap, client)
            {
                self.log.push(json!({"e": "TIMEOUT"}));
            }
        }
        true
    }

    fn is_in_hook(&self) -> bool {
        self.hooks_running.get() > 0
    }

    /// True if `action` is lost by the fault that was planted.
    pub(super) fn is_lost(&self, action: &str) -> bool {
        let lost = match self.fault {
            Some(Fault::LostCloseInHook) => "close_stream",
            Some(Fault::LostPauseInHook) => "pause",
            _ => return false,
        };
        action == lost && self.is_in_hook()
    }

    /// What the client of a connection has got.
    fn tell_client(&self, name: &str) {
        let stream = self.streams.borrow().get(name).cloned();
        if let Some(Kind::Tcp(_, client)) = stream.as_deref().map(|stream| &stream.kind) {
            let (received, _) = client.received();
            self.log.push(json!({"e": "client", "s": name, "bytes": show(&received)}));
        }
    }

    /// Runs the hooks for an event of `who`.
    pub(super) fn fire(self: &Rc<Self>, who: &str, on: &str) -> Result<(), Exception> {
        if self.hooks.is_empty() {
            return Ok(());
        }
        let nth = {
            let mut counts = self.counts.borrow_mut();
            let count = counts.entry(format!("{who}:{on}")).or_default();
            *count += 1;
            *count
        };
        for hook in &self.hooks {
            let owner = hook["p"].as_str().or(hook["s"].as_str());
            let due = hook.get("nth").is_none_or(|wanted| *wanted == nth);
            if owner == Some(who) && hook["on"] == on && due {
                self.hooks_running.set(self.hooks_running.get() + 1);
                let done = self.run_hook(hook);
                self.hooks_running.set(self.hooks_running.get() - 1);
                done?;
            }
        }
        Ok(())
    }

    fn run_hook(self: &Rc<Self>, hook: &Value) -> Result<(), Exception> {
        let mut actions = hook["do"].as_array().into_iter().flatten();
        actions.try_for_each(|action| self.act(action))
    }

    /// Lets go of everything: callbacks hold the world, and the world holds them.
    fn tear_down(&self) {
        for parser in self.parsers.borrow().values() {
            clear(parser);
        }
        let streams = self.streams.take();
        for stream in streams.values() {
            stream.base().set_onread(Rc::new(|_, _| Ok(None)));
        }
        let requests = self.requests.take();
        drop((requests, streams, self.parsers.take()));
    }
}

/// Empties a parser's slots.
pub(super) fn clear(parser: &HTTPParser) {
    let slots = &parser.slots;
    drop((slots.on_message_begin.take(), slots.on_headers.take(), slots.on_body.take()));
    drop((slots.on_headers_complete.take(), slots.on_message_complete.take()));
    drop(slots.on_execute.take());
}

/// How a parser is set up by a scenario.
pub(super) fn initialize(parser: &HTTPParser, options: &Value) {
    let response = options["type"] == "response";
    let kind = if response { MessageType::Response } else { MessageType::Request };
    let max_header_size = options["maxHeaderSize"].as_u64().unwrap_or(0);
    let lenient = u32::try_from(options["lenient"].as_u64().unwrap_or(0)).unwrap_or(0);
    parser.initialize(kind, max_header_size, Lenient::from_bits(lenient));
}

/// A parser that tells everything.
fn make_parser(world: &Rc<World>, name: &str, options: &Value) -> Rc<HTTPParser> {
    let parser = HTTPParser::new(&world.env);
    initialize(&parser, options);
    let slots = &parser.slots;
    let told = |f: fn(&str) -> Value, on: &'static str| {
        let (world, name) = (Rc::clone(world), name.to_string());
        move || {
            world.log.push(f(&name));
            world.fire(&name, on)
        }
    };
    let begin = told(|p| json!({"e": "begin", "p": p}), "begin");
    slots.on_message_begin.replace(Some(Rc::new(move |_, ()| begin())));
    let complete = told(|p| json!({"e": "complete", "p": p}), "complete");
    slots.on_message_complete.replace(Some(Rc::new(move |_, ()| complete())));

    let (w, p) = (Rc::clone(world), name.to_string());
    slots.on_headers.replace(Some(Rc::new(move |_, (list, url)| {
        let h = shown::headers(Some(&list));
        w.log.push(json!({"e": "headers", "p": p, "h": h, "url": show(&url)}));
        w.fire(&p, "headers")
    })));
    let (w, p) = (Rc::clone(world), name.to_string());
    let returns = RefCell::new(options["hc_return"].as_array().cloned().unwrap_or_default());
    slots.on_headers_complete.replace(Some(Rc::new(move |_, complete| {
        w.log.push(shown::headers_complete(&p, &complete));
        w.fire(&p, "headers_complete")?;
        let mut returns = returns.borrow_mut();
        let next = (!returns.is_empty()).then(|| returns.remove(0));
        Ok(next.and_then(|n| n.as_i64()).map_or(0, |n| n as i32))
    })));
    let (w, p) = (Rc::clone(world), name.to_string());
    slots.on_body.replace(Some(Rc::new(move |_, body| {
        w.log.push(json!({"e": "body", "p": p, "d": show(&body)}));
        w.fire(&p, "body")
    })));
    if options["no_on_execute"] != true {
        let (w, p) = (Rc::clone(world), name.to_string());
        slots.on_execute.replace(Some(Rc::new(move |_, result| {
            let mut event = json!({"e": "execute", "p": p});
            shown::add_result(&mut event, Some(&result), w.mask);
            w.log.push(event);
            w.fire(&p, "execute")
        })));
    }
    parser
}

/// The owner of a JS stream: tells what it is asked, and answers as the scenario
/// says.
struct Owner {
    world: Rc<World>,
    name: String,
    write_err: i32,
    shutdown_err: i32,
}

impl Owner {
    fn number(&self, of: impl Fn(&Request) -> bool) -> Value {
        let requests = self.world.requests.borrow();
        let found = requests.iter().find(|(_, request)| of(request));
        found.map_or(Value::Null, |(name, _)| json!(name))
    }
}

impl JSStreamImpl for Owner {
    fn onreadstart(&self) -> i32 {
        self.world.log.push(json!({"e": "readstart", "s": self.name}));
        0
    }

    fn onreadstop(&self) -> i32 {
        self.world.log.push(json!({"e": "readstop", "s": self.name}));
        0
    }

    fn onwrite(&self, request: &Rc<WriteWrap>, bufs: Vec<Chunk>) -> i32 {
        let req = self.number(|other| matches!(other, Request::Write(w) if Rc::ptr_eq(w, request)));
        let all: Vec<u8> = bufs.iter().flat_map(|buf| buf.to_vec()).collect();
        let event = json!({"e": "dowrite", "s": self.name, "req": req, "d": show(&all)});
        self.world.log.push(event);
        self.write_err
    }

    fn onshutdown(&self, request: &Rc<ShutdownWrap>) -> i32 {
        let req =
            self.number(|other| matches!(other, Request::Shutdown(w) if Rc::ptr_eq(w, request)));
        self.world.log.push(json!({"e": "doshutdown", "s": self.name, "req": req}));
        self.shutdown_err
    }
}

fn make_stream(world: &Rc<World>, name: &str, options: &Value) -> Result<(), String> {
    let number = |key: &str| options[key].as_i64().map_or(0, |n| n as i32);
    let kind = if let (true, Some(stage)) = (options["kind"] == "tcp", &world.stage) {
        let (stream, client) = stage.pair(&world.env)?;
        Kind::Tcp(stream, client)
    } else {
        let owner = Owner {
            world: Rc::clone(world),
            name: name.to_string(),
            write_err: number("write_err"),
            shutdown_err: number("shutdown_err"),
        };
        Kind::Js(JSStream::new(&world.env, owner))
    };
    let stream = Rc::new(Stream { name: name.to_string(), kind, next_buffer: Cell::new(None) });
    let (w, s) = (Rc::clone(world), Rc::downgrade(&stream));
    stream.base().set_onread(Rc::new(move |nread, data| {
        let Some(s) = s.upgrade() else {
            return Ok(None);
        };
        w.onread(&s, nread, data)
    }));
    world.streams.borrow_mut().insert(name.to_string(), Rc::clone(&stream));
    if let Kind::Tcp(wrap, _) = &stream.kind {
        wrap.read_start();
        world.turn();
    }
    Ok(())
}

impl World {
    /// Tells of a read, and runs the hooks.
    fn onread(
        self: &Rc<Self>,
        stream: &Stream,
        nread: isize,
        data: ReadData,
    ) -> Result<Option<Vec<u8>>, Exception> {
        let name = &stream.name;
        let (kind, bytes) = match data {
            ReadData::None => {
                let err = uv::name(nread);
                self.log.push(json!({"e": "onread", "s": name, "n": nread, "err": err}));
                self.fire(name, "read_error")?;
                return Ok(None);
            }
            ReadData::Fresh(bytes) => ("onread", bytes),
            ReadData::UserBuffer(bytes) => ("userbuf", bytes),
        };
        self.log.push(json!({"e": kind, "s": name, "n": nread, "d": show(&bytes)}));
        self.fire(name, kind)?;
        let next = (kind == "userbuf" && nread > 0).then(|| stream.next_buffer.take()).flatten();
        Ok(next.map(|size| vec![0; size]))
    }
}
