//! [`HttpProgram`]: a scenario as a flat list of lines, which the plugin in a real server reads.
//!
//! ```text
//! http 1 8000000000 60000000000      threads, patience and the longest time, in nanoseconds
//! client tcp | plugin                one line for each
//! origin tcp | server_intercept | intercept | refuses
//! netvc accept | connect             a NetVC stands in the proxy's place
//! on WHO WHEN                        WHO: c0, c1 …, o; WHEN: start, after NS, head N, end,
//!                                    event CODE, hook NAME N
//! send HEX, fill N, end, finish, close, reset, read 0 | 1
//! hook NAME N                        and its operations as a scenario writes them, behind `do `
//! hook connect 0, hook READ_READY N  what the user of the NetVC does; its numbers are bytes and
//! hook after NS                      nanoseconds
//! over
//! ```

use std::fmt;

use iocore::VioOp;

use super::hook_op::HookOp;
use super::model::{HttpReaction, HttpScenario, When, hook_name};
use super::op::Move;
use crate::model::{Reaction, Trigger};
use crate::op::Op;
use crate::read::event_name;

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
        if scenario.netvc.is_some() {
            writeln!(f, "netvc {}", if scenario.netvc_connects() { "connect" } else { "accept" })?;
        }
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
        for Reaction { trigger, ops } in scenario.netvc.iter().flatten() {
            match *trigger {
                Trigger::After(span) => writeln!(f, "hook after {span}")?,
                Trigger::Event(event, nth) => writeln!(f, "hook {} {nth}", event_name(event))?,
                Trigger::Connect | Trigger::Race => writeln!(f, "hook connect 0")?,
            }
            ops.iter().try_for_each(|op| writeln!(f, "do {}", words(*op)))?;
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
            When::NetVc(Trigger::Event(event, nth)) => {
                writeln!(f, "hook {} {nth}", event_name(event))?;
            }
            When::NetVc(_) => writeln!(f, "hook connect 1")?,
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

/// An operation of the user of a NetVC, with plain numbers.
fn words(op: Op) -> String {
    let direction = |op: VioOp| if op == VioOp::Write { "write" } else { "read" };
    match op {
        Op::DoIoRead(n, how) => format!("do_io_read {n}{how}"),
        Op::DoIoWrite(n, how) => format!("do_io_write {n}{how}"),
        Op::Write(n) => format!("write {n}"),
        Op::Consume(n) => format!("consume {n}"),
        Op::WaterMark(n) => format!("water_mark {n}"),
        Op::Reenable(op) => format!("reenable {}", direction(op)),
        Op::ReenableRe(op) => format!("reenable_re {}", direction(op)),
        Op::InactivityTimeout(span) => format!("inactivity_timeout {span}"),
        Op::ActiveTimeout(span) => format!("active_timeout {span}"),
        Op::Shutdown(_) | Op::Close | Op::Hold(..) | Op::Buffer(_) => op.to_string(),
    }
}
