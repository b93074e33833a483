//! Opens a page in the user's browser.

use std::env;
use std::ffi::OsString;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::ui::output::{Output, QUIET};

/// Writes `page` into a temporary file that stays, prints its path, and has the browser open
/// it. That there is no browser is no error: the path has been printed.
pub(super) fn open(page: &str, out: &mut Output) -> Result<(), Error> {
    let unwritable = |source| Error::Unwritable { file: "the temporary page".to_owned(), source };
    let mut file = tempfile::Builder::new()
        .prefix("atslab-view-")
        .suffix(".html")
        .tempfile()
        .map_err(unwritable)?;
    file.write_all(page.as_bytes()).map_err(unwritable)?;
    let (_, path) = file.keep().map_err(|error| unwritable(error.error))?;
    writeln!(out, "{}", path.display())?;
    out.flush()?;
    let system = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let program = env::var_os("BROWSER").unwrap_or_else(|| OsString::from(system));
    let opened = Command::new(&program)
        .arg(&path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !opened.is_ok_and(|status| status.success()) {
        let program = program.to_string_lossy();
        writeln!(out, "{QUIET}{program} did not open it; open this file in a browser{QUIET:#}")?;
    }
    Ok(())
}
