//! [`Room`]: a defect: its story, how it is put back, and the scene that shows it.

use std::sync::OnceLock;

use include_dir::{Dir, include_dir};
use pluginvc::Epoch;
use scenario::Scenario;

use crate::arms::Arms;
use crate::read::room_from_text;

/// A room: a defect, its story, and how it is shown.
///
/// Its file is `rooms/ID.toml`:
///
/// | key | meaning |
/// |---|---|
/// | `title` | a few words |
/// | `wing` | `pair`, `events`, `open` or `remarks` |
/// | `releases` | which ones have it |
/// | `saw`, `why`, `mended` | what one saw; which steps came in the wrong order; the cure |
/// | `links` | `[{ name = "TS-3339", url = "…" }]` |
/// | `scenario` | the scene, in the language of scenarios; or |
/// | `scene` | the name of a function of [`scenes`](crate::scenes); or |
/// | `exhibit` | the name of a text of [`exhibits`](crate::exhibits): the compiler's error |
/// | `bound` | schedules with so many interruptions are tried; 2 if it is not given |
/// | `stalls` | true if time may pass although a thread could go on |
/// | `[armed]` | how the defect is put back: `epoch`, `rearm`, `correct`, `wake`, `mistake` |
/// | `shows` of `[armed]` | words of the violation that it must show |
/// | `epochs` of `[armed]` | the epochs in which it holds; in all others the scene must be clean |
/// | `[fixed]` | how it is mended; without it the defect is open in every release |
#[derive(Clone, Debug)]
pub struct Room {
    /// The name of its file.
    pub id: String,
    /// A few words.
    pub title: String,
    /// Where it is.
    pub wing: Wing,
    /// Which releases have the defect.
    pub releases: String,
    /// What one saw.
    pub saw: String,
    /// Which steps came in the wrong order.
    pub why: String,
    /// How it was mended, or that it was not.
    pub mended: String,
    /// Where to read more.
    pub links: Vec<Link>,
    /// What is shown.
    pub shown: Shown,
    /// How the defect is put back; none if the room only proves that it cannot be.
    pub armed: Option<Arms>,
    /// Words that the violation of the armed room must have.
    pub shows: String,
    /// The epochs in which it holds; empty if the room says nothing about it.
    pub holds_in: Vec<Epoch>,
    /// How it is mended; none if no release has mended it.
    pub fixed: Option<Arms>,
    /// Schedules with so many interruptions are tried.
    pub bound: u32,
    /// Whether time may pass although a thread could go on.
    pub stalls: bool,
}

/// A part of the museum.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Deserialize, serde::Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Wing {
    /// Defects of PluginVC that have been mended.
    Pair,
    /// Defects of the event system and of buffers.
    Events,
    /// Defects that today's servers have.
    Open,
    /// What remarks in the original's text say about its own code.
    Remarks,
}

/// A place to read more.
#[derive(Clone, PartialEq, Eq, Debug, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// What it is.
    pub name: String,
    /// Where it is.
    pub url: String,
}

/// What a room shows.
#[derive(Clone, Debug)]
pub enum Shown {
    /// A scene in the language of scenarios.
    Scenario {
        /// Its text.
        text: String,
        /// As it was read.
        scenario: Box<Scenario>,
    },
    /// A function of [`scenes`](crate::scenes).
    Scene(String),
    /// A text of [`exhibits`](crate::exhibits): to put the defect back would be undefined
    /// behaviour, and the compiler refuses it.
    Exhibit(String),
}

impl Room {
    /// True if a machine looks for a schedule here.
    #[must_use]
    pub fn is_explored(&self) -> bool {
        !matches!(self.shown, Shown::Exhibit(_))
    }
}

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/rooms");

/// All rooms, wing by wing, each in the order of the names.
///
/// # Panics
/// If a file of the museum is wrong; a test reads them all.
#[must_use]
pub fn rooms() -> &'static [Room] {
    static ROOMS: OnceLock<Vec<Room>> = OnceLock::new();
    ROOMS.get_or_init(|| {
        let read = |file: &include_dir::File<'_>| {
            let id = file.path().file_stem().and_then(|stem| stem.to_str()).expect("a name");
            let text = file.contents_utf8().expect("rooms are UTF-8");
            room_from_text(id, text).unwrap_or_else(|fault| panic!("rooms/{id}.toml: {fault}"))
        };
        let mut rooms: Vec<Room> = FILES.files().map(read).collect();
        rooms.sort_by(|a, b| (a.wing, &a.id).cmp(&(b.wing, &b.id)));
        rooms
    })
}

/// The room of this name.
#[must_use]
pub fn room(id: &str) -> Option<&'static Room> {
    rooms().iter().find(|room| room.id == id)
}
