//! iocore
