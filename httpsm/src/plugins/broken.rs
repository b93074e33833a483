//! `broken`: an origin server whose answer breaks off, in the way that the path names.
//!
//! | path | answer |
//! |---|---|
//! | `/broken/close` | nothing: the connection is closed |
//! | `/broken/head` | half a head |
//! | `/broken/nonsense` | bytes that are not a head |
//! | `/broken/body` | a head that promises 100 bytes, and 10 of them |
//! | `/broken/chunk` | a chunk, and then bytes that are not a chunk |
//! | `/broken/silent` | nothing, and the connection stays |
//! | `/broken/panic` | nothing: the plugin panics, on its event thread |

use eventsys::{ContRef, Guard};

use super::intercept::{Answered, Link, answer_head};
use crate::api::HttpTxn;

/// Answers this transaction.
pub(super) fn intercept(txn: &HttpTxn) {
    answer_head(txn, answer);
}

fn answer(guard: &Guard<'_>, this: &ContRef, link: &Link) -> Answered {
    let path = link.request.borrow().url.path.clone();
    let answer: &[u8] = match path.strip_prefix(b"broken/").unwrap_or(b"") {
        b"head" => b"HTTP/1.1 200 OK\r\nContent-Le",
        b"nonsense" => b"this is no head\r\n\r\n",
        b"body" => b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789",
        b"chunk" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
        b"panic" => panic!("/broken/panic has been asked for"),
        b"silent" => {
            // The plugin still waits for the end of the request's connection.
            link.input.reenable(guard);
            return Answered::Open;
        }
        _ => return Answered::Close,
    };
    let nbytes = link.output.buffer.write(guard, answer);
    link.output.write(guard, &link.vc, this, nbytes);
    Answered::Open
}
