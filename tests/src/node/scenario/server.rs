//! The server layer: an HTTP server, on one connection or on several.

mod act;
mod answer;
mod listeners;
mod plain;
mod told;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serde_json::{Value, json};
use streamlisten::js::{HttpServer, IncomingMessage, Readable, ServerResponse, Socket};
use streamlisten::{Environment, LibuvStreamWrap, StreamResource};

use super::bytes::{bytes, latin1, show};
use super::client::Client;
use super::hold::Log;
use super::hooks::Hooks;
use super::stage::Stage;
use super::{Fault, Stop, shown};

/// Everything that a scenario names.
struct World {
    log: Log,
    env: Rc<Environment>,
    options: Value,
    hooks: Hooks,
    connections: RefCell<Vec<Rc<Connection>>>,
    /// What the user of the server has been given, in its order.
    requests: RefCell<Vec<(Rc<IncomingMessage>, Rc<ServerResponse>)>>,
    server: RefCell<Option<Rc<HttpServer>>>,
    answered: Cell<bool>,
    /// What is broken on purpose.
    fault: Option<Fault>,
}

/// One connection, and its client.
struct Connection {
    n: usize,
    wrap: Rc<LibuvStreamWrap>,
    client: Client,
    socket: RefCell<Option<Rc<Socket>>>,
    /// The socket has emitted `close`.
    closed: Cell<bool>,
}

/// Runs a scenario of the server layer.
pub(super) fn run(
    scenario: &Value,
    stage: &Stage,
    fault: Option<Fault>,
    log: &Log,
) -> Result<(), Stop> {
    let env = Environment::new();
    let world = Rc::new(World {
        log: log.until_thrown(&env),
        env: Rc::clone(&env),
        options: scenario["server"].clone(),
        hooks: Hooks::new(scenario),
        connections: RefCell::default(),
        requests: RefCell::default(),
        server: RefCell::default(),
        answered: Cell::new(false),
        fault,
    });
    let _tear_down = TearDown(&world);
    let server = Rc::new(listeners::make_server(&world));
    world.server.replace(Some(Rc::clone(&server)));
    if server.options().connections_checking_interval != 0 {
        server.track_connections();
    }
    for _ in 0..world.options["connections"].as_u64().unwrap_or(1) {
        world.connect(stage, &server)?;
    }
    for action in scenario["actions"].as_array().into_iter().flatten() {
        world.step(action, stage)?;
    }
    world.settle(stage);
    for connection in &*world.connections.borrow() {
        world.tell_client(connection);
    }
    Ok(())
}

/// Takes the world down on every path: listeners hold it, and it holds them.
struct TearDown<'a>(&'a World);

impl Drop for TearDown<'_> {
    fn drop(&mut self) {
        for connection in self.0.connections.take() {
            if let Some(socket) = connection.socket.take() {
                if let Some(parser) = socket.parser() {
                    parser.reset();
                }
                socket.clear();
            }
        }
        for (request, response) in self.0.requests.take() {
            request.emitter().clear();
            response.clear();
        }
        self.0.server.take();
    }
}

impl World {
    fn connect(self: &Rc<Self>, stage: &Stage, server: &Rc<HttpServer>) -> Result<(), Stop> {
        let (wrap, client) = stage.pair(&self.env)?;
        if self.options["client_paused"] == true {
            client.pause();
        }
        if self.options["client_half_open"] == false {
            client.answer_end();
        }
        let n = self.connections.borrow().len();
        let connection = Rc::new(Connection {
            n,
            wrap: Rc::clone(&wrap),
            client,
            socket: RefCell::default(),
            closed: Cell::new(false),
        });
        self.connections.borrow_mut().push(Rc::clone(&connection));
        let net = &self.options["net"];
        self.env.make_callback(|| match net.is_null() {
            true => drop(server.accept(wrap)),
            false => self.adopt(&connection, &plain::make_socket(self, &connection, net)),
        });
        self.settle(stage);
        self.uncaught()
    }

    /// The connection that an action is about, the first if it says nothing.
    fn connection(&self, action: &Value) -> Option<Rc<Connection>> {
        let n = action["c"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        self.connections.borrow().get(n).cloned()
    }

    /// The connection of a socket.
    fn connection_of(&self, socket: &Rc<Socket>) -> Option<Rc<Connection>> {
        let connections = self.connections.borrow();
        let has = |connection: &&Rc<Connection>| {
            connection.socket.borrow().as_ref().is_some_and(|other| Rc::ptr_eq(other, socket))
        };
        connections.iter().find(has).cloned()
    }

    /// Tells an event of a connection: of the second and those after it, with the
    /// connection's number.
    fn tell_of(&self, connection: &Connection, mut event: Value) {
        if connection.n > 0 {
            event["c"] = json!(connection.n);
        }
        self.log.push(event);
    }

    /// Carries out the actions inside a callback.
    fn fire(self: &Rc<Self>, on: &str) {
        for action in self.hooks.actions("server", on) {
            let lost = self.fault == Some(Fault::LostCloseInHook) && action["a"] == "destroy";
            if !lost {
                self.act(&action);
            }
        }
    }

    fn step(self: &Rc<Self>, action: &Value, stage: &Stage) -> Result<(), Stop> {
        let Some(connection) = self.connection(action) else {
            return Err(Stop::Nonsense("no such connection".into()));
        };
        let Connection { wrap, client, .. } = &*connection;
        let nowait = action["nowait"] == true;
        match action["a"].as_str().unwrap_or_default() {
            "send" => {
                client.send(&bytes(&action["d"]));
                if !nowait {
                    self.settle(stage);
                    let gone = connection.closed.get() || wrap.is_closed();
                    if !gone && wrap.bytes_read() < client.sent() {
                        self.log.push(json!({"e": "TIMEOUT"}));
                    }
                }
            }
            "feed" => client.feed(&bytes(&action["d"])),
            "end" if self.fault == Some(Fault::LostEnd) => {}
            "end" => client.end(),
            "reset" => {
                stage.reset(wrap, client);
            }
            "client_pause" => client.pause(),
            "client_resume" => client.resume(),
            "sleep" => stage.sleep(action["ms"].as_u64().unwrap_or(0)),
            "settle" => {}
            _ => self.env.make_callback(|| self.act(action)),
        }
        if !nowait {
            self.settle(stage);
        }
        self.uncaught()
    }

    /// Nothing catches an exception that the event loop has left.
    fn uncaught(&self) -> Result<(), Stop> {
        match self.env.take_exception() {
            Some(exception) => Err(Stop::Uncaught(exception.message)),
            None => Ok(()),
        }
    }

    fn settle(&self, stage: &Stage) {
        let connections = self.connections.borrow().clone();
        // What one does can let another go on.
        for _ in 0..connections.len() {
            for connection in &connections {
                if !stage.settle(&connection.wrap, &connection.client) {
                    self.log.push(json!({"e": "TIMEOUT"}));
                }
            }
        }
    }

    /// What the client has seen: the statuses, and whether the server has ended.
    fn tell_client(&self, connection: &Connection) {
        let (received, ended) = connection.client.received();
        let mut text = latin1(&received);
        if self.fault == Some(Fault::LostContinue) {
            text = text.replace("HTTP/1.1 100 Continue\r\n\r\n", "");
        }
        let status: Vec<u64> = text
            .match_indices("HTTP/1.1 ")
            .filter_map(|(at, found)| {
                let digits = text[at + found.len()..].chars().take_while(char::is_ascii_digit);
                digits.collect::<String>().parse().ok()
            })
            .collect();
        let mut event = json!({"e": "client", "status": status, "ended": ended});
        if self.options["tell_bytes"] == true {
            event["bytes"] = show(&bytes(&Value::String(text)));
        }
        self.tell_of(connection, event);
    }

    fn shown_request(&self, request: &IncomingMessage) -> Value {
        let url = Value::String(latin1(&request.url));
        let mut event = json!({"e": "request", "method": request.method, "url": url});
        if self.options["tell_headers"] == true {
            let names = request.header_names();
            let headers: Vec<Value> =
                names.iter().map(|name| shown_header(request, name)).collect();
            event["raw"] = json!(2 * request.raw_headers.len());
            event["headers"] = match headers.len() {
                n if n > 24 => json!({"count": n}),
                _ => Value::Array(headers),
            };
        }
        event
    }
}

/// How a header shows: its name and its value, of `Set-Cookie` the list of them.
fn shown_header(request: &IncomingMessage, name: &[u8]) -> Value {
    let text = latin1(name);
    let value = match &*text {
        "set-cookie" => request.header_list(&text).iter().map(|value| show(value)).collect(),
        _ => request.header(&text).map_or(Value::Null, |value| show(&value)),
    };
    json!([show(name), value])
}

/// How a request shows that was handed to the user with the rest of the connection.
fn shown_upgrade(name: &str, request: &IncomingMessage, socket: &Socket, head: &[u8]) -> Value {
    let parser = if socket.parser().is_some() { json!("set") } else { Value::Null };
    let (method, url) = (request.method, show(&request.url));
    json!({"e": name, "method": method, "url": url, "head": show(head), "parser": parser})
}

/// How an error of a client shows.
fn shown_error(error: &streamlisten::js::JsError) -> Value {
    let mut event = json!({"e": "clientError", "code": error.code});
    if let Some(n) = error.bytes_parsed {
        event["n"] = shown::place(n);
    }
    if let Some(raw) = error.raw_packet {
        event["raw"] = json!(raw);
    }
    event
}
