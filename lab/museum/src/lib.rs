//! A museum of defects: one room for each, with the thread schedule that shows it.
//!
//! A [`Room`] is data: a file in `rooms/` says what one saw, why it happened, how it was mended,
//! which scene shows it, and how the defect is put back. [`Room::visit`] opens it: it *arms*
//! the room and looks for the schedule with the fewest interruptions that leads to the violation
//! which the room promises; then it *mends* the room and proves that no schedule with a few
//! interruptions leads to any violation, and that random ones do not either. What does not come
//! out as the room says is a surprise.
//!
//! ```
//! let room = museum::room("2d3e9d7366").unwrap();
//! let visit = room.visit(&museum::Work { random: 10, ..museum::Work::default() });
//! assert_eq!(visit.surprises, Vec::<String>::new());
//! assert!(visit.armed.unwrap().violation.text.contains("the index of the next thread"));
//! ```
//!
//! # Adding a room
//! 1. Put the defect into the table of its crate (`defects.rs`) and ask for it at its place, in
//!    one line: `rearmed(&TS_3339)`. A release's own bug is an option instead, with a
//!    correction.
//! 2. Write `rooms/ID.toml`; [`Room`] says what stands in it. The scene is a scenario whose
//!    threads race, or a function of [`scenes`] where that language has no words.
//! 3. `atslab museum ID` opens it.

#![forbid(unsafe_code)]

mod arms;
pub mod exhibits;
mod read;
mod room;
mod scene;
pub mod scenes;
mod visit;

pub use arms::Arms;
pub use read::{RoomFault, room_from_text};
pub use room::{Link, Room, Shown, Wing, room, rooms};
pub use scene::Scene;
pub use visit::{Armed, Fixed, Sampled, Visit, Work};
