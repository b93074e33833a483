//! The server of a scenario, with the listeners that it asks for.

use std::rc::Rc;

use serde_json::{Value, json};
use streamlisten::js::{
    HttpServer, IncomingMessage, Readable, ServerOptions, ServerResponse, Socket,
};
use streamlisten::llhttp::Lenient;
use streamlisten::{Chunk, Exception};

use super::answer::Answer;
use super::told::{Told, watch};
use super::{Connection, World};
use super::{shown_error, shown_upgrade};

fn options(options: &Value) -> ServerOptions {
    let ms = |key: &str| options[key].as_u64().unwrap_or(0);
    let number = |key: &str| u32::try_from(ms(key)).unwrap_or(u32::MAX);
    ServerOptions {
        max_header_size: options["maxHeaderSize"].as_u64().unwrap_or(0),
        lenient: match options["insecure"] == true {
            true => Lenient::from_bits(u32::MAX),
            false => Lenient::NONE,
        },
        consume: options["consume"] != false,
        headers_timeout: ms("headersTimeout"),
        request_timeout: ms("requestTimeout"),
        connections_checking_interval: ms("connectionsCheckingInterval"),
        keep_alive_timeout: ms("keepAliveTimeout"),
        timeout: ms("timeout"),
        max_requests_per_socket: number("maxRequestsPerSocket"),
        max_headers_count: options["maxHeadersCount"].as_u64().map(|n| n as u32),
        join_duplicate_headers: options["joinDuplicateHeaders"] == true,
        require_host_header: options["requireHostHeader"] != false,
        http_allow_half_open: options["httpAllowHalfOpen"] == true,
    }
}

pub(super) fn make_server(world: &Rc<World>) -> HttpServer {
    let (w, w2) = (Rc::downgrade(world), Rc::downgrade(world));
    let mut server = HttpServer::new(
        &world.env,
        options(&world.options),
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
    if world.options["upgrade"] == true {
        server.set_on_upgrade(taken(world, "upgrade"));
    }
    if world.options["connect"] == true {
        server.set_on_connect(taken(world, "connect"));
    }
    if let Some(kind) = world.options["checkContinue"].as_str().map(str::to_string) {
        let w = Rc::downgrade(world);
        server.set_on_check_continue(move |request, response| {
            let Some(world) = w.upgrade() else { return };
            world.log.push(json!({"e": "checkContinue"}));
            if kind == "refuse" {
                match response.write_head(417, &[]) {
                    Ok(()) => response.end(None),
                    Err(error) => world.env.throw(Exception::new(error.code)),
                }
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
        let w = Rc::downgrade(world);
        server.set_on_client_error(move |error, socket| {
            let Some(world) = w.upgrade() else { return };
            if let Some(connection) = world.connection_of(socket) {
                world.tell_of(&connection, shown_error(error));
            }
            world.fire("clientError");
            match &*kind {
                "destroy" => socket.destroy(None),
                "answer" => {
                    let answer = b"HTTP/1.1 400 Bad Request\r\nX: y\r\n\r\n";
                    socket.end_with(Chunk::new(answer.to_vec()));
                }
                _ => {}
            }
        });
    }
    if world.options["on_timeout"] == true {
        let w = Rc::downgrade(world);
        server.set_on_timeout(move |socket| {
            if let Some(world) = w.upgrade() {
                world.plain_event("timeout", socket);
            }
        });
    }
    if world.options["dropRequest"] == true {
        let w = Rc::downgrade(world);
        server.set_on_drop_request(move |_, socket| {
            if let Some(world) = w.upgrade() {
                world.plain_event("dropRequest", socket);
            }
        });
    }
    server
}

/// A listener for `upgrade` or `connect`.
fn taken(
    world: &Rc<World>,
    name: &'static str,
) -> impl Fn(&Rc<IncomingMessage>, &Rc<Socket>, Chunk) + 'static {
    let w = Rc::downgrade(world);
    move |request, socket, head| {
        let Some(world) = w.upgrade() else { return };
        if let Some(connection) = world.connection_of(socket) {
            world.tell_of(&connection, shown_upgrade(name, request, socket, &head));
        }
        world.run_list("on_upgrade");
        world.fire(name);
    }
}

impl World {
    fn on_connection(self: &Rc<Self>, socket: &Rc<Socket>) {
        if self.connection_of(socket).is_some() {
            return; // Emitted again.
        }
        let connection = self.connections.borrow().last().cloned();
        let Some(connection) = connection else { return };
        self.adopt(&connection, socket);
        let (parser, handle, _) = socket.flags();
        let event = json!({
            "e": "connection", "isStreamBase": self.options["consume"] != false,
            "parser_consumed": parser, "handle_consumed": handle,
        });
        self.tell_of(&connection, event);
        self.run_list("on_connection");
        self.fire("connection");
    }

    /// The socket of a connection is there.
    pub(super) fn adopt(self: &Rc<Self>, connection: &Rc<Connection>, socket: &Rc<Socket>) {
        connection.socket.replace(Some(Rc::clone(socket)));
        socket.observe(Rc::new(Told::new(self, connection)));
    }

    fn on_request(self: &Rc<Self>, request: &Rc<IncomingMessage>, response: &Rc<ServerResponse>) {
        let n = self.requests.borrow().len();
        self.requests.borrow_mut().push((Rc::clone(request), Rc::clone(response)));
        if self.options["watch"] == true {
            watch(self, request, response, n);
        }
        self.log.push(self.shown_request(request));
        self.run_list("on_request");
        self.fire("request");
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

    /// An event of the server about a connection.
    fn plain_event(self: &Rc<Self>, name: &str, socket: &Rc<Socket>) {
        if let Some(connection) = self.connection_of(socket) {
            self.tell_of(&connection, json!({"e": name}));
        }
        self.fire(name);
    }

    fn run_list(self: &Rc<Self>, list: &str) {
        for action in self.options[list].as_array().into_iter().flatten() {
            self.act(action);
        }
    }
}
