//! The scene of a room, as a function that the explorer runs again and again.

use std::sync::Arc;

use crate::arms::Arms;
use crate::room::{Room, Shown};
use crate::scenes;

/// A scene under its arms.
pub(crate) type Scene = Arc<dyn Fn() + Send + Sync>;

impl Room {
    /// The scene of this room under these arms.
    ///
    /// # Panics
    /// If the room has none, or one that is not there; a test opens every room.
    pub(crate) fn scene(&self, arms: &Arms) -> Scene {
        match &self.shown {
            Shown::Scene(name) => {
                let play = scenes::named(name).unwrap_or_else(|| panic!("no scene {name:?}"));
                let arms = arms.clone();
                Arc::new(move || {
                    let _armed = arms.arm();
                    play(&arms);
                })
            }
            Shown::Exhibit(name) => panic!("the exhibit {name:?} is no scene"),
        }
    }
}
