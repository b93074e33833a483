//! Reading a room from its file.

use eventsys::WakePolicy;
use eventsys::defects::Defect;
use pluginvc::{Corrections, Epoch, defects};
use scenario::scenario_from_bytes;
use serde::Deserialize;
use thiserror::Error;

use crate::arms::Arms;
use crate::room::{Link, Room, Shown, Wing};

/// What is wrong with the file of a room.
#[derive(Debug, Error)]
pub enum RoomFault {
    /// It is not TOML, or a key is missing or unknown.
    #[error(transparent)]
    Toml(#[from] toml::de::Error),
    /// A defect that no table has.
    #[error("no defect is named {0:?}; the tables are in the files defects.rs")]
    Defect(String),
    /// A correction that there is not.
    #[error("no correction is named {found:?}; there are {names}", names = Corrections::NAMES.join(", "))]
    Correction {
        /// The word.
        found: String,
    },
    /// An epoch that there is not.
    #[error(transparent)]
    Epoch(#[from] pluginvc::ParseEpochError),
    /// Its scenario is wrong.
    #[error("the scenario: {0}")]
    Scenario(String),
    /// Neither or several of `scenario`, `scene` and `exhibit`.
    #[error("a room has one of scenario, scene and exhibit")]
    Shown,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: String,
    wing: Wing,
    releases: String,
    saw: String,
    why: String,
    mended: String,
    #[serde(default)]
    links: Vec<Link>,
    scenario: Option<String>,
    scene: Option<String>,
    exhibit: Option<String>,
    #[serde(default = "two")]
    bound: u32,
    #[serde(default)]
    stalls: bool,
    armed: Option<ArmsOfFile>,
    fixed: Option<ArmsOfFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ArmsOfFile {
    epoch: Option<String>,
    #[serde(default)]
    rearm: Vec<String>,
    #[serde(default)]
    correct: Vec<String>,
    #[serde(default)]
    wake: Wake,
    #[serde(default)]
    mistake: bool,
    #[serde(default)]
    shows: String,
    #[serde(default)]
    also: Vec<String>,
    #[serde(default)]
    epochs: Vec<String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Default)]
#[serde(rename_all = "snake_case")]
enum Wake {
    #[default]
    Blocking,
    TryLock,
}

fn two() -> u32 {
    2
}

/// Reads a room. `id` is its name.
///
/// # Errors
/// If the text is not that of a room.
pub fn room_from_text(id: &str, text: &str) -> Result<Room, RoomFault> {
    let file: File = toml::from_str(text)?;
    let shown = match (file.scenario, file.scene, file.exhibit) {
        (Some(text), None, None) => {
            let scenario = scenario_from_bytes(id, text.as_bytes());
            let scenario = scenario.map_err(|error| RoomFault::Scenario(error.to_string()))?;
            Shown::Scenario { text, scenario: Box::new(scenario) }
        }
        (None, Some(name), None) => Shown::Scene(name),
        (None, None, Some(name)) => Shown::Exhibit(name),
        _ => return Err(RoomFault::Shown),
    };
    let holds_in = match &file.armed {
        Some(armed) => {
            let names = armed.epochs.iter();
            names.map(|name| Ok(name.parse::<Epoch>()?)).collect::<Result<_, RoomFault>>()?
        }
        None => Vec::new(),
    };
    Ok(Room {
        id: id.to_owned(),
        title: file.title,
        wing: file.wing,
        releases: file.releases,
        saw: one_line(&file.saw),
        why: one_line(&file.why),
        mended: one_line(&file.mended),
        links: file.links,
        shown,
        shows: file.armed.as_ref().map_or_else(String::new, |armed| armed.shows.clone()),
        also: file.armed.as_ref().map_or_else(Vec::new, |armed| armed.also.clone()),
        armed: file.armed.map(ArmsOfFile::read).transpose()?,
        holds_in,
        fixed: file.fixed.map(ArmsOfFile::read).transpose()?,
        bound: file.bound,
        stalls: file.stalls,
    })
}

/// The defect of this name, of any crate that the rooms show.
fn named(name: &str) -> Option<&'static Defect> {
    let of_http = httpsm::defects::ALL.iter().copied().find(|defect| defect.name == name);
    of_http.or_else(|| defects::named(name))
}

/// A text of several lines as one paragraph.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl ArmsOfFile {
    fn read(self) -> Result<Arms, RoomFault> {
        let epoch: Epoch = self.epoch.as_deref().unwrap_or("C").parse()?;
        let mut words = vec![format!("--epoch {epoch}")];
        let mut found = Vec::new();
        for name in &self.rearm {
            found.push(named(name).ok_or_else(|| RoomFault::Defect(name.clone()))?);
            words.push(format!("--rearm {name}"));
        }
        let mut corrections = Corrections::default();
        for name in &self.correct {
            if !corrections.correct(name) {
                return Err(RoomFault::Correction { found: name.clone() });
            }
            words.push(format!("--correct {name}"));
        }
        let wake = match self.wake {
            Wake::Blocking => WakePolicy::Blocking,
            Wake::TryLock => WakePolicy::TryLock,
        };
        // A room is read once and kept.
        let defects: &'static [_] = found.leak();
        let (mistake, words) = (self.mistake, words.join(" "));
        Ok(Arms { epoch, defects, corrections, wake, mistake, words })
    }
}
