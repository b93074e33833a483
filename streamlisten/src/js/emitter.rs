//! [`Emitter`]: listeners by the name of their event.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use crate::buf::Chunk;
use crate::http_parser::{ParseError, Place};

/// An error object.
/// Part of an [`Arg`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JsError {
    /// Its code.
    pub code: String,
    /// Of a parse error: where it was.
    pub bytes_parsed: Option<Place>,
    /// Of a parse error: the length of the read that contains it.
    pub raw_packet: Option<usize>,
}

impl JsError {
    /// An error with a code.
    #[must_use]
    pub fn new(code: impl Into<String>) -> JsError {
        JsError { code: code.into(), bytes_parsed: None, raw_packet: None }
    }

    /// A parser's error.
    #[must_use]
    pub fn parse(error: &ParseError) -> JsError {
        JsError {
            code: error.code.to_string(),
            bytes_parsed: Some(error.bytes_parsed),
            raw_packet: None,
        }
    }
}

impl fmt::Display for JsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)
    }
}

impl std::error::Error for JsError {}

/// What comes with an event.
/// A [`Listener`] of an [`Emitter`] gets it.
#[derive(Clone, Debug)]
pub enum Arg {
    /// Nothing.
    None,
    /// Bytes.
    Data(Chunk),
    /// An error.
    Error(JsError),
}

/// A function that is called.
/// [`Emitter::add`] takes one.
pub type Listener = Rc<dyn Fn(&Arg)>;

/// A function that gets every event, before the event's listeners.
pub type Watcher = dyn Fn(&str, &Arg);

/// Listeners by the name of their event. Mirrors `EventEmitter`.
///
/// ```
/// use std::rc::Rc;
/// use streamlisten::js::Emitter;
///
/// let emitter = Emitter::default();
/// let id = emitter.add("data", false, Rc::new(|_| {}));
/// assert_eq!(emitter.listener_count("data"), 1);
/// assert_eq!(emitter.remove(id), Some("data"));
/// ```
#[doc(alias = "EventEmitter")]
#[derive(Default)]
pub struct Emitter {
    entries: RefCell<Vec<Entry>>,
    next: Cell<u64>,
}

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) id: u64,
    event: &'static str,
    pub(super) once: bool,
    pub(super) listener: Listener,
}

impl Emitter {
    /// Adds a listener; returns its number.
    pub fn add(&self, event: &'static str, once: bool, listener: Listener) -> u64 {
        let id = self.next.replace(self.next.get() + 1);
        self.entries.borrow_mut().push(Entry { id, event, once, listener });
        id
    }

    /// Takes a listener out; returns its event, if it was there.
    pub fn remove(&self, id: u64) -> Option<&'static str> {
        let mut entries = self.entries.borrow_mut();
        let at = entries.iter().position(|entry| entry.id == id)?;
        Some(entries.remove(at).event)
    }

    /// Takes all listeners of an event out.
    pub fn remove_all(&self, event: &str) {
        let mut entries = self.entries.borrow_mut();
        let (gone, kept) = entries.drain(..).partition(|entry| entry.event == event);
        *entries = kept;
        drop(entries);
        drop::<Vec<Entry>>(gone);
    }

    /// Takes every listener out.
    pub fn clear(&self) {
        let gone = self.entries.take();
        drop(gone);
    }

    /// How many listeners an event has.
    #[must_use]
    pub fn listener_count(&self, event: &str) -> usize {
        self.entries.borrow().iter().filter(|entry| entry.event == event).count()
    }

    /// The listeners of an event as they stand now; a change counts from the next
    /// event on.
    pub(super) fn listeners(&self, event: &str) -> Vec<Entry> {
        self.entries.borrow().iter().filter(|entry| entry.event == event).cloned().collect()
    }
}
