//! Bytes as a line of text from which nothing is lost.

/// From how many equal bytes on they are counted.
const RUN: usize = 32;

/// The text of `bytes`: a byte that cannot be printed is escaped, and a byte that comes many times
/// is counted (`\{x*10485760}`).
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::new();
    for run in bytes.chunk_by(|a, b| a == b) {
        let one = escape_byte(run[0]);
        if run.len() < RUN {
            text += &one.repeat(run.len());
            continue;
        }
        // A brace would end the run.
        let one = if run[0] == b'}' { "\\x7d" } else { &one };
        text += &format!("\\{{{one}*{}}}", run.len());
    }
    text
}

fn escape_byte(byte: u8) -> String {
    match byte {
        b'\r' => "\\r".to_owned(),
        b'\n' => "\\n".to_owned(),
        b'\\' => "\\\\".to_owned(),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    }
}
