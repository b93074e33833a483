//! [`Heads`]: counts the heads of messages in a stream of bytes.

use memchr::memmem;

/// What a head's first line has, and a body of a scenario has not.
pub(super) const MARK: &[u8] = b"HTTP/1.";
pub(super) const END: &[u8] = b"\r\n\r\n";

/// Counts the heads that have come completely.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// What has come and is not part of a counted head.
    rest: Vec<u8>,
    count: u32,
}

impl Heads {
    /// More has come; the numbers of the heads that are complete with it.
    pub(super) fn take(&mut self, bytes: &[u8]) -> std::ops::RangeInclusive<u32> {
        let before = self.count;
        self.rest.extend_from_slice(bytes);
        loop {
            let Some(mark) = memmem::find(&self.rest, MARK) else {
                let keep = self.rest.len().min(MARK.len() - 1);
                self.rest.drain(..self.rest.len() - keep);
                break;
            };
            self.rest.drain(..mark);
            let Some(end) = memmem::find(&self.rest, END) else { break };
            self.rest.drain(..end + END.len());
            self.count += 1;
        }
        before + 1..=self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_counted_however_they_are_cut() {
        let bytes =
            b"HTTP/1.1 200 A\r\nContent-Length: 3\r\n\r\nxxxHTTP/1.1 404 B\r\n\r\nHTTP/1.1 ";
        for cut in 0..bytes.len() {
            let mut heads = Heads::default();
            let mut numbers: Vec<u32> = heads.take(&bytes[..cut]).collect();
            numbers.extend(heads.take(&bytes[cut..]));
            assert_eq!(numbers, [1, 2], "{cut}");
        }
    }
}
