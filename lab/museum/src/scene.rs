//! The scene of a room, as a function that the explorer runs again and again.

use std::sync::Arc;

use scenario::explore::{self, Setup};

use crate::arms::Arms;
use crate::room::{Room, Shown};
use crate::scenes;

/// A scene under its arms.
pub type Scene = Arc<dyn Fn() + Send + Sync>;

impl Room {
    /// The scene of this room under these arms.
    ///
    /// # Panics
    /// If the room has none, or one that is not there; a test opens every room.
    pub fn scene(&self, arms: &Arms) -> Scene {
        match &self.shown {
            Shown::Scenario { scenario, .. } => {
                let setup = Setup {
                    epoch: arms.epoch,
                    corrections: arms.corrections,
                    rearmed: arms.defects,
                    wake: Some(arms.wake),
                };
                Arc::new(explore::scene(scenario, &setup))
            }
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
