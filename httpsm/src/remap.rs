//! [`UrlRewrite`]: which origin server a request is for.
//!
//! Mirrors `map` lines of `remap.config` and `UrlRewrite::Remap` of
//! `proxy/http/remap/UrlRewrite.cc` (9.2.9): the host and port of a request
//! choose the rules, the longest matching path chooses among them. A rule may have plugins
//! ([`RemapPlugin`]), which are called after its rewriting. **Not modelled**: regular
//! expressions, filters, redirects.

mod plugins;

use std::sync::Arc;

pub use plugins::{RemapPlugin, RemapStatus};

use crate::hdr::{RequestHdr, URL};

/// A rule: a request whose URL begins with `from` goes to `to`.
///
/// ```
/// use httpsm::Mapping;
///
/// let rule: Mapping = "http://site.test/=http://127.0.0.1:8080/".parse().unwrap();
/// assert!("site.test".parse::<Mapping>().is_err());
/// # let _ = rule;
/// ```
#[derive(Clone)]
pub struct Mapping {
    from: URL,
    to: URL,
    plugins: Vec<Arc<dyn RemapPlugin>>,
}

impl Mapping {
    /// What a request's URL begins with.
    #[must_use]
    pub fn from(&self) -> &URL {
        &self.from
    }

    /// What stands there afterwards.
    #[must_use]
    pub fn to(&self) -> &URL {
        &self.to
    }
}

impl std::fmt::Debug for Mapping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut fields = f.debug_struct("Mapping");
        fields.field("from", &self.from).field("to", &self.to);
        fields.field("plugins", &self.plugins.len()).finish()
    }
}

/// A text that is not a rule. Parsing a [`Mapping`] returns it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BadMapping {
    /// It has another form; the text.
    Form(String),
    /// The port cannot use this scheme, for a request or for a server.
    Scheme(String),
    /// The port is not a number from 1 to 65535.
    Port(String),
}

impl std::fmt::Display for BadMapping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BadMapping::Form(text) => {
                let form = "expected FROM=TO with two URLs, or one path and one URL";
                write!(f, "{form}, found {text:?}")
            }
            BadMapping::Scheme(found) => {
                write!(f, "expected http, because there is no TLS here, found the scheme {found:?}")
            }
            BadMapping::Port(found) => {
                write!(f, "expected a port from 1 to 65535, found {found:?}")
            }
        }
    }
}

impl std::error::Error for BadMapping {}

impl std::str::FromStr for Mapping {
    type Err = BadMapping;

    /// Reads `FROM=TO`. `FROM` may be a path, for every host.
    fn from_str(text: &str) -> Result<Mapping, BadMapping> {
        let bad = || BadMapping::Form(text.to_owned());
        let (from, to) = text.split_once('=').ok_or_else(bad)?;
        let url = |text: &str| URL::parse(text.as_bytes()).map_err(|_| bad());
        let (from, to) = (url(from)?, url(to)?);
        if to.host.is_none() || to.scheme.is_none() {
            return Err(bad());
        }
        for url in [&from, &to] {
            check_scheme_and_port(url)?;
        }
        Ok(Mapping { from, to, plugins: Vec::new() })
    }
}

/// The parser of the original takes any scheme, and any text as a port.
fn check_scheme_and_port(url: &URL) -> Result<(), BadMapping> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if let Some(scheme) = url.scheme.as_deref().filter(|_| !url.scheme_is("http")) {
        return Err(BadMapping::Scheme(text(scheme)));
    }
    let Some(port) = &url.port else { return Ok(()) };
    let digits = port.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(port).ok().and_then(|text| text.parse::<u16>().ok());
    match number {
        Some(1..) if digits => Ok(()),
        _ => Err(BadMapping::Port(text(port))),
    }
}

/// The rules.
///
/// ```
/// use httpsm::UrlRewrite;
/// use httpsm::hdr::RequestHdr;
///
/// let rules = UrlRewrite::new(vec!["http://site.test/=http://127.0.0.1:8080/".parse().unwrap()]);
/// let mut request = RequestHdr::new("GET", "http://site.test/page").unwrap();
/// assert!(rules.remap(&mut request, false));
/// assert_eq!(request.port_get(), 8080);
/// ```
#[derive(Clone, Default, Debug)]
pub struct UrlRewrite {
    mappings: Vec<Mapping>,
}

impl UrlRewrite {
    /// These rules; of two rules that match equally well the first wins.
    #[must_use]
    pub fn new(mappings: Vec<Mapping>) -> UrlRewrite {
        UrlRewrite { mappings }
    }

    /// Rewrites the target, and the Host field unless the configuration keeps
    /// it; false if no rule matches. Plugins of the rule are not called. Mirrors `Remap` and
    /// `doRemap`.
    pub fn remap(&self, hdr: &mut RequestHdr, pristine_host_hdr: bool) -> bool {
        let found = self.apply(hdr).is_some();
        if found && !pristine_host_hdr {
            rewrite_host_field(hdr);
        }
        found
    }

    /// Rewrites the target alone, and returns the rule: its plugins come before the Host field is
    /// rewritten.
    pub(crate) fn apply(&self, hdr: &mut RequestHdr) -> Option<&Mapping> {
        let host = hdr.host_get().unwrap_or(b"");
        let (port, path) = (hdr.port_get(), &hdr.url.path);
        let scheme = hdr.url.scheme.as_deref().unwrap_or(b"http");
        let matches = |mapping: &&Mapping| {
            let from = &mapping.from;
            let host_matches = from.host.as_ref().is_none_or(|wanted| {
                wanted.eq_ignore_ascii_case(host)
                    && from.port_get() == port
                    && from.scheme.as_ref().is_none_or(|s| s.eq_ignore_ascii_case(scheme))
            });
            host_matches && path.starts_with(&from.path)
        };
        // Rules with a host come first, then rules with a longer path.
        let weight = |mapping: &&Mapping| (mapping.from.host.is_some(), mapping.from.path.len());
        let mapping = self.mappings.iter().rev().filter(matches).max_by_key(weight)?;
        let (from, to) = (&mapping.from, &mapping.to);
        if hdr.method != b"CONNECT" {
            // A CONNECT request has only host and port.
            hdr.url.path.splice(..from.path.len(), to.path.iter().copied());
            hdr.url.scheme.clone_from(&to.scheme);
        }
        hdr.url.host.clone_from(&to.host);
        hdr.url.port.clone_from(&to.port);
        Some(mapping)
    }
}

/// A Host field that is there gets the host and the port of the target. Mirrors `finish_remap` of
/// `proxy/http/remap/RemapProcessor.cc`.
pub(crate) fn rewrite_host_field(hdr: &mut RequestHdr) {
    if !hdr.fields.presence("Host") {
        return;
    }
    let mut value = hdr.url.host.clone().unwrap_or_default();
    if let Some(port) = hdr.url.port.as_deref().filter(|_| hdr.url.port_get_raw() != 0) {
        value.push(b':');
        value.extend_from_slice(port);
    }
    hdr.fields.value_set("Host", &value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remapped(rules: &[&str], target: &str, host: &str) -> Option<String> {
        let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        let mut hdr = RequestHdr::new("GET", target).unwrap();
        hdr.fields.append("Host", host.as_bytes());
        UrlRewrite::new(rules).remap(&mut hdr, false).then(|| {
            let mut out = Vec::new();
            hdr.url.print(&mut out);
            let host = String::from_utf8_lossy(hdr.fields.value_get("Host").unwrap()).into_owned();
            format!("{} {host}", String::from_utf8(out).unwrap())
        })
    }

    #[test]
    fn the_most_special_rule_counts() {
        let rules = [
            "http://a/=http://o:81/x/",
            "http://a/img/=http://p/",
            "/=http://rest/",
            "http://b:8080/=http://q/",
        ];
        let to = |target, host| remapped(&rules, target, host).unwrap();
        assert_eq!(to("/y?q", "a"), "http://o:81/x/y?q o:81");
        assert_eq!(to("/img/1", "A"), "http://p/1 p");
        assert_eq!(to("/img/1", "other"), "http://rest/img/1 rest");
        assert_eq!(to("/", "b:8080"), "http://q/ q");
        assert_eq!(to("/", "b"), "http://rest/ rest");
        assert_eq!(to("http://a/z", "other"), "http://o:81/x/z o:81");
        assert_eq!(remapped(&rules[..2], "/", "b"), None);
    }

    #[test]
    fn rules_that_are_none_say_so() {
        for rule in ["", "a", "/=", "/=/x", "/=h", "/ =http://h/"] {
            let form = BadMapping::Form(rule.to_owned());
            assert_eq!(rule.parse::<Mapping>().err(), Some(form), "{rule:?}");
        }
        for (scheme, rule) in
            [("https", "/=https://h/"), ("ftp", "/=ftp://h/"), ("gopher", "gopher://a/=http://h/")]
        {
            let found = Some(BadMapping::Scheme(scheme.to_owned()));
            assert_eq!(rule.parse::<Mapping>().err(), found, "{rule:?}");
        }
        for port in ["0", "65536", "99999999999", "80x", "+80"] {
            let rule = format!("/=http://h:{port}/");
            let found = Some(BadMapping::Port(port.to_owned()));
            assert_eq!(rule.parse::<Mapping>().err(), found, "{rule:?}");
        }
        assert!("/=http://h:65535/".parse::<Mapping>().is_ok());
    }
}
