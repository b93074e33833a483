//! The functions for use between two walks, or inside a callback.

use super::Machine;
use crate::llhttp::consts::{Finish, METHOD_NAMES, MessageType};
use crate::llhttp::errno::Errno;

impl Machine {
    /// The end of all input. `Ok(true)`: the message ends here, and the caller must
    /// call `on_message_complete`. Mirrors `llhttp_finish`, which also
    /// reports nothing in an error state.
    ///
    /// # Errors
    /// [`Errno::InvalidEofState`] in the middle of a message.
    pub fn finish(&mut self) -> Result<bool, Errno> {
        if self.error != Errno::Ok {
            return Ok(false);
        }
        match self.finish {
            Finish::Safe => Ok(false),
            Finish::SafeWithCallback => Ok(true),
            Finish::Unsafe => {
                self.reason = "Invalid EOF state";
                Err(Errno::InvalidEofState)
            }
        }
    }

    /// Makes the next walk stop at once. Mirrors `llhttp_pause`: a walk that is
    /// under way is not stopped by it.
    pub fn pause(&mut self) {
        if self.error == Errno::Ok {
            self.error = Errno::Paused;
            self.reason = "Paused";
        }
    }

    /// Lifts a pause. Mirrors `llhttp_resume`.
    pub fn resume(&mut self) {
        if self.error == Errno::Paused {
            self.error = Errno::Ok;
        }
    }

    /// Lifts the pause after an upgrade. Mirrors `llhttp_resume_after_upgrade`.
    pub fn resume_after_upgrade(&mut self) {
        if self.error == Errno::PausedUpgrade {
            self.error = Errno::Ok;
        }
    }

    /// The error that the machine is in.
    #[must_use]
    pub fn error(&self) -> Errno {
        self.error
    }

    /// The reason of the error.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// Sets the reason. Mirrors `llhttp_set_error_reason`.
    pub fn set_reason(&mut self, reason: &'static str) {
        self.reason = reason;
    }

    /// Where the last error was, in the input of its walk; `None` if there was
    /// none yet. A pause from outside leaves it as it is.
    #[must_use]
    pub fn error_pos(&self) -> Option<usize> {
        self.error_pos
    }

    /// The kind of message that it reads.
    #[must_use]
    pub fn message_type(&self) -> MessageType {
        self.kind
    }

    /// The number of the method, see [`METHOD_NAMES`].
    #[must_use]
    pub fn method(&self) -> u8 {
        self.method
    }

    /// The name of the method.
    #[must_use]
    pub fn method_name(&self) -> &'static str {
        METHOD_NAMES[usize::from(self.method)]
    }

    /// The version, major and minor.
    #[must_use]
    pub fn version(&self) -> (u8, u8) {
        (self.http_major, self.http_minor)
    }

    /// The status of a response.
    #[must_use]
    pub fn status_code(&self) -> u16 {
        self.status_code
    }

    /// True if what follows the message is in another protocol; known from the
    /// end of the head on.
    #[must_use]
    pub fn upgrade(&self) -> bool {
        self.upgrade
    }
}
