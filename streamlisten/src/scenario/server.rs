//! The server layer: an HTTP server on one connection.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use serde_json::{Value, json};

use super::bytes::{bytes, latin1, show};
use super::client::Client;
use super::hold::Log;
use super::stage::Stage;
use super::{Transport, shown};
use crate::js::{
    Arg, HttpServer, IncomingMessage, Observer, ParserStep, Readable, ServerOptions,
    ServerResponse, Socket,
};
use crate::llhttp::Lenient;
use crate::{Environment, LibuvStreamWrap};

/// A connection of a scenario, as its events are told.
struct World {
    log: Log,
    env: Rc<Environment>,
    options: Value,
    socket: RefCell<Option<Rc<Socket>>>,
    server: RefCell<Option<Rc<HttpServer>>>,
    closed: Cell<bool>,
    answered: Cell<bool>,
}

/// Runs a scenario of the server layer.
pub(super) fn run(scenario: &Value, transport: Transport, log: &Log) -> Result<(), String> {
    // Timers that are not due yet must not be waited for.
    let timed = ["connectionsCheckingInterval", "keepAliveTimeout"];
    let timed = timed.iter().any(|key| scenario["server"].get(key).is_some());
    let stage = Stage::new(transport).with_timers(timed);
    let env = Environment::new();
    let world = Rc::new(World {
        log: log.clone(),
        env: Rc::clone(&env),
        options: scenario["server"].clone(),
        socket: RefCell::default(),
        server: RefCell::default(),
        closed: Cell::new(false),
        answered: Cell::new(false),
    });
    let _tear_down = TearDown(&world);
    let server = Rc::new(make_server(&world));
    world.server.replace(Some(Rc::clone(&server)));
    if server.options().connections_checking_interval != 0 {
        server.track_connections();
    }
    let (wrap, client) = stage.pair(&env)?;
    if world.options["client_paused"] == true {
        client.pause();
    }
    env.make_callback(|| server.accept(Rc::clone(&wrap)));
    world.settle(&stage, &wrap, &client);
    for action in scenario["actions"].as_array().into_iter().flatten() {
        world.step(action, &stage, &wrap, &client)?;
    }
    world.settle(&stage, &wrap, &client);
    world.tell_client(&client);
    Ok(())
}

/// Takes the world down on every path: listeners hold it, and it holds them.
struct TearDown<'a>(&'a World);

impl Drop for TearDown<'_> {
    fn drop(&mut self) {
        if let Some(socket) = self.0.socket.take() {
            if let Some(parser) = socket.parser() {
                parser.reset();
            }
            socket.clear();
        }
        self.0.server.take();
    }
}

fn make_server(world: &Rc<World>) -> HttpServer {
    let ms = |key: &str| world.options[key].as_u64().unwrap_or(0);
    let options = ServerOptions {
        max_header_size: world.options["maxHeaderSize"].as_u64().unwrap_or(0),
        lenient: match world.options["insecure"] == true {
            true => Lenient::from_bits(u32::MAX),
            false => Lenient::NONE,
        },
        consume: world.options["consume"] != false,
        headers_timeout: ms("headersTimeout"),
        request_timeout: ms("requestTimeout"),
        connections_checking_interval: ms("connectionsCheckingInterval"),
        keep_alive_timeout: ms("keepAliveTimeout"),
    };
    let (w, w2) = (Rc::downgrade(world), Rc::downgrade(world));
    let mut server = HttpServer::new(
        &world.env,
        options,
        move |socket| {
            if let Some(world) = w.upgrade() {
                world.on_connection(socket);
            }
        },
        move |request, response| {
            if let Some(world) = w2.upgrade() {
                world.on_request(request, response);
            }
        },
    );
    for (name, key) in [("upgrade", "upgrade"), ("connect", "connect")] {
        if world.options[key] != true {
            continue;
        }
        let w = Rc::downgrade(world);
        let listener =
            move |request: &Rc<IncomingMessage>, socket: &Rc<Socket>, head: crate::Chunk| {
                let Some(world) = w.upgrade() else { return };
                let parser = if socket.parser().is_some() { json!("set") } else { Value::Null };
                let (method, url) = (request.method, show(&request.url));
                world.log.push(json!({
                    "e": name, "method": method, "url": url, "head": show(&head), "parser": parser,
                }));
                world.run_list("on_upgrade");
            };
        match name {
            "upgrade" => server.set_on_upgrade(listener),
            _ => server.set_on_connect(listener),
        }
    }
    if let Some(kind) = world.options["checkContinue"].as_str().map(str::to_string) {
        let w = Rc::downgrade(world);
        server.set_on_check_continue(move |request, response| {
            let Some(world) = w.upgrade() else { return };
            world.log.push(json!({"e": "checkContinue"}));
            if kind == "refuse" {
                response.write_head(417, &[]);
                response.end(None);
                return;
            }
            response.write_continue();
            world.on_request(request, response);
        });
    }
    if world.options["checkExpectation"] == true {
        let w = Rc::downgrade(world);
        server.set_on_check_expectation(move |request, response| {
            let Some(world) = w.upgrade() else { return };
            world.log.push(json!({"e": "checkExpectation"}));
            world.on_request(request, response);
        });
    }
    if let Some(kind) = world.options["clientError"].as_str().map(str::to_string) {
        let log = world.log.clone();
        server.set_on_client_error(move |error, socket| {
            let mut event = json!({"e": "clientError", "code": error.code});
            if let Some(n) = error.bytes_parsed {
                event["n"] = shown::place(n);
            }
            if let Some(raw) = error.raw_packet {
                event["raw"] = json!(raw);
            }
            log.push(event);
            if kind == "destroy" {
                socket.destroy(None);
            }
        });
    }
    server
}

impl World {
    fn on_connection(self: &Rc<Self>, socket: &Rc<Socket>) {
        if self.socket.borrow().is_some() {
            return; // Emitted again.
        }
        self.socket.replace(Some(Rc::clone(socket)));
        socket.observe(Rc::new(Told { world: Rc::downgrade(self) }));
        let (parser, handle, _) = socket.flags();
        self.log.push(json!({
            "e": "connection", "isStreamBase": self.options["consume"] != false,
            "parser_consumed": parser, "handle_consumed": handle,
        }));
        self.run_list("on_connection");
    }

    fn on_request(self: &Rc<Self>, request: &Rc<IncomingMessage>, response: &Rc<ServerResponse>) {
        let url = Value::String(latin1(&request.url));
        self.log.push(json!({"e": "request", "method": request.method, "url": url}));
        self.run_list("on_request");
        if self.options["drain"] != false {
            request.resume();
        }
        if self.answered.replace(true) && self.options["respond"] == "first" {
            return;
        }
        if self.options["answer"].is_object() {
            Answer::start(self, response);
        } else if self.options["respond"] != "hold" {
            let big = self.options["big_response"].as_u64().and_then(|n| usize::try_from(n).ok());
            match big {
                Some(n) => response.end(Some(&vec![b'z'; n])),
                None => response.end_text("ok"),
            }
        }
    }

    fn run_list(self: &Rc<Self>, list: &str) {
        for action in self.options[list].as_array().into_iter().flatten() {
            self.act(action);
        }
    }

    fn step(
        self: &Rc<Self>,
        action: &Value,
        stage: &Stage,
        wrap: &Rc<LibuvStreamWrap>,
        client: &Client,
    ) -> Result<(), String> {
        match action["a"].as_str().unwrap_or_default() {
            "send" => {
                client.send(&bytes(&action["d"]));
                if action["nowait"] != true {
                    self.settle(stage, wrap, client);
                    let gone = self.closed.get() || wrap.is_closed();
                    let read = crate::StreamResource::bytes_read(&**wrap);
                    if !gone && read < client.sent() {
                        self.log.push(json!({"e": "TIMEOUT"}));
                    }
                }
            }
            "end" => client.end(),
            "reset" => {
                stage.reset(wrap, client);
            }
            "client_resume" => client.resume(),
            "sleep" => stage.sleep(action["ms"].as_u64().unwrap_or(0)),
            _ => self.env.make_callback(|| self.act(action)),
        }
        if action["nowait"] != true {
            self.settle(stage, wrap, client);
        }
        match self.env.take_exception() {
            Some(exception) => Err(exception.message),
            None => Ok(()),
        }
    }

    fn settle(&self, stage: &Stage, wrap: &LibuvStreamWrap, client: &Client) {
        if !stage.settle(wrap, client) {
            self.log.push(json!({"e": "TIMEOUT"}));
        }
    }

    /// Carries out what a user of the socket does.
    fn act(self: &Rc<Self>, action: &Value) {
        let socket = self.socket.borrow().clone();
        let Some(socket) = socket else { return };
        let tag = action["tag"].as_str().unwrap_or("user").to_string();
        match action["a"].as_str().unwrap_or_default() {
            "on" => {
                let listener = match action["ev"].as_str() {
                    Some("data") => self.on_data(tag),
                    Some(event) => {
                        let (log, event) = (self.log.clone(), format!("user_{event}"));
                        Rc::new(move |_: &Arg| log.push(json!({"e": event}))) as Rc<dyn Fn(&Arg)>
                    }
                    None => return,
                };
                socket.on(event_name(action), listener);
            }
            "once" => {
                socket.once(event_name(action), self.on_data(tag));
            }
            "read_readable" => {
                let (log, this) = (self.log.clone(), Rc::downgrade(&socket));
                socket.on(
                    "readable",
                    Rc::new(move |_| {
                        while let Some(chunk) = this.upgrade().and_then(|s| s.read(None)) {
                            log.push(json!({"e": "readable_read", "d": show(&chunk)}));
                        }
                    }),
                );
            }
            "pipe" => {
                let log = self.log.clone();
                socket.pipe(move |chunk| log.push(json!({"e": "pipe_write", "d": show(chunk)})));
            }
            "pause" => socket.pause(),
            "resume" => socket.resume(),
            "setEncoding" => {
                if let Err(error) = socket.set_encoding() {
                    let event = json!({"e": "exception", "at": "setEncoding", "code": error.code});
                    self.log.push(event);
                }
            }
            "emit_connection" => {
                let server = self.server.borrow().clone();
                if let Some(server) = server {
                    server.emit_connection(&socket);
                }
            }
            "flags" => {
                let (parser, handle, reading) = socket.flags();
                let event =
                    json!({"e": "flags", "parser": parser, "handle": handle, "reading": reading});
                self.log.push(event);
            }
            "stat" => self.log.push(json!({"e": "stat", "bytesRead": socket.bytes_read()})),
            _ => {}
        }
    }

    fn on_data(&self, tag: String) -> Rc<dyn Fn(&Arg)> {
        let log = self.log.clone();
        Rc::new(move |arg| {
            if let Arg::Data(chunk) = arg {
                log.push(json!({"e": "socket_data", "by": tag, "d": show(chunk)}));
            }
        })
    }

    /// What the client has seen: the statuses, and whether the server has ended.
    fn tell_client(&self, client: &Client) {
        let (received, ended) = client.received();
        let text = latin1(&received);
        let status: Vec<u64> = text
            .match_indices("HTTP/1.1 ")
            .filter_map(|(at, found)| {
                let digits = text[at + found.len()..].chars().take_while(char::is_ascii_digit);
                digits.collect::<String>().parse().ok()
            })
            .collect();
        let mut event = json!({"e": "client", "status": status, "ended": ended});
        if self.options["tell_bytes"] == true {
            event["bytes"] = show(&received);
        }
        self.log.push(event);
    }
}

/// An answer that is written in parts.
struct Answer {
    log: Log,
    parts: RefCell<VecDeque<Vec<u8>>>,
    /// Waits for `drain` where it is told to.
    waits: bool,
    draining: Cell<bool>,
}

impl Answer {
    fn start(world: &World, response: &Rc<ServerResponse>) {
        let options = &world.options["answer"];
        let parts: VecDeque<Vec<u8>> =
            options["parts"].as_array().into_iter().flatten().map(bytes).collect();
        let length = parts.iter().map(Vec::len).sum::<usize>().to_string();
        let status = options["status"].as_u64().and_then(|n| u16::try_from(n).ok());
        match (options["length"] == true, status) {
            (true, status) => {
                response.write_head(status.unwrap_or(200), &[("Content-Length", &length)]);
            }
            (false, Some(status)) => response.write_head(status, &[]),
            (false, None) => {}
        }
        let answer = Rc::new(Answer {
            log: world.log.clone(),
            parts: RefCell::new(parts),
            waits: options["wait"] == true,
            draining: Cell::new(false),
        });
        let log = world.log.clone();
        response.on("finish", Rc::new(move |_| log.push(json!({"e": "res_finish"}))));
        let (this, to) = (Rc::clone(&answer), Rc::downgrade(response));
        response.on(
            "drain",
            Rc::new(move |_| {
                if let (true, Some(response)) = (this.draining.take(), to.upgrade()) {
                    this.log.push(json!({"e": "res_drain"}));
                    this.write(&response);
                }
            }),
        );
        answer.write(response);
    }

    fn write(&self, response: &ServerResponse) {
        loop {
            let next = self.parts.borrow_mut().pop_front();
            let Some(part) = next else { break };
            let more = response.write(&part);
            self.log.push(json!({"e": "res_write", "more": more}));
            if !more && self.waits && !self.parts.borrow().is_empty() {
                self.draining.set(true);
                return;
            }
        }
        response.end(None);
    }
}

/// The names of events are constants of the program.
fn event_name(action: &Value) -> &'static str {
    match action["ev"].as_str() {
        Some("data") => "data",
        Some("readable") => "readable",
        Some("end") => "end",
        Some("close") => "close",
        Some("error") => "error",
        Some("drain") => "drain",
        Some("pause") => "pause",
        Some("resume") => "resume",
        _ => "other",
    }
}

/// Tells what the socket and its parser do.
struct Told {
    world: std::rc::Weak<World>,
}

impl Observer for Told {
    fn on_emit(&self, event: &str, arg: &Arg) {
        let Some(world) = self.world.upgrade() else { return };
        if event == "close" {
            world.closed.set(true);
        }
        let told = match (event, arg) {
            ("data", Arg::Data(chunk)) => json!({"e": "emit", "ev": event, "n": chunk.len()}),
            ("error", Arg::Error(error)) => json!({"e": "emit", "ev": event, "code": error.code}),
            ("end" | "close", _) => json!({"e": "emit", "ev": event}),
            _ => return,
        };
        world.log.push(told);
    }

    fn on_parser(&self, step: ParserStep<'_>) {
        let Some(world) = self.world.upgrade() else { return };
        let result = |mut event: Value, result| {
            shown::add_result(&mut event, result, false);
            event
        };
        let event = match step {
            ParserStep::HeadersComplete(complete) => shown::headers_complete("P", complete),
            ParserStep::Headers(list, url) => {
                json!({"e": "headers", "p": "P", "h": shown::headers(Some(list)), "url": show(url)})
            }
            ParserStep::Body(body) => json!({"e": "body", "p": "P", "d": show(body)}),
            ParserStep::MessageComplete => json!({"e": "complete", "p": "P"}),
            ParserStep::Execute(r) => result(json!({"e": "execute", "p": "P"}), Some(r)),
            ParserStep::Unconsume => json!({"e": "unconsume"}),
            ParserStep::Pause => json!({"e": "pause"}),
            ParserStep::Resume if world.options["log_resume"] == true => json!({"e": "resume"}),
            ParserStep::Resume => return,
            ParserStep::Free => json!({"e": "free"}),
            ParserStep::JsExecute(n) => json!({"e": "js_execute", "n": n}),
            ParserStep::JsExecuted(r) => result(json!({"e": "ret", "a": "execute"}), r),
            ParserStep::Finished(r) => result(json!({"e": "ret", "a": "finish"}), r),
        };
        world.log.push(event);
    }
}
