//! Bodies that are not in chunks, and what comes after a message. Mirrors the
//! last nodes of `src/llhttp/http.ts`.

use super::consts::{Finish, Lenient};
use super::errno::Errno;
use super::event::{Notice, Span};
use super::machine::{Flow, Machine, Run};
use super::state::State;

impl Machine {
    pub(super) fn finish_message(&mut self, run: &mut Run, input: &[u8]) -> Flow {
        match run.state {
            State::BodyIdentity => self.open(run, input, Span::Body, State::BodyIdentityConsume),
            State::BodyIdentityConsume => {
                if !self.consume(run, input) {
                    return Flow::More;
                }
                self.close(run, false, State::MessageDone)
            }
            State::BodyIdentityEof => {
                self.finish = Finish::SafeWithCallback;
                run.state = State::BodyEofSpan;
                Flow::Go
            }
            State::BodyEofSpan => self.open(run, input, Span::Body, State::Eof),
            State::Eof => {
                run.pos = input.len();
                Flow::More
            }
            State::MessageDone => {
                self.notify(run, Notice::MessageComplete, State::UpgradeAfterDone)
            }
            State::UpgradeAfterDone => {
                run.state = if self.upgrade { State::UpgradePause } else { State::Cleanup };
                Flow::Go
            }
            State::UpgradePause => self.pause_upgrade(run),
            State::Cleanup => {
                // Mirrors `llhttp__after_message_complete`.
                let keep_alive = self.should_keep_alive();
                self.finish = Finish::Safe;
                self.flags = 0;
                run.state = if keep_alive {
                    self.content_length = 0;
                    State::Restart
                } else if self.lenient.has(Lenient::KEEP_ALIVE) {
                    State::Restart
                } else {
                    State::Closed
                };
                Flow::Go
            }
            State::Closed => {
                while let Some(byte) = input.get(run.pos) {
                    run.pos += 1;
                    let blank = matches!(byte, b'\r' | b'\n');
                    if !blank && !self.lenient.has(Lenient::DATA_AFTER_CLOSE) {
                        let reason = "Data after `Connection: close`";
                        return self.fail(run, Errno::ClosedConnection, reason);
                    }
                }
                Flow::More
            }
            State::Restart => {
                self.initial_message_completed = true;
                self.finish = Finish::Safe;
                run.state = State::Start;
                Flow::Go
            }
            State::Fail => {
                let (errno, reason) = run.fails;
                self.fail(run, errno, reason)
            }
            // Over
            _ => Flow::Over,
        }
    }
}
