//! Writes an HTTP scenario as a file that reads back as the same.

use std::fmt;

use super::expect::{HttpExpect, HttpExpected};
use super::model::{
    ClientBy, HookReaction, HttpReaction, HttpScenario, HttpSettings, OriginBy, When, hook_name,
};
use crate::amount::Span;
use crate::model::{Reaction, Trigger};
use crate::read::event_name;
use crate::write::Key;

/// The text of a file that reads back as this scenario.
impl fmt::Display for HttpScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "title = {}", quoted(&self.title))?;
        writeln!(f, "teaches = {}", quoted(&self.teaches))?;
        write_settings(f, &self.settings)?;
        for client in &self.clients {
            match client.name.as_str() {
                "" => writeln!(f, "\n[client]")?,
                name => writeln!(f, "\n[client.{name}]")?,
            }
            if client.by != ClientBy::default() {
                writeln!(f, "by = \"{}\"", client.by.name())?;
            }
            write_reactions(f, &client.reactions, "on_start")?;
        }
        if let Some(user) = &self.netvc {
            writeln!(f, "\n[netvc]")?;
            for Reaction { trigger, ops } in user {
                writeln!(f, "{} = {}", Key(*trigger), list(ops))?;
            }
            if !self.netvc_connects() {
                return write_expect(f, &self.expect);
            }
        }
        writeln!(f, "\n[origin]")?;
        if self.origin.by != OriginBy::default() {
            writeln!(f, "by = \"{}\"", self.origin.by.name())?;
        }
        write_reactions(f, &self.origin.reactions, "on_accept")?;
        if !self.hooks.is_empty() {
            writeln!(f, "\n[hooks]")?;
        }
        for HookReaction { hook, nth, ops } in &self.hooks {
            let key = numbered(hook_name(*hook), *nth);
            writeln!(f, "{key} = {}", list(ops))?;
        }
        write_expect(f, &self.expect)
    }
}

fn write_expect(f: &mut fmt::Formatter<'_>, expect: &HttpExpect) -> fmt::Result {
    let HttpExpect { finish, participants, findings, order, of } = expect;
    if (finish, participants, findings, order) != (&None, &None, &None, &None) {
        writeln!(f, "\n[expect]")?;
    }
    if let Some(finish) = finish {
        writeln!(f, "finish = {}", quoted(finish.name()))?;
    }
    for (key, texts) in [("participants", participants), ("findings", findings)] {
        if let Some(texts) = texts {
            writeln!(f, "{key} = {}", list(texts))?;
        }
    }
    if let Some(order) = order {
        let items: Vec<_> = order.iter().map(|(name, event)| format!("{name}: {event}")).collect();
        writeln!(f, "order = {}", list(&items))?;
    }
    for HttpExpected { name, events, last, status, requests, body, has, lacks } in of {
        match name.contains(' ') {
            true => writeln!(f, "\n[expect.{}]", quoted(name))?,
            false => writeln!(f, "\n[expect.{name}]")?,
        }
        if let Some(events) = events {
            writeln!(f, "events = {}", list(events))?;
        }
        if let Some(last) = last {
            writeln!(f, "last = {}", quoted(last))?;
        }
        if let Some(status) = status {
            let all: Vec<_> = status.iter().map(u16::to_string).collect();
            writeln!(f, "status = [{}]", all.join(", "))?;
        }
        if let Some(requests) = requests {
            writeln!(f, "requests = {}", list(requests))?;
        }
        if let Some(body) = body {
            writeln!(f, "body = {body}")?;
        }
        for (key, texts) in [("has", has), ("lacks", lacks)] {
            if !texts.is_empty() {
                writeln!(f, "{key} = {}", list(texts))?;
            }
        }
    }
    Ok(())
}

fn write_settings(f: &mut fmt::Formatter<'_>, settings: &HttpSettings) -> fmt::Result {
    let usual = HttpSettings::default();
    if settings.default_inactivity_timeout != usual.default_inactivity_timeout {
        let span = Span(settings.default_inactivity_timeout);
        writeln!(f, "\n[net]\ndefault_inactivity_timeout = \"{span}\"")?;
    }
    let default_inactivity_timeout = settings.default_inactivity_timeout;
    if *settings == (HttpSettings { default_inactivity_timeout, ..usual }) {
        return Ok(());
    }
    writeln!(f, "\n[http]")?;
    if settings.threads != usual.threads {
        writeln!(f, "threads = {}", settings.threads)?;
    }
    for (name, is, was) in [
        ("client_timeout", settings.client_timeout, usual.client_timeout),
        ("origin_timeout", settings.origin_timeout, usual.origin_timeout),
        ("first_byte_timeout", settings.first_byte_timeout, usual.first_byte_timeout),
        ("keep_alive_timeout", settings.keep_alive_timeout, usual.keep_alive_timeout),
        ("active_timeout", settings.active_timeout, usual.active_timeout),
    ] {
        if is != was {
            writeln!(f, "{name} = \"{}\"", Span(is))?;
        }
    }
    if settings.water_mark != usual.water_mark {
        writeln!(f, "water_mark = {}", settings.water_mark)?;
    }
    if let Some((high, low)) = settings.flow_control {
        writeln!(f, "flow_control = [{high}, {low}]")?;
    }
    Ok(())
}

fn write_reactions(
    f: &mut fmt::Formatter<'_>,
    reactions: &[HttpReaction],
    start: &str,
) -> fmt::Result {
    for HttpReaction { when, ops } in reactions {
        let key = when_key(*when, start);
        let key = if key.contains('#') { format!("\"{key}\"") } else { key };
        writeln!(f, "{key} = {}", list(ops))?;
    }
    Ok(())
}

/// The key of a reaction, as a file has it, without quotes; `start` is that of the first one.
#[must_use]
pub fn when_key(when: When, start: &str) -> String {
    let counted = |name: String, nth: u32| match nth {
        0 => name,
        nth => format!("{name}#{nth}"),
    };
    match when {
        When::Start => start.to_owned(),
        When::After(span) => format!("after_{}", Span(span)),
        When::Head(nth) => counted("on_head".to_owned(), nth),
        When::End => "on_end".to_owned(),
        When::Event(event) => format!("on_{}", event_name(event)),
        When::Hook(hook, nth) => {
            counted(format!("at_{}", hook_name(hook)), if nth == 1 { 0 } else { nth })
        }
        When::NetVc(Trigger::Event(event, nth)) => {
            counted(format!("at_{}", event_name(event)), if nth == 1 { 0 } else { nth })
        }
        When::NetVc(_) => "at_connect".to_owned(),
    }
}

fn numbered(name: &str, nth: u32) -> String {
    if nth == 0 { name.to_owned() } else { format!("\"{name}#{nth}\"") }
}

fn list<T: fmt::Display>(ops: &[T]) -> String {
    let ops: Vec<_> = ops.iter().map(|op| quoted(&op.to_string())).collect();
    format!("[{}]", ops.join(", "))
}

/// A text as TOML writes it on one line.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            '\r' => out += "\\r",
            '\n' => out += "\\n",
            '\t' => out += "\\t",
            c if c.is_control() => out += &format!("\\u{:04X}", u32::from(c)),
            c => out.push(c),
        }
    }
    out + "\""
}
