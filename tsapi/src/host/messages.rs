//! What plugins say: `TSDebug`, `TSError` and their kin, as log lines.
//!
//! A debug line has the tag as its target, so `RUST_LOG=generator=debug` shows those of one plugin.

/// False if no tag can be set: most debug lines are asked for while none is.
pub(crate) fn is_any_debug_tag_set() -> bool {
    log::max_level() >= log::LevelFilter::Debug
}

/// `TSIsDebugTagSet`.
pub(crate) fn is_debug_tag_set(tag: &str) -> bool {
    log::log_enabled!(target: tag, log::Level::Debug)
}

/// `TSDebug`.
pub(crate) fn debug(tag: &str, text: &str) {
    log::debug!(target: tag, "{text}");
}

macro_rules! messages {
    ($($name:ident $level:ident $text:literal;)*) => { $(
        #[doc = concat!("`", $text, "`.")]
        pub(crate) fn $name(text: &str) {
            log::$level!(target: "plugin", "{text}");
        }
    )* };
}

messages! {
    status info "TSStatus";
    note info "TSNote";
    warning warn "TSWarning";
    error error "TSError";
    alert error "TSAlert";
    emergency error "TSEmergency";
}

/// `TSFatal`: the real server ends.
pub(crate) fn fatal(text: &str) {
    super::findings::end_without_finding(format!("the plugin ends the server: {text}"));
}
