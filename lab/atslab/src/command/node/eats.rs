//! `atslab node eats`: which listener gets a connection's bytes.

use std::io::Write;
use std::process::ExitCode;

use conformance::node;
use serde_json::{Value, json};

use crate::command::node::{Consume, EatsArgs};
use crate::error::Error;
use crate::ui::output::{Output, QUIET, TITLE};

/// Runs one request through a server and tells the port's own steps.
pub(super) fn eats(args: &EatsArgs, out: &mut Output) -> Result<ExitCode, Error> {
    let title = match args.consume {
        Consume::On => "the parser consumes the connection",
        Consume::Off => "not consumed: the socket's data event feeds the parser",
        Consume::Taken => "consumed until the user listens for data",
    };
    writeln!(out, "{TITLE}{title}{TITLE:#}\n")?;
    for event in node::run(&story(args.consume)) {
        let text = sentence(&event);
        if !text.is_empty() {
            writeln!(out, "{:<34}{QUIET}{text}{QUIET:#}", short(&event))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The scenario behind the story.
fn story(consume: Consume) -> Value {
    let mut actions = vec![
        json!({"a": "flags"}),
        json!({"a": "send", "d": "GET /one HTTP/1.1\r\nHost: a\r\n\r\n"}),
    ];
    if consume == Consume::Taken {
        actions.push(json!({"a": "on", "ev": "data", "tag": "user"}));
        actions.push(json!({"a": "flags"}));
    }
    actions.push(json!({"a": "send", "d": "GET /two HTTP/1.1\r\nHost: a\r\n\r\n"}));
    actions.push(json!({"a": "stat"}));
    json!({
        "layer": "server",
        "server": {"consume": consume != Consume::Off},
        "actions": actions,
    })
}

fn short(event: &Value) -> String {
    let text = |key: &str| event[key].as_str().unwrap_or_default();
    match text("e") {
        "emit" => format!("socket.emit('{}')", text("ev")),
        "execute" => "parser[kOnExecute]".into(),
        "js_execute" => "parser.execute(data)".into(),
        "headers_complete" => "parser[kOnHeadersComplete]".into(),
        "complete" => "parser[kOnMessageComplete]".into(),
        "unconsume" => "parser.unconsume()".into(),
        "socket_data" => "the user's data listener".into(),
        "request" => "server.emit('request')".into(),
        "connection" => "server.emit('connection')".into(),
        other => other.into(),
    }
}

fn sentence(event: &Value) -> String {
    let n = &event["n"];
    let yes = |key: &str| if event[key] == true { "yes" } else { "no" };
    match event["e"].as_str().unwrap_or_default() {
        "connection" => format!("the parser is the newest listener: {}", yes("parser_consumed")),
        "flags" => format!(
            "parser consumes: {}; handle was ever consumed: {}; reading: {}",
            yes("parser"),
            yes("handle"),
            yes("reading")
        ),
        "emit" if event["ev"] == "data" => format!("{n} bytes went to the socket"),
        "js_execute" => format!("the socket's own listener hands {n} bytes to the parser"),
        "headers_complete" => format!("{} {}", text(&event["method"]), text(&event["url"])),
        "request" => "a request for the user".into(),
        "complete" => "the message is over".into(),
        "execute" => format!("the parser took {n} bytes off the stream; the socket saw none"),
        "unconsume" => "the parser leaves the chain; the default listener is the newest".into(),
        "socket_data" => "sees the bytes, after the parser".into(),
        "stat" => format!("{} bytes came over the connection in all", event["bytesRead"]),
        _ => String::new(),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
