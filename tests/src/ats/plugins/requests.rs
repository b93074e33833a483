//! [`PluginRequest`]: one request of a file.
//!
//! ```text
//! # A comment.
//! GET /nocache/10/x
//! Generator-Delay: 120
//!
//! POST /nocache/7/x
//! = a body; Content-Length is set
//! ```
//! An empty line separates requests. Each is sent on a connection of its own, as HTTP/1.1, with the
//! fields `Host`, `User-Agent` and `Accept` unless the file gives others.

/// A request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PluginRequest {
    /// The method.
    pub method: String,
    /// The target.
    pub target: String,
    /// The fields that the file gives.
    fields: Vec<(String, String)>,
    /// The body, if the request has one.
    body: Option<String>,
}

/// The fields that each request has.
const USUAL: [(&str, &str); 3] =
    [("Host", "127.0.0.1"), ("User-Agent", "atslab"), ("Accept", "*/*")];

impl PluginRequest {
    /// The requests of a file.
    ///
    /// # Errors
    /// A sentence with the number of the line.
    ///
    /// ```
    /// use conformance::ats::plugins::PluginRequest;
    ///
    /// let file = "GET /a\nX: 1\n\n# next\nPOST /b\n= abc\n";
    /// let requests = PluginRequest::parse(file).unwrap();
    /// let text = String::from_utf8(requests[1].bytes()).unwrap();
    /// assert!(text.starts_with("POST /b HTTP/1.1\r\nHost: 127.0.0.1\r\n"));
    /// assert!(text.ends_with("\r\nContent-Length: 3\r\n\r\nabc"));
    /// let error = PluginRequest::parse("GET\n").unwrap_err();
    /// assert_eq!(error, "line 1: expected METHOD TARGET, found \"GET\"");
    /// ```
    pub fn parse(file: &str) -> Result<Vec<PluginRequest>, String> {
        let mut all: Vec<PluginRequest> = Vec::new();
        let mut inside = false;
        for (n, line) in file.lines().enumerate() {
            let line = line.trim_end();
            if line.starts_with('#') {
                continue;
            }
            if line.is_empty() {
                inside = false;
                continue;
            }
            let fault = |what: &str| format!("line {}: expected {what}, found {line:?}", n + 1);
            let Some(request) = all.last_mut().filter(|_| inside) else {
                all.push(PluginRequest::of_line(line).ok_or_else(|| fault("METHOD TARGET"))?);
                inside = true;
                continue;
            };
            if let Some(body) = line.strip_prefix('=') {
                request.body.get_or_insert_default().push_str(body.trim_start());
            } else {
                let (name, value) =
                    line.split_once(':').ok_or_else(|| fault("NAME: VALUE or = BODY"))?;
                request.fields.push((name.to_owned(), value.trim().to_owned()));
            }
        }
        match all.is_empty() {
            true => Err("expected a request, found none".to_owned()),
            false => Ok(all),
        }
    }

    fn of_line(line: &str) -> Option<PluginRequest> {
        let mut words = line.split_ascii_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        words.next().is_none().then_some(PluginRequest {
            method,
            target,
            fields: Vec::new(),
            body: None,
        })
    }

    /// What is sent.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let given = |name: &str| self.fields.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        for (name, value) in USUAL.iter().filter(|(name, _)| !given(name)) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = self.body.as_ref().filter(|_| !given("Content-Length")) {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        text.push_str(self.body.as_deref().unwrap_or_default());
        text.into_bytes()
    }
}
