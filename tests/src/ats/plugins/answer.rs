//! [`PluginAnswer`]: what a client gets, and when it has got all of it.

use httpsm::hdr::{HttpParser, ParseResult, ResponseHdr};

use super::masks;

/// The bytes of an answer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PluginAnswer {
    /// All that has come.
    pub bytes: Vec<u8>,
}

/// The parts of an answer whose head has come.
struct Parts<'a> {
    head: ResponseHdr,
    body: &'a [u8],
}

impl Parts<'_> {
    fn is_chunked(&self) -> bool {
        let mut codings = self.head.fields.csv("Transfer-Encoding");
        codings.any(|one| one.eq_ignore_ascii_case(b"chunked"))
    }
}

impl PluginAnswer {
    fn parts(&self) -> Option<Parts<'_>> {
        let (mut head, mut rest) = (ResponseHdr::default(), &self.bytes[..]);
        let parsed = HttpParser::new().parse_resp(&mut head, &mut rest, false);
        (parsed == ParseResult::Done && head.status != 0).then_some(Parts { head, body: rest })
    }

    /// Whether nothing more can come, if this is the answer to a request with this method.
    #[must_use]
    pub fn is_complete(&self, method: &str) -> bool {
        let Some(parts) = self.parts() else { return false };
        if httpsm::hdr::is_response_body_precluded(parts.head.status, method.as_bytes()) {
            return true;
        }
        if parts.is_chunked() {
            return parts.body.ends_with(b"0\r\n\r\n");
        }
        let length = parts.head.fields.value_get_int64("Content-Length");
        length
            .is_some_and(|length| i64::try_from(parts.body.len()).is_ok_and(|have| have >= length))
    }

    /// How many bytes of a body its head announces, if this is the answer to a request with this
    /// method. `None` without a Content-Length, and where another rule says how long the body is.
    #[must_use]
    pub fn announced(&self, method: &str) -> Option<i64> {
        let parts = self.parts()?;
        let has_none =
            httpsm::hdr::is_response_body_precluded(parts.head.status, method.as_bytes());
        let length = parts.head.fields.value_get_int64("Content-Length");
        length.filter(|_| !has_none && !parts.is_chunked())
    }

    /// Its status; 0 without a whole head.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.parts().map_or(0, |parts| parts.head.status)
    }

    /// The length of its body.
    #[must_use]
    pub fn body_length(&self) -> usize {
        self.parts().map_or(0, |parts| parts.body.len())
    }

    /// The head with its dates and the seconds of its age masked, and the length and a digest of
    /// the body: what two hosts must have in common.
    #[must_use]
    pub fn comparable(&self) -> Vec<String> {
        let Some(Parts { head, body }) = self.parts() else {
            return vec![format!("{} bytes that are no answer", self.bytes.len())];
        };
        let mut text = Vec::new();
        head.print(&mut text);
        let text = String::from_utf8_lossy(&text);
        let lines = text.lines().filter(|line| !line.is_empty());
        let mut lines: Vec<String> =
            lines.map(|line| masks::apply(&masks::OF_ANSWERS, line)).collect();
        let masked = std::str::from_utf8(body).map(|text| masks::apply(&masks::OF_BODIES, text));
        let masked = masked.as_ref().map_or(body, |text| text.as_bytes());
        let sum = masked.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
            (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        lines.push(format!("body: {} bytes, {sum:016x}", body.len()));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> PluginAnswer {
        PluginAnswer { bytes: text.as_bytes().to_vec() }
    }

    #[test]
    fn the_end_of_an_answer_is_known() {
        assert!(!answer("HTTP/1.1 200 OK\r\n").is_complete("GET"));
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
        assert!(!answer(head).is_complete("GET"));
        assert!(answer(head).is_complete("HEAD"));
        assert!(answer(&format!("{head}ab")).is_complete("GET"));
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(!answer(&format!("{head}2\r\nab\r\n")).is_complete("GET"));
        assert!(answer(&format!("{head}2\r\nab\r\n0\r\n\r\n")).is_complete("GET"));
        assert!(!answer("HTTP/1.1 200 OK\r\n\r\nab").is_complete("GET"), "the connection's end");
    }

    #[test]
    fn a_head_announces_a_body_or_none() {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
        assert_eq!(answer(head).announced("GET"), Some(2));
        assert_eq!(answer(head).announced("HEAD"), None);
        assert_eq!(answer("HTTP/1.1 200 OK\r\n\r\nab").announced("GET"), None);
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(answer(head).announced("GET"), None);
    }

    #[test]
    fn dates_do_not_count_and_bodies_do() {
        let with = |date: &str, body: &str| {
            answer(&format!("HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 2\r\n\r\n{body}"))
                .comparable()
        };
        assert_eq!(with("a", "xy"), with("b", "xy"));
        assert_ne!(
            answer("HTTP/1.1 200 OK\r\n\r\n").comparable(),
            answer("HTTP/1.1 200 OK\r\nDate: a\r\n\r\n").comparable()
        );
        assert_eq!(with("a\r\nAge: 0", "xy"), with("a\r\nAge: 1", "xy"));
        assert_ne!(with("a\r\nAge: 0", "xy"), with("a", "xy"), "that there is an age counts");
        assert_ne!(with("a", "xy"), with("a", "xz"));
    }
}
