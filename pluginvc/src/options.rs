//! Options of a pair: its epoch, its buffers, and which bugs of the original are corrected.

use std::sync::Arc;

use crate::epoch::Epoch;

/// Bugs of the original that can be switched off, one by one. By default the port has all of them:
/// the port takes the real server's steps.
///
/// Where the original dereferences a null pointer or uses freed memory, the faithful
/// port panics with a sentence that names the fault.
///
/// ```
/// use pluginvc::Corrections;
///
/// let as_it_is = Corrections::default();
/// let one = Corrections { shutdown_takes_core_lock: true, ..as_it_is };
/// assert_ne!(one, as_it_is);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Corrections {
    /// `do_io_read` and `do_io_write` without a continuation or without a buffer
    /// do nothing, instead of dereferencing a null pointer on the first pass that
    /// has something to do (#11961, #12561; corrected in 9.2.8 and 10.0.3). In epochs
    /// D and E, recorded later, the process functions test their own end's continuation and
    /// reader, and still dereference a peer's missing read buffer.
    pub null_do_io: bool,
    /// `do_io_shutdown` takes the core mutex, so that it cannot fall between the
    /// other thread's test of the flag and its callback (#12982; corrected in
    /// 10.2.0, so always on in epoch E).
    pub shutdown_takes_core_lock: bool,
    /// `main_handler` ignores an event that is stored nowhere, instead of asserting. A
    /// timeout that is set while the one before it is being dispatched on another
    /// thread leaves such an event behind (open in the original: `set_*_timeout`
    /// takes no lock). It does not help if the event fires before it is stored: then the timeout is
    /// lost. See `timeouts_take_core_lock`.
    pub ignore_unknown_events: bool,
    /// `set_active_timeout` and `set_inactivity_timeout` take the core mutex, so that
    /// they cannot fall into `main_handler`, and the event that they schedule cannot be
    /// dispatched before it is stored (both open in the original).
    pub timeouts_take_core_lock: bool,
    /// After a callback, which may have bound an operation to another mutex, the port checks the
    /// operation's mutex again and takes it; the original goes on under the old one and asserts in
    /// `handleEvent` (open in the original).
    pub look_again: bool,
    /// Two threads that ask for a retry event of an end at the same time, one under the state
    /// machine's mutex and one under C, agree on one: the event is stored only where none is, in
    /// one step, and the other event is cancelled (open in the original: a test and a store,
    /// under two different locks).
    pub retry_event_exchange: bool,
    /// A process function that ends in a reenable of the operation on whose behalf it was called
    /// takes that operation's mutex by try-lock, and puts the work off to an event if the lock
    /// misses. The original waits for it with C held (open: a thread that holds that mutex and
    /// waits for C waits for ever).
    pub reenable_tries: bool,
}

impl Corrections {
    /// The names of the corrections, as [`Corrections::correct`] takes them.
    pub const NAMES: &'static [&'static str] = &[
        "null-do-io",
        "shutdown-takes-core-lock",
        "ignore-unknown-events",
        "timeouts-take-core-lock",
        "look-again",
        "retry-event-exchange",
        "reenable-tries",
    ];

    /// Every correction.
    #[must_use]
    pub const fn all() -> Corrections {
        Corrections {
            null_do_io: true,
            shutdown_takes_core_lock: true,
            ignore_unknown_events: true,
            timeouts_take_core_lock: true,
            look_again: true,
            retry_event_exchange: true,
            reenable_tries: true,
        }
    }

    /// Switches the correction of this name on. False if there is none.
    ///
    /// ```
    /// use pluginvc::Corrections;
    ///
    /// let mut corrections = Corrections::default();
    /// assert!(corrections.correct("look-again"));
    /// assert_eq!(corrections, Corrections { look_again: true, ..Corrections::default() });
    /// assert!(!corrections.correct("everything"));
    /// ```
    #[must_use = "a name that is unknown has no effect"]
    pub fn correct(&mut self, name: &str) -> bool {
        let switch = match name {
            "null-do-io" => &mut self.null_do_io,
            "shutdown-takes-core-lock" => &mut self.shutdown_takes_core_lock,
            "ignore-unknown-events" => &mut self.ignore_unknown_events,
            "timeouts-take-core-lock" => &mut self.timeouts_take_core_lock,
            "look-again" => &mut self.look_again,
            "retry-event-exchange" => &mut self.retry_event_exchange,
            "reenable-tries" => &mut self.reenable_tries,
            _ => return false,
        };
        *switch = true;
        true
    }
}

/// Options of a pair.
///
/// ```
/// use pluginvc::{Corrections, Epoch, PluginVcOptions};
///
/// let options = PluginVcOptions {
///     epoch: Epoch::D,
///     corrections: Corrections::all(),
///     ..PluginVcOptions::default()
/// };
/// # assert_eq!(options.epoch, Epoch::D);
/// ```
#[derive(Clone, Debug)]
pub struct PluginVcOptions {
    /// The epoch whose steps it takes.
    pub epoch: Epoch,
    /// The block size of the core buffers, and how many bytes may wait in one.
    /// 9.1.3 has a fixed 32 KiB, the default here; later releases let the caller
    /// of `TSHttpConnectPlugin` choose (`buffer_index`).
    pub buffer_index: iocore::buffer::SizeIndex,
    /// The water mark of the core buffers, in bytes (`buffer_water_mark`).
    pub buffer_water_mark: i64,
    /// The plugin that makes the pair: its tag (`set_plugin_tag`).
    pub plugin_tag: Option<Arc<str>>,
    /// The plugin that makes the pair: its number (`set_plugin_id`).
    pub plugin_id: i64,
    /// The bugs that it does not have.
    pub corrections: Corrections,
}

impl PluginVcOptions {
    /// True if `do_io_shutdown` takes the core mutex, and so may wait for another thread: in epoch E,
    /// or by [`Corrections::shutdown_takes_core_lock`].
    #[must_use]
    pub const fn locks_shutdown(&self) -> bool {
        matches!(self.epoch, Epoch::E) || self.corrections.shutdown_takes_core_lock
    }
}

impl Default for PluginVcOptions {
    fn default() -> PluginVcOptions {
        PluginVcOptions {
            epoch: Epoch::default(),
            buffer_index: iocore::buffer::BUFFER_SIZE_INDEX_32K,
            buffer_water_mark: 0,
            plugin_tag: None,
            plugin_id: 0,
            corrections: Corrections::default(),
        }
    }
}
