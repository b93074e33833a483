//! [`Messages`]: the heads in the bytes that a participant has got, and what stands behind them.

use memchr::memmem;

use super::heads::{END, MARK};

/// The messages in a stream of bytes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Messages {
    /// In order.
    pub(super) all: Vec<Message>,
    /// How many bytes stand in no complete head.
    pub(super) body: usize,
}

/// A message: its head, and how many bytes follow before the next head.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Message {
    /// The first line of its head.
    pub(super) line: String,
    /// The value of Content-Length.
    pub(super) length: Option<usize>,
    /// How many bytes follow.
    pub(super) behind: usize,
    /// Where its head ends.
    pub(super) end: usize,
}

impl Message {
    /// The status, if it is an answer.
    pub(super) fn status(&self) -> Option<u16> {
        let status = self.line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?;
        status.parse().ok()
    }

    /// Method and path, if it is a request.
    pub(super) fn request(&self) -> Option<&str> {
        if self.status().is_some() {
            return None;
        }
        Some(self.line.split(" HTTP/1.").next().unwrap_or(&self.line))
    }
}

impl Messages {
    /// Those in `bytes`. A body of a scenario has only bytes `x`, and no head begins with one.
    pub(super) fn of(bytes: &[u8]) -> Messages {
        let (mut messages, mut rest, mut end) = (Messages::default(), bytes, 0);
        while let Some((begin, len)) = next_head(rest) {
            messages.count(begin);
            let text = String::from_utf8_lossy(&rest[begin..begin + len]).into_owned();
            let mut lines = text.lines();
            let line = lines.next().unwrap_or_default().to_owned();
            let length = lines.find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let is_length = name.eq_ignore_ascii_case("content-length");
                is_length.then(|| value.trim().parse().ok()).flatten()
            });
            end += begin + len;
            messages.all.push(Message { line, length, behind: 0, end });
            rest = &rest[begin + len..];
        }
        messages.count(rest.len());
        messages
    }

    /// So many bytes are in no head.
    fn count(&mut self, bytes: usize) {
        self.body += bytes;
        if let Some(last) = self.all.last_mut() {
            last.behind += bytes;
        }
    }
}

/// Where the next complete head begins, and how long it is.
fn next_head(bytes: &[u8]) -> Option<(usize, usize)> {
    let mark = memmem::find(bytes, MARK)?;
    let end = mark + memmem::find(&bytes[mark..], END)? + END.len();
    // The version stands at the end of a request's first line.
    let is_answer = bytes.get(mark + MARK.len() + 1) == Some(&b' ');
    if is_answer {
        return Some((mark, end - mark));
    }
    let line = bytes[..mark].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let body = bytes[line..mark].iter().take_while(|&&byte| byte == b'x').count();
    Some((line + body, end - line - body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_belong_to_the_head_before_them() {
        let bytes = b"HTTP/1.1 200 A\r\nContent-Length: 5\r\n\r\nxxxxxHTTP/1.0 404 B\r\n\r\nxx";
        let messages = Messages::of(bytes);
        let told = |it: &Message| (it.status(), it.length, it.behind);
        let told: Vec<_> = messages.all.iter().map(told).collect();
        assert_eq!(told, [(Some(200), Some(5), 5), (Some(404), None, 2)]);
        assert_eq!((messages.body, messages.all[1].end), (7, bytes.len() - 2));
    }

    #[test]
    fn a_request_behind_a_body_is_one() {
        let bytes = b"POST /a HTTP/1.1\r\ncontent-length: 3\r\n\r\nxxxGET /b HTTP/1.1\r\n\r\nGET ";
        let messages = Messages::of(bytes);
        let told: Vec<_> = messages.all.iter().map(|it| (it.request(), it.behind)).collect();
        assert_eq!(told, [(Some("POST /a"), 3), (Some("GET /b"), 4)]);
        assert_eq!(messages.all[0].length, Some(3));
    }
}
