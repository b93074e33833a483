//! Standard output: buffered, and coloured only where colours are wanted.

use std::io::{self, BufWriter, Stdout, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use clap::ValueEnum;

/// The style of titles.
pub(crate) const TITLE: Style = Style::new().bold();
/// The style of text that only helps to find the place.
pub(crate) const QUIET: Style = Style::new().dimmed();
/// The style of the real server's step where the port takes another.
pub(crate) const SERVER: Style = AnsiColor::Green.on_default().bold();
/// The style of faults, and of the port's step where the server takes another.
pub(crate) const FAULT: Style = AnsiColor::Red.on_default().bold();

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    // No help for the values: it would say what their names say.
    #[default]
    Auto,
    Always,
    Never,
}

impl ColorWhen {
    /// Makes this the choice for every stream of the process.
    pub(crate) fn apply(self) {
        let choice = match self {
            ColorWhen::Auto => ColorChoice::Auto,
            ColorWhen::Always => ColorChoice::Always,
            ColorWhen::Never => ColorChoice::Never,
        };
        choice.write_global();
    }
}

/// Standard output. Always write styles: they are removed where colours are not
/// wanted.
///
/// A reader that goes away (`| head -1`) shows as an error of the kind
/// `BrokenPipe`, which ends the command quietly; see [`Error::report`](crate::Error::report).
///
/// It is not locked: the log of `atslab steps --format log` may write to it
/// from any thread of the port.
pub(crate) struct Output(BufWriter<AutoStream<Stdout>>);

impl Output {
    /// Standard output.
    pub(crate) fn stdout() -> Output {
        Output(BufWriter::with_capacity(64 * 1024, AutoStream::auto(io::stdout())))
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
