//! Where the links of a page lead.

use std::env;
use std::path::Path;

use crate::view::page::Links;

/// The links that the user wants. Without a wish they lead into the project, if the current
/// folder is in it.
pub(crate) fn of(book: Option<&str>, source: Option<&str>) -> Links {
    let here = env::current_dir().unwrap_or_default();
    let project = here.ancestors().find(|folder| folder.join("docs/src/SUMMARY.md").exists());
    let pages = project.map(|project| {
        // The pages with their headings, if mdBook has made them, else their text.
        let made = project.join("docs/book");
        let is_made = made.join("pluginvc.html").exists();
        address(&if is_made { made } else { project.join("docs/src") })
    });
    let wish = |wish: Option<&str>| wish.map(with_slash);
    Links {
        book: wish(book).or(pages).unwrap_or_default(),
        source: wish(source).or(project.map(address)).unwrap_or_default(),
    }
}

fn with_slash(address: &str) -> String {
    if address.is_empty() || address.ends_with('/') {
        address.to_owned()
    } else {
        format!("{address}/")
    }
}

/// The address of a folder, with a slash at its end.
fn address(folder: impl AsRef<Path>) -> String {
    use std::fmt::Write;
    let mut address = "file://".to_owned();
    for byte in folder.as_ref().as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' => address.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => address.push(char::from(*byte)),
            byte => {
                let _ = write!(address, "%{byte:02X}");
            }
        }
    }
    with_slash(&address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_no_spaces_and_one_slash_at_its_end() {
        assert_eq!(address("/my folder/ü"), "file:///my%20folder/%C3%BC/");
        assert_eq!(with_slash("book"), "book/");
        assert_eq!(of(Some("x"), Some("")).book, "x/");
        assert_eq!(of(Some("x"), Some("")).source, "");
    }
}
