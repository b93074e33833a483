//! The actions of the server layer: what a user does with a socket, with a request
//! and its answer, and with the server.

use std::rc::Rc;

use serde_json::{Value, json};
use streamlisten::Chunk;
use streamlisten::js::{Arg, IncomingMessage, JsError, Listener, Readable, ServerResponse, Socket};

use super::{Connection, World};
use crate::node::scenario::bytes::{bytes, latin1, show};

type Messages = (usize, Rc<IncomingMessage>, Rc<ServerResponse>);

impl World {
    /// Carries one action out.
    pub(super) fn act(self: &Rc<Self>, action: &Value) {
        let kind = action["a"].as_str().unwrap_or_default();
        let done = match kind {
            "mark" => {
                self.log.push(json!({"e": "mark", "m": action["m"]}));
                Ok(())
            }
            "close_idle" | "close_all" => {
                self.act_on_server(kind);
                Ok(())
            }
            _ if kind.starts_with("re") && kind.as_bytes().get(3) == Some(&b'_') => {
                match self.messages(action) {
                    Some(messages) => self.act_on_messages(kind, action, &messages),
                    None => Ok(()), // What does not exist yet cannot act.
                }
            }
            _ => {
                let connection = self.connection(action);
                let socket = connection.as_ref().and_then(|c| c.socket.borrow().clone());
                match (connection, socket) {
                    (Some(connection), Some(socket)) => {
                        self.act_on_socket(kind, action, &connection, &socket)
                    }
                    _ => Ok(()),
                }
            }
        };
        if let Err(error) = done {
            self.log.push(json!({"e": "exception", "at": kind, "code": error.code}));
        }
    }

    fn all(self: &Rc<Self>, actions: &Value) {
        for action in actions.as_array().into_iter().flatten() {
            self.act(action);
        }
    }

    /// The request that an action is about, the last if it says nothing, with its
    /// number and its answer.
    fn messages(&self, action: &Value) -> Option<Messages> {
        let requests = self.requests.borrow();
        let n = action["r"].as_u64().and_then(|n| usize::try_from(n).ok());
        let n = n.or(requests.len().checked_sub(1))?;
        let (request, response) = requests.get(n)?;
        Some((n, Rc::clone(request), Rc::clone(response)))
    }

    fn act_on_server(&self, kind: &str) {
        let server = self.server.borrow().clone();
        let Some(server) = server else { return };
        match kind {
            "close_idle" => server.close_idle_connections(),
            _ => server.close_all_connections(),
        }
    }

    fn act_on_messages(
        &self,
        kind: &str,
        action: &Value,
        (n, request, response): &Messages,
    ) -> Result<(), JsError> {
        let ms = action["ms"].as_u64().unwrap_or(0);
        let data = action.get("d").map(|d| (bytes(d), action["as"] == "text"));
        match kind {
            "res_head" => {
                let status = action["status"].as_u64().and_then(|n| u16::try_from(n).ok());
                let list = action["h"].as_array().cloned().unwrap_or_default();
                let list: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
                let headers: Vec<(&str, &str)> =
                    list.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
                response.write_head(status.unwrap_or(200), &headers)?;
            }
            "res_write" => {
                let (data, text) = data.unwrap_or_default();
                let more = match text {
                    true => response.write_text(&latin1(&data)),
                    false => response.write(&data),
                };
                self.log.push(json!({"e": "res_write", "r": n, "more": more}));
            }
            "res_end" => match &data {
                Some((data, true)) => response.end_text(&latin1(data)),
                Some((data, false)) => response.end(Some(data)),
                None => response.end(None),
            },
            "res_continue" => response.write_continue(),
            "res_destroy" => response.destroy(None),
            "res_timeout" => response.set_timeout(ms),
            "req_resume" => request.resume(),
            "req_pause" => request.pause(),
            "req_destroy" => request.destroy(None),
            "req_timeout" => request.set_timeout(ms),
            _ => {}
        }
        Ok(())
    }

    fn act_on_socket(
        self: &Rc<Self>,
        kind: &str,
        action: &Value,
        connection: &Rc<Connection>,
        socket: &Rc<Socket>,
    ) -> Result<(), JsError> {
        match kind {
            "on" => self.listen(action, connection, socket),
            "once" => drop(socket.once(event_name(action), self.on_data(action, connection))),
            "read_readable" => {
                let (world, to, this) = self.teller(connection, socket);
                let read = move || this.upgrade().and_then(|socket| socket.read(None));
                let listener: Listener = Rc::new(move |_| {
                    while let Some(chunk) = read() {
                        let event = json!({"e": "readable_read", "d": show(&chunk)});
                        tell(&world, &to, event);
                    }
                });
                socket.on("readable", listener);
            }
            "pipe" => {
                let (world, to, _) = self.teller(connection, socket);
                socket.pipe(move |chunk| {
                    tell(&world, &to, json!({"e": "pipe_write", "d": show(chunk)}));
                });
            }
            "pause" => socket.pause(),
            "resume" => socket.resume(),
            "setEncoding" => socket.set_encoding()?,
            "destroy" => socket.destroy(None),
            "sock_end" => match action.get("d") {
                Some(data) => socket.end_with(Chunk::new(bytes(data))),
                None => socket.end(),
            },
            "sock_write" => {
                let more = socket.write(Chunk::new(bytes(&action["d"])));
                self.tell_of(connection, json!({"e": "sock_write", "more": more}));
            }
            "timeout" => socket.set_timeout(action["ms"].as_u64().unwrap_or(0)),
            "emit_connection" => {
                let server = self.server.borrow().clone();
                if let Some(server) = server {
                    server.emit_connection(socket);
                }
            }
            "flags" => {
                let (parser, handle, reading) = socket.flags();
                let event =
                    json!({"e": "flags", "parser": parser, "handle": handle, "reading": reading});
                self.tell_of(connection, event);
            }
            "stat" => {
                self.tell_of(connection, json!({"e": "stat", "bytesRead": socket.bytes_read()}));
            }
            _ => {}
        }
        Ok(())
    }

    /// Adds a listener to the socket, or, with `of`, to a request or its answer.
    fn listen(self: &Rc<Self>, action: &Value, connection: &Rc<Connection>, socket: &Rc<Socket>) {
        let Some(event) = action["ev"].as_str().map(str::to_string) else { return };
        let (world, to) = (Rc::downgrade(self), Rc::downgrade(connection));
        let (of, then) = (action["of"].as_str().map(str::to_string), action["do"].clone());
        let Some(of) = of else {
            let listener: Listener = match &*event {
                "data" => self.on_data(action, connection),
                _ => Rc::new(move |_| {
                    tell(&world, &to, json!({"e": format!("user_{event}")}));
                    if let Some(world) = world.upgrade() {
                        world.all(&then);
                    }
                }),
            };
            socket.on(event_name(action), listener);
            return;
        };
        let Some((n, request, response)) = self.messages(action) else { return };
        let name = format!("{of}_{event}");
        let listener: Listener = Rc::new(move |arg| {
            let Some(world) = world.upgrade() else { return };
            let mut told = json!({"e": name, "r": n});
            if let Arg::Error(error) = arg {
                told["code"] = json!(error.code);
            }
            world.log.push(told);
            world.all(&then);
        });
        match &*of {
            "req" => request.on(event_name(action), listener),
            _ => response.on(event_name(action), listener),
        };
    }

    fn teller(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        socket: &Rc<Socket>,
    ) -> (std::rc::Weak<World>, std::rc::Weak<Connection>, std::rc::Weak<Socket>) {
        (Rc::downgrade(self), Rc::downgrade(connection), Rc::downgrade(socket))
    }

    fn on_data(self: &Rc<Self>, action: &Value, connection: &Rc<Connection>) -> Listener {
        let tag = action["tag"].as_str().unwrap_or("user").to_string();
        let (world, to) = (Rc::downgrade(self), Rc::downgrade(connection));
        Rc::new(move |arg| {
            if let Arg::Data(chunk) = arg {
                tell(&world, &to, json!({"e": "socket_data", "by": tag, "d": show(chunk)}));
            }
        })
    }
}

fn tell(world: &std::rc::Weak<World>, to: &std::rc::Weak<Connection>, event: Value) {
    if let (Some(world), Some(connection)) = (world.upgrade(), to.upgrade()) {
        world.tell_of(&connection, event);
    }
}

/// The names of events are constants of the program.
fn event_name(action: &Value) -> &'static str {
    const NAMES: &[&str] = &[
        "data", "readable", "end", "close", "error", "drain", "pause", "resume", "finish",
        "timeout", "aborted",
    ];
    let name = action["ev"].as_str().unwrap_or_default();
    NAMES.iter().find(|known| **known == name).copied().unwrap_or("other")
}
