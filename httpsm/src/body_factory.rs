//! The pages of error answers.
//!
//! Mirrors the default set of templates that `HttpBodyFactory` (9.2.9) reads. All
//! are the same page with a title and a description, except one that differs a
//! little; clients see every byte of them, so they are the original's.

/// The page for a kind of error; an unknown kind gets the page of `default`.
/// Mirrors `fabricate_with_old_api`, without substitutions; the pages of redirects
/// have one, which stays as it is here.
#[must_use]
pub fn fabricate(kind: &str) -> String {
    let (title, description) = text(kind);
    let bold = match kind {
        // This page's frame differs by an empty line and a blank.
        "transcoding#unsupported" => "\n\n<B> Description: ",
        _ => "<B>\nDescription: ",
    };
    format!(
        "<HTML>\n<HEAD>\n<TITLE>{title}</TITLE>\n</HEAD>\n\n\
         <BODY BGCOLOR=\"white\" FGCOLOR=\"black\">\n<H1>{title}</H1>\n<HR>\n\n\
         <FONT FACE=\"Helvetica,Arial\">{bold}{description}\n</B></FONT>\n<HR>\n</BODY>\n"
    )
}

/// As [`fabricate`]; `location` stands where a page names the new place. Mirrors
/// `build_instantiated_buffer` with its one variable, `{Location}epsh`.
pub(crate) fn fabricate_for(kind: &str, location: &[u8]) -> Vec<u8> {
    let page = fabricate(kind);
    match page.split_once(LOCATION) {
        Some((before, behind)) => [before.as_bytes(), location, behind.as_bytes()].concat(),
        None => page.into_bytes(),
    }
}

/// What the pages of redirects have at the place of the new location.
const LOCATION: &str = "%<{Location}epsh>";

fn text(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "access#denied" => {
            ("Access Denied", "You are not allowed to access the document you requested.")
        }
        "access#proxy_auth_required" => {
            ("Proxy Authentication Required", "Please login with username and password.")
        }
        "access#ssl_forbidden" => (
            "SSL Port Forbidden",
            "You have made a request for a secure SSL connection to a\n\
             forbidden port number.",
        ),
        "cache#not_in_cache" => (
            "Not In Cache",
            "Your request mandated that the document come from cache, but\n\
             the document is not present in cache.  As requested, the transaction\n\
             is being terminated.",
        ),
        "cache#read_error" => ("Temporary Error", "Temporary error.  Please try again later."),
        "connect#dns_failed" => (
            "Unknown Host",
            "Unable to locate the server requested ---\n\
             the server does not have a DNS entry.  Perhaps there is a misspelling\n\
             in the server name, or the server no longer exists.  Double-check the\n\
             name and try again.",
        ),
        "connect#failed_connect" => {
            ("Could Not Connect", "Could not connect to the requested server host.")
        }
        "connect#hangup" => (
            "Server Connection Closed",
            "The server requested closed the connection before\n\
             the transaction was completed.",
        ),
        "interception#no_host" => (
            "Host Header Required",
            "An attempt was made to transparently proxy your request,\n\
             but this attempt failed because your browser did not send an HTTP \"Host\"\n\
             header.  To access this web site correctly, you will need to upgrade to\n\
             a browser that supports the HTTP \"Host\" header field.",
        ),
        "redirect#moved_permanently" => (
            "Document Has Moved",
            "The document you requested has moved to a new location.  \
             The new location is \"%<{Location}epsh>\".",
        ),
        "redirect#moved_temporarily" => (
            "Document Has Moved",
            "The document you requested has moved to a new location.  \
             The new location is \"%<{Location}epsh>\".",
        ),
        "request#cycle_detected" => (
            "Cycle Prohibited",
            "Could not process your request for the document\n\
             because it would cause an HTTP proxy cycle.  Please check the URL and your\n\
             browser's proxy settings.",
        ),
        "request#invalid_content_length" => (
            "Invalid Content Length",
            "Could not process this request because\n\
             the specified Content-Length was invalid (less than 0).",
        ),
        "request#no_content_length" => (
            "No Content Length",
            "Could not process this request because\n\
             there was no Content-Length specified.",
        ),
        "request#no_host" => (
            "Host Header Required",
            "Your browser did not send a \"Host\" HTTP header field\n\
             and therefore the virtual host being requested could not be determined.\n\
             To access this web site correctly, you will need to upgrade to a browser\n\
             that supports the HTTP \"Host\" header field.",
        ),
        "request#scheme_unsupported" => (
            "Unsupported Protocol",
            "Can't perform your request for the document because\n\
             the protocol scheme is unknown.",
        ),
        "request#syntax_error" => ("Bad Request", "Could not process this request."),
        "request#uri_len_too_long" => (
            "URI Too Long",
            "Could not process this request because\n\
             the request uri was longer than proxy.config.http.request_line_max_size",
        ),
        "response#bad_response" => {
            ("Web Server Error", "The host requested did not return the document correctly.")
        }
        "response#bad_version" => (
            "HTTP Version Not Supported",
            "The web server requested is using an unsupported\n\
             version of the HTTP protocol.",
        ),
        "timeout#activity" => {
            ("Activity Timeout", "Too much time has passed transmitting document.")
        }
        "timeout#inactivity" => (
            "Inactivity Timeout",
            "Too much time has passed without sending any data for document.",
        ),
        "transcoding#unsupported" => (
            "Transcoding Not Available",
            "Unable to provide the document in the\n\
             format requested by your browser.",
        ),
        "urlrouting#no_mapping" => (
            "Not Found on Accelerator",
            "Your request on the specified host was not found.\n\
             Check the location and try again.",
        ),
        _ => ("Error", "Could not process this request."),
    }
}

#[cfg(test)]
mod tests {
    use super::fabricate;

    /// The lengths that a real server has been seen to announce.
    #[test]
    fn pages_have_the_length_of_the_originals() {
        for (kind, len) in [
            ("default", 207),
            ("request#syntax_error", 219),
            ("request#no_host", 447),
            ("request#no_content_length", 277),
            ("urlrouting#no_mapping", 297),
            ("response#bad_response", 255),
            ("connect#hangup", 294),
            ("connect#failed_connect", 247),
            ("timeout#inactivity", 265),
            ("access#denied", 249),
            ("transcoding#unsupported", 289),
        ] {
            assert_eq!(fabricate(kind).len(), len, "{kind}");
        }
    }
}
