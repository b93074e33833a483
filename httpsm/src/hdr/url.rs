//! [`URL`]: the target of a request.
//!
//! Mirrors `url_parse`, `url_parse_scheme`, `url_parse_internet`,
//! `url_parse_http` and `url_print` of `proxy/hdrs/URL.cc` (9.2.9), with
//! `strict_uri_parsing` at its default, 2: no white space and nothing that cannot
//! be printed.

use std::fmt;

use super::rules::is_host_char;

/// A request's target in its parts. Absent parts are `None`.
///
/// ```
/// use httpsm::hdr::URL;
///
/// let url = URL::parse(b"http://origin.test:8080/page?q").unwrap();
/// assert_eq!(url.port_get(), 8080);
/// assert!(url.scheme_is("http"));
/// let mut text = Vec::new();
/// url.print(&mut text);
/// assert_eq!(text, b"http://origin.test:8080/page?q");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct URL {
    /// Without the `://`.
    pub scheme: Option<Vec<u8>>,
    /// With the password, if there is one and the name is not empty.
    pub user: Option<Vec<u8>>,
    /// With brackets, if it has them.
    pub host: Option<Vec<u8>>,
    /// Digits, or other text at their place. [`port_get_raw`](URL::port_get_raw)
    /// returns the number.
    pub port: Option<Vec<u8>>,
    /// Without the slashes in front of it, as the original's `path_get`.
    pub path: Vec<u8>,
    /// There is no path at all, and something else follows the host: no slash is
    /// written either. Mirrors `m_path_is_empty`.
    pub path_is_empty: bool,
    /// After the first `;` of the path; never empty.
    pub params: Option<Vec<u8>>,
    /// After the `?`; never empty: a `?` with nothing behind it is dropped.
    pub query: Option<Vec<u8>>,
    /// After the `#`; never empty.
    pub fragment: Option<Vec<u8>>,
}

/// The request target is not a valid URL.
/// [`URL::parse`] returns it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadUrl;

impl fmt::Display for BadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request target is not a valid URL")
    }
}

impl std::error::Error for BadUrl {}

impl URL {
    /// Takes a target apart.
    ///
    /// # Errors
    /// If the original's parser answers `PARSE_RESULT_ERROR`.
    pub fn parse(target: &[u8]) -> Result<URL, BadUrl> {
        // To the end, whatever is found: several at once.
        if !target.iter().fold(true, |all, c| all & c.is_ascii_graphic()) {
            return Err(BadUrl);
        }
        URL::parse_lenient(target)
    }

    /// As [`URL::parse`], with `strict_uri_parsing` 0, which plugins' calls have: any byte may be in
    /// the path and behind it, and blanks may stand before the URL. Mirrors `URL::parse`.
    ///
    /// # Errors
    /// As [`URL::parse`].
    pub fn parse_lenient(target: &[u8]) -> Result<URL, BadUrl> {
        let blanks = target.iter().take_while(|&&c| c == b' ').count();
        let target = &target[blanks..];
        if target.is_empty() {
            return Err(BadUrl);
        }
        let mut url = URL::default();
        let rest = url.parse_scheme(target)?;
        let rest = url.parse_internet(rest)?;
        url.parse_path(rest);
        Ok(url)
    }

    /// The number that is written as the port, in 16 bits; 0 without one. Text
    /// behind the digits is ignored. Mirrors `URLImpl::set_port`.
    #[must_use]
    pub fn port_get_raw(&self) -> u16 {
        let digits = self.port.iter().flatten().take_while(|c| c.is_ascii_digit());
        digits.fold(0, |n: u16, c| n.wrapping_mul(10).wrapping_add(u16::from(c - b'0')))
    }

    /// The host's port: the one that is written, or the scheme's. Mirrors
    /// `url_canonicalize_port`.
    #[must_use]
    pub fn port_get(&self) -> u16 {
        match self.port_get_raw() {
            0 if self.scheme_is("https") || self.scheme_is("wss") => 443,
            0 => 80,
            port => port,
        }
    }

    /// True if the scheme is this one.
    #[must_use]
    pub fn scheme_is(&self, scheme: &str) -> bool {
        self.scheme.as_deref().is_some_and(|have| have.eq_ignore_ascii_case(scheme.as_bytes()))
    }

    /// True if the scheme is one of those that have a token of their own. Mirrors
    /// `scheme_get_wksidx`, by the table in `HdrToken.cc`.
    #[must_use]
    pub fn scheme_is_well_known(&self) -> bool {
        const SCHEMES: [&str; 20] = [
            "file", "ftp", "gopher", "http", "https", "mailto", "news", "nntp", "prospero",
            "telnet", "tunnel", "wais", "pnm", "rtsp", "rtspu", "mms", "mmsu", "mmst", "ws", "wss",
        ];
        SCHEMES.iter().any(|scheme| self.scheme_is(scheme))
    }

    /// Writes the target. Mirrors `url_print`: a scheme makes it absolute, even
    /// without a host.
    pub fn print(&self, out: &mut Vec<u8>) {
        if let Some(scheme) = &self.scheme {
            out.extend_from_slice(scheme);
            out.extend_from_slice(b"://");
        }
        if let Some(user) = &self.user {
            out.extend_from_slice(user);
            out.push(b'@');
        }
        if let Some(host) = &self.host {
            // An address with colons gets brackets.
            let bracket = host[0] != b'[' && host.iter().take(5).any(|&c| c == b':');
            out.extend_from_slice(if bracket { b"[" } else { b"" });
            out.extend_from_slice(host);
            out.extend_from_slice(if bracket { b"]" } else { b"" });
            if let Some(port) = self.port.as_ref().filter(|_| self.port_get_raw() != 0) {
                out.push(b':');
                out.extend_from_slice(port);
            }
        }
        self.print_path(out);
    }

    /// Writes what follows the host.
    pub fn print_path(&self, out: &mut Vec<u8>) {
        if !self.path_is_empty {
            out.push(b'/');
        }
        out.extend_from_slice(&self.path);
        for (mark, part) in [(b';', &self.params), (b'?', &self.query), (b'#', &self.fragment)] {
            if let Some(part) = part {
                out.push(mark);
                out.extend_from_slice(part);
            }
        }
    }

    /// Removes scheme, host and port. Mirrors `remove_host_name_from_url`.
    pub fn remove_host_name(&mut self) {
        (self.scheme, self.user, self.host, self.port) = (None, None, None, None);
    }

    fn parse_scheme<'a>(&mut self, target: &'a [u8]) -> Result<&'a [u8], BadUrl> {
        if target[0] == b'/' {
            return Ok(target);
        }
        let Some(colon) = target.iter().position(|&c| c == b':') else { return Ok(target) };
        if !target[colon..].starts_with(b"://") {
            return Ok(target);
        }
        let scheme = &target[..colon];
        let valid = scheme.first().is_some_and(u8::is_ascii_alphabetic)
            && scheme.iter().all(|&c| c.is_ascii_alphanumeric() || b"+-.".contains(&c));
        if !valid {
            return Err(BadUrl);
        }
        self.scheme = Some(scheme.to_vec());
        Ok(&target[colon..])
    }

    fn parse_internet<'a>(&mut self, rest: &'a [u8]) -> Result<&'a [u8], BadUrl> {
        let rest = if rest.len() > 3 && rest.starts_with(b"://") {
            &rest[3..]
        } else if rest.starts_with(b":") {
            // Skips a colon, and two slashes behind it.
            let slashes = rest[1..].iter().take(2).take_while(|&&c| c == b'/').count();
            match &rest[1 + slashes..] {
                [] => return Err(BadUrl),
                rest => rest,
            }
        } else {
            rest
        };
        let end = rest.iter().position(|c| b"/?#".contains(c)).unwrap_or(rest.len());
        // A closing bracket is followed by a slash, a colon, or nothing.
        let after_bracket =
            rest[..end].ends_with(b"]") && rest.get(end).is_some_and(|&c| c != b'/');
        let (mut authority, after) = rest.split_at(end);
        while let Some(at) = authority.iter().position(|&c| c == b'@') {
            let user = &authority[..at];
            let colons = user.iter().filter(|&&c| c == b':').count();
            if self.user.is_some() || colons > 1 || user.contains(&b']') {
                return Err(BadUrl);
            }
            // Without a name the password is dropped, and another name may
            // follow.
            let has_name = user.first().is_some_and(|&c| c != b':');
            self.user = has_name.then(|| match user {
                // The same for an empty password.
                [name @ .., b':'] => name.to_vec(),
                user => user.to_vec(),
            });
            if user.contains(&b'[') {
                return Err(BadUrl);
            }
            authority = &authority[at + 1..];
        }
        let (host, port) = split_port(authority)?;
        if after_bracket || !host.iter().all(|&c| is_host_char(c)) {
            return Err(BadUrl);
        }
        self.host = (!host.is_empty()).then(|| host.to_vec());
        self.port = port.map(<[u8]>::to_vec);
        Ok(after)
    }

    fn parse_path(&mut self, rest: &[u8]) {
        self.path_is_empty = !rest.is_empty() && rest[0] != b'/';
        let (rest, fragment) = cut(rest, b'#');
        let (rest, query) = cut(rest, b'?');
        let (path, params) = cut(rest, b';');
        let slashes = path.iter().take_while(|&&c| c == b'/').count();
        self.path = path[slashes..].to_vec();
        let some = |part: Option<&[u8]>| part.filter(|part| !part.is_empty()).map(<[u8]>::to_vec);
        (self.params, self.query, self.fragment) = (some(params), some(query), some(fragment));
    }
}

/// The host and the port of an authority. A number in brackets is a host with all
/// its colons; without brackets, one colon begins a port and several belong to
/// the host, up to the original's limit of eight.
pub(crate) fn split_port(authority: &[u8]) -> Result<(&[u8], Option<&[u8]>), BadUrl> {
    const MAX_COLON: usize = 8;
    if authority.starts_with(b"[")
        && let Some(close) = authority.iter().position(|&c| c == b']')
    {
        let (host, after) = authority.split_at(close + 1);
        if host[1..].contains(&b'[') || host.iter().filter(|&&c| c == b':').count() >= MAX_COLON {
            return Err(BadUrl);
        }
        return match after {
            [] => Ok((host, None)),
            [b':', port @ ..] if !port.is_empty() && !port.contains(&b':') => {
                Ok((host, Some(port)))
            }
            _ => Err(BadUrl),
        };
    }
    // A bracket that is never closed is part of the host.
    if authority.contains(&b']') || authority.iter().skip(1).any(|&c| c == b'[') {
        return Err(BadUrl);
    }
    match authority.iter().filter(|&&c| c == b':').count() {
        n if n > MAX_COLON => Err(BadUrl),
        n if n == 1 || n == MAX_COLON => {
            let colon = authority.iter().rposition(|&c| c == b':').ok_or(BadUrl)?;
            let port = &authority[colon + 1..];
            if port.is_empty() { Err(BadUrl) } else { Ok((&authority[..colon], Some(port))) }
        }
        _ => Ok((authority, None)),
    }
}

/// The text before the first `mark`, and the text behind it.
fn cut(text: &[u8], mark: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|&c| c == mark) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(target: &str) -> Result<String, BadUrl> {
        let mut out = Vec::new();
        URL::parse(target.as_bytes())?.print(&mut out);
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn targets_come_apart_and_together() {
        for target in [
            "/",
            "/a/b;c?d#e",
            "/?q",
            "http://h/",
            "http://u:p@h:80/x",
            "http://[::1]:8080/a?b",
            "https://h/a;b=c",
            "/a:b@c",
        ] {
            assert_eq!(printed(target).as_deref(), Ok(target));
        }
        // Several slashes before the path count as one, and a host alone gets a
        // path.
        assert_eq!(printed("//ok//x?a").as_deref(), Ok("/ok//x?a"));
        assert_eq!(printed("http://h").as_deref(), Ok("http://h/"));
        assert_eq!(printed("http://h?a").as_deref(), Ok("http://h?a"));
        assert_eq!(URL::parse(b"ok").unwrap().host.as_deref(), Some(&b"ok"[..]));
    }

    #[test]
    fn what_the_original_refuses_is_refused() {
        for target in [
            "",
            "*",
            "/a b",
            "/\u{1}",
            "/\u{e9}",
            "1http://h/",
            "http://h:/",
            "http://[::1]x/",
            "http://u@v@h/",
            "http://a:b:c@h/",
            "http://h\"/",
            "://",
        ] {
            assert_eq!(printed(target), Err(BadUrl), "{target:?}");
        }
    }

    #[test]
    fn ports() {
        let port = |target: &str| URL::parse(target.as_bytes()).unwrap().port_get();
        assert_eq!(port("http://h/"), 80);
        assert_eq!(port("https://h/"), 443);
        assert_eq!(port("http://h:8080/"), 8080);
        assert_eq!(port("http://h:0/"), 80);
    }
}
