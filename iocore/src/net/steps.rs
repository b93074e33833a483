//! The steps of net connections. Their subject is `N` with the number of the connection
//! ([`UnixNetVConnection::id`](super::UnixNetVConnection::id)); that of a poll is `T`, the
//! thread. No recording has them.

eventsys::step_kinds! {
    /// A net connection has been accepted.
    NET_ACCEPT = "net_accept", "iocore_net";
    /// A user asks for a net connection.
    NET_CONNECT = "net_connect", "iocore_net";
    /// `do_io_read` on a net connection; the value is `nbytes`.
    NET_DO_IO_READ = "net_do_io_read", "iocore_net";
    /// `do_io_write` on a net connection; the value is `nbytes`.
    NET_DO_IO_WRITE = "net_do_io_write", "iocore_net";
    /// `do_io_close` on a net connection.
    NET_DO_IO_CLOSE = "net_do_io_close", "iocore_net";
    /// Bytes read from a socket; 0 is its end.
    NET_READ = "net_read", "iocore_net";
    /// Bytes written to a socket.
    NET_WRITE = "net_write", "iocore_net";
    /// The user of a net connection gets an event of its read; the value is the event's code.
    NET_SIGNAL_READ = "net_signal_read", "iocore_net";
    /// The user of a net connection gets an event of its write; the value is the event's code.
    NET_SIGNAL_WRITE = "net_signal_write", "iocore_net";
    /// The socket of a net connection is closed, and its thread forgets it.
    NET_FREE = "net_free", "iocore_net";
    /// A net thread has asked the system which sockets are ready; the value is how many are. A
    /// look that finds none is no step. Only with [`Options::trace_events`], as the next two.
    ///
    /// [`Options::trace_events`]: eventsys::Options::trace_events
    NET_POLL = "net_poll", "iocore_net";
    /// The system has said that a socket has become readable: the read is triggered.
    NET_READABLE = "net_readable", "iocore_net";
    /// The system has said that a socket has room, or an error: the write is triggered.
    NET_WRITABLE = "net_writable", "iocore_net";
}
