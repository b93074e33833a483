//! Nothing is left when both ends have been closed.

use std::sync::Arc;

use explorer::violation;

use super::super::kind::LEAK;
use super::super::pair::Scenery;

pub(super) fn nothing_is_left(scenery: &Scenery, nothing_waits: bool) {
    let (stage, core) = (&scenery.play.stage, &scenery.play.core);
    if !stage.is_closed() {
        // An end that never got its connection cannot be closed.
        return;
    }
    if !core.is_freed() {
        violation(LEAK, "both ends are closed, and the pair is not freed 10 s later");
    }
    if !nothing_waits {
        violation(LEAK, "the pair is freed, and an event is left");
    }
    scenery.forget();
    if Arc::strong_count(core) > 1 {
        violation(LEAK, "the pair is freed, and something still refers to it");
    }
}
