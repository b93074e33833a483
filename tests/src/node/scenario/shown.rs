//! How parsers' arguments and results look in events.

use serde_json::{Map, Value, json};
use streamlisten::llhttp::METHOD_NAMES;
use streamlisten::{ExecuteResult, HeaderList, HeadersComplete, Place};

use super::bytes::{latin1, show};

/// Adds what `execute` or `finish` returned to an event.
pub(super) fn add_result(event: &mut Value, result: Option<&ExecuteResult>, mask: bool) {
    match result {
        None => event["n"] = Value::Null,
        Some(ExecuteResult::Bytes(n)) => event["n"] = place(*n),
        Some(ExecuteResult::Error(error)) => {
            event["err"] = json!(error.code);
            event["reason"] = json!(error.reason);
            event["n"] = if mask { json!("*") } else { place(error.bytes_parsed) };
        }
    }
}

/// A place: a number, if it is in the input's memory; else where it is instead.
pub(super) fn place(place: Place) -> Value {
    match place {
        Place::At(n) => json!(n),
        Place::Elsewhere(offset) => json!({"elsewhere": offset}),
        Place::Nowhere => json!("nowhere"),
    }
}

/// A list of headers: names and values in turn; above twelve pairs, their number
/// with the first and the last.
pub(super) fn headers(list: Option<&HeaderList>) -> Value {
    let Some(list) = list else {
        return Value::Null;
    };
    let flat: Vec<Value> =
        list.iter().flat_map(|(name, value)| [show(name), show(value)]).collect();
    if flat.len() > 24 {
        let (first, last) = (&flat[..2], &flat[flat.len() - 2..]);
        return json!({"count": flat.len() / 2, "first": first, "last": last});
    }
    Value::Array(flat)
}

/// The event for `kOnHeadersComplete`.
pub(super) fn headers_complete(parser: &str, complete: &HeadersComplete) -> Value {
    let (major, minor) = complete.version;
    let mut event = Map::new();
    event.insert("e".into(), json!("headers_complete"));
    event.insert("p".into(), json!(parser));
    event.insert("v".into(), json!(format!("{major}.{minor}")));
    event.insert("h".into(), headers(complete.headers.as_ref()));
    event.insert("upgrade".into(), json!(complete.upgrade));
    event.insert("ka".into(), json!(complete.should_keep_alive));
    if let Some(method) = complete.method {
        event.insert("method".into(), json!(METHOD_NAMES[usize::from(method)]));
        event.insert("url".into(), complete.url.as_deref().map_or(Value::Null, show));
    } else {
        event.insert("status".into(), json!(complete.status_code));
        let reason = complete.status_message.as_deref().unwrap_or_default();
        event.insert("reason".into(), json!(latin1(reason)));
    }
    Value::Object(event)
}
