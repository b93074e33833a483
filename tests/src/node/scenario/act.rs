//! The actions of the core layer.

use std::rc::Rc;

use serde_json::{Value, json};
use streamlisten::{
    Chunk, Exception, HTTPParser, ShutdownWrap, StreamResource, WriteWrap, from_object, js_method,
};

use super::bytes::{bytes, show};
use super::core::{Kind, Request, Stream, World, initialize};
use super::{Fault, shown};

impl World {
    fn stream(&self, action: &Value) -> Result<Rc<Stream>, Exception> {
        let name = action["s"].as_str().unwrap_or("S");
        let found = self.streams.borrow().get(name).cloned();
        found.ok_or_else(|| Exception::new(format!("no stream {name}")))
    }

    fn parser(&self, action: &Value) -> Result<Rc<HTTPParser>, Exception> {
        let name = action["p"].as_str().unwrap_or("A");
        let found = self.parsers.borrow().get(name).cloned();
        found.ok_or_else(|| Exception::new(format!("no parser {name}")))
    }

    /// Carries one action out.
    pub(super) fn act(self: &Rc<Self>, action: &Value) -> Result<(), Exception> {
        let kind = action["a"].as_str().unwrap_or_default();
        match kind {
            _ if self.is_lost(kind) => {}
            "consume" => self.parser(action)?.consume(self.stream(action)?.base()),
            "unconsume" => self.parser(action)?.unconsume(),
            "close_parser" => self.parser(action)?.close(),
            "init" => initialize(&*self.parser(action)?, action),
            "pause" => self.parser(action)?.pause(),
            "resume" => self.parser(action)?.resume(),
            "execute" | "finish" => self.parse(kind, action)?,
            "current_buffer" => {
                let buffer = self.parser(action)?.get_current_buffer();
                let p = action["p"].as_str().unwrap_or("A");
                self.ret(json!({"a": kind, "p": p, "d": show(&buffer)}));
            }
            "headers_completed" => {
                let v = self.parser(action)?.headers_completed();
                self.ret(json!({"a": kind, "v": v}));
            }
            "mark" => self.log.push(json!({"e": "mark", "m": action["m"]})),
            "throw" => {
                let message = action["m"].as_str().unwrap_or_default();
                return Err(Exception::new(message));
            }
            _ => return self.act_on_stream(kind, action),
        }
        Ok(())
    }

    fn ret(&self, mut event: Value) {
        event["e"] = json!("ret");
        self.log.push(event);
    }

    /// Tells what a method has returned; JavaScript's `undefined` leaves its field out.
    fn returned(&self, mut event: Value, field: &str, value: Option<i32>) {
        if let Some(value) = value {
            event[field] = json!(value);
        }
        self.ret(event);
    }

    /// An exception that comes out of a call is told, and goes no further.
    fn guard(&self, at: &str, result: Result<(), Exception>) {
        if let Err(exception) = result {
            self.log.push(json!({"e": "exception", "at": at, "msg": exception.message}));
        }
    }

    fn parse(&self, kind: &str, action: &Value) -> Result<(), Exception> {
        let parser = self.parser(action)?;
        let result = match kind {
            "execute" => parser.execute(&self.fed.input(&action["d"])),
            _ => parser.finish(),
        };
        if let Some(exception) = self.env.take_exception() {
            self.guard(kind, Err(exception));
            return Ok(());
        }
        let mut event = json!({"a": kind, "p": action["p"].as_str().unwrap_or("A")});
        shown::add_result(&mut event, result.as_ref(), self.mask);
        self.ret(event);
        Ok(())
    }

    fn act_on_stream(self: &Rc<Self>, kind: &str, action: &Value) -> Result<(), Exception> {
        let stream = self.stream(action)?;
        match kind {
            "read" | "eof" => {
                let Kind::Js(js) = &stream.kind else {
                    return Err(Exception::new("only a JS stream is fed by hand"));
                };
                let read = match kind {
                    "read" => js.read_buffer(&bytes(&action["d"])),
                    _ => js.emit_eof(),
                };
                self.guard(kind, read);
            }
            "userbuf" => {
                js_method(stream.base(), |s| s.use_user_buffer(vec![0; size(action)]));
            }
            "userbuf_next" => stream.next_buffer.set(Some(size(action))),
            "readstart" => {
                let v = js_method(stream.base(), |s| s.read_start());
                self.returned(json!({"a": kind}), "v", v);
            }
            "readstop" => {
                let v = js_method(stream.base(), |s| s.read_stop());
                self.returned(json!({"a": kind}), "v", v);
            }
            "write" => self.write(&stream, action),
            "shutdown" => {
                let request = ShutdownWrap::new(self.oncomplete(action));
                let kept = Request::Shutdown(Rc::clone(&request));
                self.keep(action, kept);
                let err = js_method(stream.base(), |s| s.shutdown(&request));
                self.returned(json!({"a": kind, "req": action["req"]}), "err", err);
            }
            "finish_write" | "finish_shutdown" => self.finish_request(action),
            "stat" => {
                let (read, written) = from_object(stream.base())
                    .map_or((0, 0), |stream| (stream.bytes_read(), stream.bytes_written()));
                let name = &stream.name;
                let event =
                    json!({"e": "stat", "s": name, "bytesRead": read, "bytesWritten": written});
                self.log.push(event);
            }
            _ => return self.act_on_connection(kind, action, &stream),
        }
        Ok(())
    }

    fn act_on_connection(
        self: &Rc<Self>,
        kind: &str,
        action: &Value,
        stream: &Stream,
    ) -> Result<(), Exception> {
        let Kind::Tcp(wrap, client) = &stream.kind else {
            return Err(Exception::new(format!("no action {kind} on a JS stream")));
        };
        match kind {
            "send" => {
                client.send(&bytes(&action["d"]));
                if action["nowait"] != true && self.turn() {
                    let gone = from_object(stream.base()).is_none();
                    if !gone && wrap.bytes_read() < client.sent() {
                        self.log.push(json!({"e": "TIMEOUT"}));
                    }
                }
            }
            "feed" => {
                client.feed(&bytes(&action["d"]));
                self.turn();
            }
            "settle" => {
                self.turn();
            }
            "send_end" => {
                client.end();
                self.turn();
            }
            "send_reset" => {
                match &self.stage {
                    _ if self.fault == Some(Fault::ResetAsEnd) => client.end(),
                    Some(stage) => stage.reset(wrap, client),
                    None => {}
                }
                self.turn();
            }
            "await_req" => {
                self.turn();
            }
            "close_stream" => {
                let (world, closed) = (Rc::downgrade(self), stream.name.clone());
                wrap.close(move || {
                    let Some(world) = world.upgrade() else { return };
                    world.log.push(json!({"e": "closed", "s": closed}));
                    if let Err(exception) = world.fire(&closed, "closed") {
                        world.env.throw(exception);
                    }
                });
                self.turn();
            }
            _ => return Err(Exception::new(format!("no action {kind}"))),
        }
        Ok(())
    }

    fn oncomplete(self: &Rc<Self>, action: &Value) -> impl FnOnce(i32) + 'static {
        let (world, name) =
            (Rc::clone(self), action["req"].as_str().unwrap_or_default().to_string());
        move |status| {
            world.log.push(json!({"e": "oncomplete", "req": name, "status": status}));
            if let Err(exception) = world.fire(&name, "oncomplete") {
                world.env.throw(exception);
            }
        }
    }

    fn keep(&self, action: &Value, request: Request) {
        let name = action["req"].as_str().unwrap_or_default().to_string();
        self.requests.borrow_mut().insert(name, request);
    }

    fn write(self: &Rc<Self>, stream: &Stream, action: &Value) {
        let request = WriteWrap::new(self.oncomplete(action));
        self.keep(action, Request::Write(Rc::clone(&request)));
        let base = stream.base();
        let err = match action["kind"].as_str() {
            Some("latin1") => js_method(base, |s| s.write_string(&request, &bytes(&action["d"]))),
            Some("writev") => {
                let parts = action["d"].as_array().into_iter().flatten();
                let bufs = parts.map(|part| Chunk::new(bytes(part))).collect();
                js_method(base, |s| s.writev(&request, bufs))
            }
            _ => js_method(base, |s| s.write_buffer(&request, Chunk::new(bytes(&action["d"])))),
        };
        let (bytes, is_async) = (self.env.last_bytes_written(), self.env.last_write_was_async());
        let event = json!({"a": "write", "req": action["req"], "bytes": bytes, "async": is_async});
        self.returned(event, "err", err);
    }

    fn finish_request(&self, action: &Value) {
        let status = action["status"].as_i64().map_or(0, |n| n as i32);
        let name = action["req"].as_str().unwrap_or_default();
        let (mut write, mut shutdown) = (None, None);
        match self.requests.borrow().get(name) {
            Some(Request::Write(request)) => write = Some(Rc::clone(request)),
            Some(Request::Shutdown(request)) => shutdown = Some(Rc::clone(request)),
            None => {}
        }
        if let Some(request) = write {
            request.done(status);
        }
        if let Some(request) = shutdown {
            request.done(status);
        }
    }
}

fn size(action: &Value) -> usize {
    action["size"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
}
