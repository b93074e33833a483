//! Every error type of the crate is an error that says what is wrong.

use httpsm::hdr::URL;
use httpsm::{ConnectError, Mapping};

#[test]
fn every_error_says_what_is_wrong() {
    let errors: [(Box<dyn std::error::Error>, &str); 3] = [
        (Box::new(ConnectError::REFUSED), "no connection: Connection refused (os error 111)"),
        (
            Box::new(URL::parse(b"http://a b/").unwrap_err()),
            "the request target is not a valid URL",
        ),
        (Box::new("nothing".parse::<Mapping>().unwrap_err()), "expected FROM=TO"),
    ];
    for (error, text) in errors {
        assert!(error.to_string().starts_with(text), "{error}");
    }
}
