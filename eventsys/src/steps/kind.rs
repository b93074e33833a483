//! The vocabulary: what a step can be.

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $target:literal;)*) => {
        /// What was done. The names are the words of the recordings.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum StepKind {
            $($(#[$doc])* $variant,)*
        }

        impl StepKind {
            /// Every kind, in the order of the vocabulary.
            pub const ALL: &'static [StepKind] = &[$(StepKind::$variant,)*];

            /// The word of the recordings.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(StepKind::$variant => $name,)* }
            }

            /// The `log` target: the debug tag of the original where it has the line in
            /// PluginVC, `pvc_test` (there `pvc_test_detail`) for what the driver does,
            /// `event` for the event loop.
            #[must_use]
            pub const fn target(self) -> &'static str {
                match self { $(StepKind::$variant => $target,)* }
            }

            /// The kind with this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<StepKind> {
                match name { $($name => Some(StepKind::$variant),)* _ => None }
            }
        }
    };
}

kinds! {
    /// `PluginVCCore` made.
    Create = "create", "pvc";
    /// `PluginVCCore` freed.
    Destroy = "destroy", "pvc";
    /// `do_io_read`; the value is `nbytes`.
    DoIoRead = "do_io_read", "pvc";
    /// `do_io_write`; the value is `nbytes`.
    DoIoWrite = "do_io_write", "pvc";
    /// `do_io_close`.
    DoIoClose = "do_io_close", "pvc";
    /// The read VIO was reenabled.
    ReenableRead = "reenable_read", "pvc";
    /// The write VIO was reenabled.
    ReenableWrite = "reenable_write", "pvc";
    /// The read VIO was reenabled with leave to call back at once.
    ReenableReRead = "reenable_re_read", "pvc";
    /// The write VIO was reenabled with leave to call back at once.
    ReenableReWrite = "reenable_re_write", "pvc";
    /// `main_handler` received an event; the value is its code.
    Event = "event", "pvc_event";
    /// `process_read_side` begins.
    ReadSide = "read_side", "pvc";
    /// `process_write_side` begins.
    WriteSide = "write_side", "pvc";
    /// Bytes the read side can act on.
    ReadActOn = "read_act_on", "pvc";
    /// Bytes the write side can act on.
    WriteActOn = "write_act_on", "pvc";
    /// Bytes moved into the user's read buffer.
    ReadAdded = "read_added", "pvc";
    /// Bytes moved into the core buffer.
    WriteAdded = "write_added", "pvc";
    /// Bytes moved by the write side straight into the peer's buffer (epoch D).
    Moved = "moved", "pvc";
    /// No room in the user's read buffer.
    ReadNoSpace = "read_no_space", "pvc";
    /// No room in the core buffer.
    WriteNoSpace = "write_no_space", "pvc";
    /// No room in the peer's read buffer (epoch D).
    PeerNoSpace = "peer_no_space", "pvc";
    /// The read side found the peer's write side closed or shut (epoch D).
    PeerWriteGone = "peer_write_gone", "pvc";
    /// The peer's try-lock of this side's read VIO missed; a retry is scheduled.
    ReadLockMiss = "read_lock_miss", "pvc_event";
    /// The peer's try-lock of this side's write VIO missed; a retry is scheduled.
    WriteLockMiss = "write_lock_miss", "pvc_event";
    /// `process_close` begins.
    ProcessClose = "process_close", "pvc";
    /// The user's state machine received this event for its read VIO.
    SmRead = "sm_read", "pvc_test";
    /// The user's state machine received this event for its write VIO.
    SmWrite = "sm_write", "pvc_test";
    /// The driver has checked this many bytes so far.
    SmChecked = "sm_checked", "pvc_test";
    /// Blocks in the user's read buffer when the end is deleted.
    FreeReadBufferBlocks = "free_read_buffer_blocks", "pvc_test";
    /// Blocks in the user's write buffer when the end is deleted.
    FreeWriteBufferBlocks = "free_write_buffer_blocks", "pvc_test";
    /// An event was queued; the value is its code. Only with
    /// [`Options::trace_events`](crate::Options::trace_events), as the next two.
    Schedule = "schedule", "event";
    /// An event is dispatched; the value is the code its continuation is called with.
    Dispatch = "dispatch", "event";
    /// The dispatcher's try-lock of a continuation's mutex missed; the value is
    /// the code it would have been called with.
    DispatchLockMiss = "dispatch_lock_miss", "event";
    /// The HTTP state machine enters a state; the value is its number. No recording
    /// has this and the next two.
    HttpState = "http_state", "http";
    /// The HTTP state machine received an event; the value is its code.
    HttpEvent = "http_event", "http";
    /// A plugin is called at a hook; the value is the code of the hook's event.
    HttpHook = "http_hook", "http";
    /// A net connection has been accepted. No recording has this and those that follow;
    /// their `pair` is the number of the connection.
    NetAccept = "net_accept", "iocore_net";
    /// A net connection is to be made.
    NetConnect = "net_connect", "iocore_net";
    /// `do_io_read` on a net connection; the value is `nbytes`.
    NetDoIoRead = "net_do_io_read", "iocore_net";
    /// `do_io_write` on a net connection; the value is `nbytes`.
    NetDoIoWrite = "net_do_io_write", "iocore_net";
    /// `do_io_close` on a net connection.
    NetDoIoClose = "net_do_io_close", "iocore_net";
    /// Bytes read from a socket; 0 is its end.
    NetRead = "net_read", "iocore_net";
    /// Bytes written to a socket.
    NetWrite = "net_write", "iocore_net";
    /// The user of a net connection is told of its read; the value is the event's code.
    NetSignalRead = "net_signal_read", "iocore_net";
    /// The user of a net connection is told of its write; the value is the event's code.
    NetSignalWrite = "net_signal_write", "iocore_net";
    /// The socket of a net connection is closed, and its thread forgets it.
    NetFree = "net_free", "iocore_net";
}
