//! [`Arms`]: under which epoch and with which defects and corrections a room is explored.

use eventsys::WakePolicy;
use eventsys::defects::Defect;
use pluginvc::{Corrections, Epoch};

/// A scene runs once armed, with the defect of its room, and once mended, without it.
#[derive(Clone, Debug, Default)]
pub struct Arms {
    /// The epoch of the pair.
    pub epoch: Epoch,
    /// The defects that are put back.
    pub defects: &'static [&'static Defect],
    /// The bugs of the release that are mended.
    pub corrections: Corrections,
    /// How a sleeping thread is woken.
    pub wake: WakePolicy,
    /// A word for the scene itself: a function of [`scenes`](crate::scenes) may show its
    /// mistake or do it right.
    pub mistake: bool,
    /// In words, as on the command line: `--epoch C --rearm ts-3339`.
    pub words: String,
}

impl Arms {
    /// Puts the defects back, until the returned value is dropped.
    #[must_use]
    pub(crate) fn arm(&self) -> eventsys::defects::Armed {
        eventsys::defects::arm(self.defects)
    }
}
