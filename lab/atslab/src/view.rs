//! The page that shows runs: its data, its files, and the figures drawn from the same data.
//!
//! A [`Scene`](model::Scene) is a scenario or a case with its runs, each a list of rows on
//! lanes. The page (`view/page/*.js`), a figure and a trace are three pictures of a scene.
//!
//! | module | what it is for |
//! |---|---|
//! | [`model`] | lanes, locks, buffers and rows of a run |
//! | [`kinds`] | what each kind of row looks like, which function it mirrors, where the book tells of it |
//! | [`lanes`] | where the rows of two ends stand, and which buffers they have |
//! | [`forms`] | the forms in which the page and a figure draw the rows |
//! | [`pair`] | the rows of a pair of ends, from the port or from a real server |
//! | [`places`] | where the operations stand in the text of a scenario |
//! | [`source`] | scenes: of a scenario, of a real server beside the port, of a recorded case |
//! | [`lines`] | scenes of steps as JSON lines |
//! | [`http`], [`http_places`] | scenes of HTTP scenarios, and where their operations stand in the text |
//! | [`node`] | scenes of node's stream layer |
//! | [`interleaving`] | what the explorer has printed |
//! | [`align`] | the columns in which the same rows of several runs stand |
//! | [`packed`] | a scene as the page reads it |
//! | [`page`] | the page: one file with everything in it |
//! | [`figure`] | the rows around a step, as SVG |
//! | [`columns`] | a whole run as SVG, a column for each lane |
//! | [`leads`] | which row leads to which later one |
//! | [`chrome`] | a scene as a trace for Perfetto |

pub(crate) mod align;
pub(crate) mod chrome;
pub(crate) mod columns;
pub(crate) mod figure;
pub(crate) mod forms;
pub(crate) mod http;
pub(crate) mod http_places;
pub(crate) mod interleaving;
pub(crate) mod kinds;
pub(crate) mod lanes;
pub(crate) mod leads;
pub(crate) mod lines;
pub(crate) mod model;
pub(crate) mod node;
pub(crate) mod packed;
pub(crate) mod page;
pub(crate) mod pair;
pub(crate) mod places;
pub(crate) mod source;
