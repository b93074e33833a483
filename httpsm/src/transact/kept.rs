//! [`KeptState`]: the data of a transaction, in memory that the next one uses again.
//!
//! It is larger than the pieces that `malloc` keeps ready for a thread. The original takes the whole
//! machine from a list of its own (`httpSMAllocator`).

use std::ops::{Deref, DerefMut};

use super::State;
use crate::left::Left;

thread_local! {
    /// What ended transactions have left, without data.
    static LEFT: Left<Box<State>> = const { Left::new() };
}

/// The data of one transaction.
pub(crate) struct KeptState {
    /// None only while it is dropped.
    state: Option<Box<State>>,
}

impl Default for KeptState {
    fn default() -> KeptState {
        KeptState { state: Some(Left::take(&LEFT).unwrap_or_default()) }
    }
}

impl Deref for KeptState {
    type Target = State;

    #[inline]
    fn deref(&self) -> &State {
        self.state.as_deref().expect("there until it is dropped")
    }
}

impl DerefMut for KeptState {
    #[inline]
    fn deref_mut(&mut self) -> &mut State {
        self.state.as_deref_mut().expect("there until it is dropped")
    }
}

impl Drop for KeptState {
    fn drop(&mut self) {
        let Some(mut state) = self.state.take() else { return };
        *state = State::default();
        Left::put_back(&LEFT, state);
    }
}
