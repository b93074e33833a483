//! [`HttpProgram`]: a scenario as a flat list of lines, which the plugin in a real server reads.
//!
//! ```text
//! http 1 8000000000 60000000000      threads, patience and the longest time, in nanoseconds
//! client tcp | plugin                one line for each
//! origin tcp | server_intercept | intercept | refuses
//! on WHO WHEN                        WHO: c0, c1 …, o; WHEN: start, after NS, head N, end,
//!                                    event CODE, hook NAME N
//! send HEX, fill N, end, finish, close, reset, read 0 | 1
//! hook NAME N                        and its operations as a scenario writes them, behind `do `
//! over
//! ```

use std::fmt;

use super::hook_op::HookOp;
use super::model::{HttpReaction, HttpScenario, When, hook_name};
use super::op::Move;

/// The flat text of a scenario; prints itself.
#[derive(Clone, Copy, Debug)]
pub struct HttpProgram<'a>(pub &'a HttpScenario);

impl fmt::Display for HttpProgram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scenario = self.0;
        let (threads, patience) = (scenario.settings.threads, scenario.patience());
        writeln!(f, "http {threads} {patience} {}", HttpScenario::LONGEST)?;
        for client in &scenario.clients {
            writeln!(f, "client {}", client.by.name())?;
        }
        writeln!(f, "origin {}", scenario.origin.by.name())?;
        for (number, client) in scenario.clients.iter().enumerate() {
            write_reactions(f, &format!("c{number}"), &client.reactions)?;
        }
        write_reactions(f, "o", &scenario.origin.reactions)?;
        for hook in &scenario.hooks {
            writeln!(f, "hook {} {}", hook_name(hook.hook), hook.nth)?;
            for op in &hook.ops {
                match op {
                    // In nanoseconds, so that the plugin need not know units.
                    HookOp::Wait(span) => writeln!(f, "do wait {span}")?,
                    op => writeln!(f, "do {op}")?,
                }
            }
        }
        writeln!(f, "over")
    }
}

fn write_reactions(
    f: &mut fmt::Formatter<'_>,
    who: &str,
    reactions: &[HttpReaction],
) -> fmt::Result {
    for HttpReaction { when, ops } in reactions {
        write!(f, "on {who} ")?;
        match *when {
            When::Start => writeln!(f, "start")?,
            When::After(span) => writeln!(f, "after {span}")?,
            When::Head(nth) => writeln!(f, "head {nth}")?,
            When::End => writeln!(f, "end")?,
            When::Event(event) => writeln!(f, "event {}", event.0)?,
            When::Hook(hook, nth) => writeln!(f, "hook {} {nth}", hook_name(hook))?,
        }
        for step in ops.iter().flat_map(super::op::HttpOp::moves) {
            match step {
                Move::Send(bytes) => {
                    f.write_str("send ")?;
                    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                    writeln!(f)?;
                }
                Move::Fill(n) => writeln!(f, "fill {n}")?,
                Move::End => writeln!(f, "end")?,
                Move::Finish => writeln!(f, "finish")?,
                Move::Close => writeln!(f, "close")?,
                Move::Reset => writeln!(f, "reset")?,
                Move::Read(on) => writeln!(f, "read {}", i32::from(on))?,
            }
        }
    }
    Ok(())
}
