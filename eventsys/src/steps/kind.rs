//! [`StepKind`]: a word of the vocabulary.

/// What was done. The vocabulary is open: each layer declares the steps that it takes
/// with [`step_kinds!`](crate::step_kinds), and this crate knows only its own.
///
/// ```
/// eventsys::step_kinds! {
///     /// A door opens; the value is its number.
///     DOOR_OPENS = "door_opens", "house";
/// }
///
/// assert_eq!(DOOR_OPENS.name(), "door_opens");
/// assert_eq!(ALL, [DOOR_OPENS]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct StepKind(&'static Word);

#[derive(PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[doc(hidden)]
pub struct Word {
    pub name: &'static str,
    pub target: &'static str,
}

impl StepKind {
    /// True if both are the same word: what `==` says, but without a look at the letters when
    /// both come from the same declaration. A comparison of recordings asks it for each step.
    #[inline]
    #[must_use]
    pub fn is(self, other: StepKind) -> bool {
        std::ptr::eq(self.0, other.0) || self == other
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn new(word: &'static Word) -> StepKind {
        StepKind(word)
    }

    /// The word, as recordings and the other views show it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0.name
    }

    /// The `log` target: the debug tag of the original where the original has such a
    /// line.
    #[must_use]
    pub const fn target(self) -> &'static str {
        self.0.target
    }
}

/// Declares the steps of a layer: a constant for each, and `ALL`. A line is
/// `NAME = "word", "log target";` with a doc comment. See [`StepKind`](crate::steps::StepKind).
#[macro_export]
macro_rules! step_kinds {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $target:literal;)*) => {
        $($(#[$doc])* pub const $name: $crate::steps::StepKind = {
            // A static has one address in the whole program; the value of a constant need not.
            static WORD: $crate::steps::Word =
                $crate::steps::Word { name: $word, target: $target };
            $crate::steps::StepKind::new(&WORD)
        };)*

        /// Every kind of step of this layer.
        pub const ALL: &[$crate::steps::StepKind] = &[$($name,)*];
    };
}
