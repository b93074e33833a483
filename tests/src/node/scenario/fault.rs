//! [`Fault`]: what is broken on purpose, to see that the comparison finds it.

use std::fmt;
use std::str::FromStr;

/// A fault that is planted into a run on the port. A search for differences that does not
/// find each of them would not find a fault of the port either.
///
/// ```
/// use conformance::node::Fault;
///
/// let fault: Fault = "reset-as-end".parse().unwrap();
/// assert_eq!(fault, Fault::ResetAsEnd);
/// assert!("no-such-fault".parse::<Fault>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No client of a server is told `100 Continue`.
    LostContinue,
    /// No server learns that its client has ended.
    LostEnd,
    /// A connection that is reset looks like one that has ended.
    ResetAsEnd,
    /// A close or a destroy inside a hook does nothing.
    LostCloseInHook,
    /// A parser that is paused inside a hook goes on.
    LostPauseInHook,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Fault; 5] = [
        Fault::LostContinue,
        Fault::LostEnd,
        Fault::ResetAsEnd,
        Fault::LostCloseInHook,
        Fault::LostPauseInHook,
    ];

    fn name(self) -> &'static str {
        match self {
            Fault::LostContinue => "lost-continue",
            Fault::LostEnd => "lost-end",
            Fault::ResetAsEnd => "reset-as-end",
            Fault::LostCloseInHook => "lost-close-in-hook",
            Fault::LostPauseInHook => "lost-pause-in-hook",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Fault, String> {
        let found = Fault::ALL.into_iter().find(|fault| fault.name() == text);
        found.ok_or_else(|| format!("the faults are {}", Fault::ALL.map(Fault::name).join(", ")))
    }
}
