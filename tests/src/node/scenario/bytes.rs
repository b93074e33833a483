//! Bytes in scenarios and in events.

use serde_json::{Value, json};

/// Bytes of a scenario: a string of Latin-1, `{"rep": "x", "n": 5}`, or a list of
/// these.
pub(super) fn bytes(value: &Value) -> Vec<u8> {
    match value {
        // A body of a megabyte is plain ASCII: its bytes are there as they are.
        Value::String(text) if text.is_ascii() => text.clone().into_bytes(),
        Value::String(text) => text.chars().map(|c| c as u8).collect(),
        Value::Array(parts) => parts.iter().map(bytes).collect::<Vec<_>>().concat(),
        Value::Object(_) => {
            let unit = bytes(&value["rep"]);
            unit.repeat(usize::try_from(value["n"].as_u64().unwrap_or(0)).unwrap_or(0))
        }
        _ => Vec::new(),
    }
}

/// Bytes of an event: a string of Latin-1, or, above 160 bytes, their number and
/// their hash (FNV-1a, 64 bit).
pub(super) fn show(bytes: &[u8]) -> Value {
    if bytes.len() <= 160 {
        return Value::String(latin1(bytes));
    }
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    json!({"len": bytes.len(), "fnv": format!("{hash:016x}")})
}

/// Bytes as a string of Latin-1.
pub(super) fn latin1(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => text.to_owned(),
        _ => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}
