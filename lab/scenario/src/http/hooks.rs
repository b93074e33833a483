//! The plugin of a scenario: its hooks, and the lists of operations that they carry out.

use std::sync::Arc;

use eventsys::{Data, EThread, EventCode, FreeContinuation, Outcome};
use httpsm::hdr::MIMEHdr;
use httpsm::hooks::HttpHook;
use httpsm::{HttpData, HttpEvents, HttpProxy, HttpSsn, HttpTxn};

use super::escape::escape;
use super::hook_op::{Head, HookOp, Thread};
use super::model::{OriginBy, When, hook_name};
use super::record::{HttpWhat, OWN};
use super::stage::{Stage, Txn, Who};
use super::user::User;

const CONTINUE: EventCode = EventCode::TS_EVENT_HTTP_CONTINUE;
const ERROR: EventCode = EventCode::TS_EVENT_HTTP_ERROR;

/// What a transaction without a head, or a head without a field, shows.
const NOTHING: &str = "nothing";

/// Adds a hook at each place.
pub(super) fn install(stage: &Arc<Stage>, proxy: &Arc<HttpProxy>) {
    for &hook in HttpHook::ALL {
        let stage = Arc::clone(stage);
        let cont = FreeContinuation::new(move |_, _, data: Data<'_>| {
            if let Some(txn) = data.txn() {
                called(&stage, hook, txn);
            } else if let Some(ssn) = data.ssn() {
                session_called(&stage, hook, ssn);
            }
            Outcome::Done
        });
        proxy.hooks().add(hook, cont);
    }
}

fn session_called(stage: &Stage, hook: HttpHook, ssn: &HttpSsn) {
    let name = {
        let mut shared = stage.shared();
        let known = shared.sessions.iter().position(|id| *id == ssn.id());
        let number = known.unwrap_or_else(|| {
            shared.sessions.push(ssn.id());
            shared.sessions.len() - 1
        });
        match hook {
            HttpHook::SsnClose => shared.open_sessions -= 1,
            _ => shared.open_sessions += 1,
        }
        format!("session {}", number + 1)
    };
    stage.note(&name, hook_name(hook));
    ssn.reenable(CONTINUE);
}

/// The index of the calling event thread.
fn here() -> usize {
    EThread::with_current(|thread| thread.map_or(usize::MAX, |thread| thread.index()))
}

fn called(stage: &Arc<Stage>, hook: HttpHook, txn: &HttpTxn) {
    let (nth, name, is_home, intercepts) = {
        let mut shared = stage.shared();
        let number = shared.txns.len() + 1;
        let of = shared.txns.entry(txn.id()).or_insert_with(|| Txn {
            number,
            home: here(),
            held: None,
            is_intercepted: false,
            is_closed: false,
        });
        of.held = Some(txn.clone());
        of.is_closed |= hook == HttpHook::TxnClose;
        let is_first = hook == HttpHook::ReadRequestHdr && !of.is_intercepted;
        of.is_intercepted |= is_first;
        let (name, is_home) = (format!("txn {}", of.number), of.home == here());
        let count = shared.hook_counts.entry(hook).or_default();
        *count += 1;
        let nth = *count;
        shared.moments.push_back(When::Hook(hook, nth));
        (nth, name, is_home, is_first)
    };
    let place = if is_home { "" } else { ", on another thread" };
    stage.note(&name, format!("{}{place}", hook_name(hook)));
    if intercepts {
        let op = match stage.scenario.origin.by {
            OriginBy::ServerIntercept => Some(HookOp::ServerIntercept),
            OriginBy::Intercept => Some(HookOp::Intercept),
            OriginBy::Tcp | OriginBy::Refuses => None,
        };
        if let Some(op) = op {
            let user = User::new(stage, Who::Origin).cont();
            let is_server = op == HookOp::ServerIntercept;
            stage.record(&name, HttpWhat::HookOp { list: None, index: 0, op, found: None });
            if is_server { txn.server_intercept(user) } else { txn.intercept(user) }
        }
    }
    let is_over = stage.shared().ending;
    match stage.scenario.list_of(hook, nth).filter(|_| !is_over) {
        Some(list) => List { stage: Arc::clone(stage), txn: txn.clone(), name, list }.go_on(0),
        None => give_back(stage, txn, CONTINUE),
    }
}

fn give_back(stage: &Stage, txn: &HttpTxn, event: EventCode) {
    if let Some(of) = stage.shared().txns.get_mut(&txn.id()) {
        of.held = None;
    }
    txn.reenable(event);
}

/// A list of operations under way.
struct List {
    stage: Arc<Stage>,
    txn: HttpTxn,
    name: String,
    /// Which list of the scenario it is.
    list: usize,
}

impl List {
    /// Carries out the operations from this one on.
    fn go_on(self, from: usize) {
        let stage = Arc::clone(&self.stage);
        let ops = &stage.scenario.hooks[self.list].ops;
        for (at, op) in ops.iter().enumerate().skip(from) {
            let record = |found| {
                let (list, op) = (Some(self.list), op.clone());
                HttpWhat::HookOp { list, index: at, op, found }
            };
            // These the report tells, too.
            if !matches!(op, HookOp::Reenable | HookOp::Error | HookOp::See(..)) {
                stage.record(&self.name, record(None));
            }
            match op {
                HookOp::Wait(span) => {
                    let home = self.home();
                    home.schedule_in(self.later(at + 1), *span);
                    return;
                }
                HookOp::Go(thread) => return self.go(*thread, at + 1),
                HookOp::Reenable => self.give_back("reenable", CONTINUE, record(None)),
                HookOp::Error => self.give_back("error", ERROR, record(None)),
                HookOp::See(head, field) => {
                    let found = self.see(*head, field.as_deref());
                    let name = field.as_ref().map_or(String::new(), |field| format!(" {field}"));
                    let text = format!("sees {}{name}: {found}", head.name());
                    stage.note_as(&self.name, &text, record(Some(found)));
                }
                HookOp::Set(head, name, value) => {
                    self.change(*head, |fields| fields.value_set(name, value.as_bytes()));
                }
                HookOp::Add(head, name, value) => {
                    self.change(*head, |fields| fields.append(name, value.as_bytes()));
                }
                HookOp::Remove(head, name) => {
                    self.change(*head, |fields| fields.field_delete(name));
                }
                HookOp::Status(status) => self.txn.set_status(*status),
                HookOp::ServerIntercept => {
                    self.txn.server_intercept(User::new(&stage, Who::Origin).cont());
                }
                HookOp::Intercept => self.txn.intercept(User::new(&stage, Who::Origin).cont()),
                HookOp::Hook(hook) => self.add_hook(*hook),
            }
        }
    }

    /// The thread of the transaction's first hook.
    fn home(&self) -> Arc<EThread> {
        let home = self.stage.shared().txns.get(&self.txn.id()).map(|txn| txn.home);
        let threads = self.stage.threads.get().expect("set before the first connection");
        let found = threads.net.iter().find(|thread| Some(thread.index()) == home);
        Arc::clone(found.unwrap_or(&threads.net[0]))
    }

    /// The rest of the list as a continuation, which is called once.
    fn later(self, at: usize) -> Arc<dyn eventsys::Continuation> {
        self.stage.shared().pending += 1;
        let rest = std::sync::Mutex::new(Some(self));
        FreeContinuation::new(move |_, _, _| {
            let rest = rest.lock().map(|mut rest| rest.take()).unwrap_or_default();
            if let Some(list) = rest {
                list.resume(at);
            }
            Outcome::Done
        })
    }

    fn resume(self, at: usize) {
        self.stage.note_activity();
        let is_over = {
            let mut shared = self.stage.shared();
            shared.pending -= 1;
            shared.ending
        };
        if !is_over {
            self.go_on(at);
        }
    }

    fn go(self, thread: Thread, at: usize) {
        let stage = Arc::clone(&self.stage);
        let threads = stage.threads.get().expect("set before the first connection");
        let home = self.home();
        let to = match thread {
            Thread::Home => home,
            Thread::Other => {
                let other = threads.net.iter().find(|thread| thread.index() != home.index());
                Arc::clone(other.unwrap_or(&home))
            }
            Thread::Task => {
                stage.shared().has_tasks = true;
                Arc::clone(&threads.task)
            }
            Thread::Foreign => {
                let mut shared = stage.shared();
                shared.pending += 1;
                shared.foreign.push(Box::new(move || self.resume(at)));
                return;
            }
        };
        to.schedule_imm(self.later(at));
    }

    fn give_back(&self, what: &str, event: EventCode, record: HttpWhat) {
        self.stage.note_as(&self.name, what, record);
        give_back(&self.stage, &self.txn, event);
    }

    /// The first line of a head, or the value of a field.
    fn see(&self, head: Head, field: Option<&str>) -> String {
        let first_line = |print: &dyn Fn(&mut Vec<u8>)| {
            let mut text = Vec::new();
            print(&mut text);
            let line = text.split(|&byte| byte == b'\r').next().unwrap_or_default();
            escape(line)
        };
        let value = |fields: &MIMEHdr| {
            let value = fields.value_get(field.unwrap_or_default());
            value.map(|value| String::from_utf8_lossy(value).into_owned())
        };
        let txn = &self.txn;
        let request = |head: httpsm::hdr::RequestHdr| match field {
            None => Some(first_line(&|out| head.print(out))),
            Some(_) => value(&head.fields),
        };
        let response = |head: httpsm::hdr::ResponseHdr| match field {
            None => Some(first_line(&|out| head.print(out))),
            Some(_) => value(&head.fields),
        };
        let found = match head {
            Head::ClientRequest => request(txn.client_request()),
            Head::ServerRequest => txn.server_request().and_then(request),
            Head::ServerResponse => {
                txn.has_server_response().then(|| txn.server_response()).and_then(response)
            }
            Head::ClientResponse => txn.client_response().and_then(response),
        };
        found.unwrap_or_else(|| NOTHING.to_owned())
    }

    fn change(&self, head: Head, f: impl FnOnce(&mut MIMEHdr)) {
        let txn = &self.txn;
        match head {
            Head::ClientRequest => txn.with_client_request(|head| f(&mut head.fields)),
            Head::ServerRequest => {
                txn.with_server_request(|head| f(&mut head.fields));
            }
            Head::ServerResponse => txn.with_server_response(|head| f(&mut head.fields)),
            Head::ClientResponse => {
                txn.with_client_response(|head| f(&mut head.fields));
            }
        }
    }

    /// A hook of this transaction alone, which gives back at once.
    fn add_hook(&self, hook: HttpHook) {
        let (stage, name) = (Arc::clone(&self.stage), self.name.clone());
        let cont = FreeContinuation::new(move |_, _, data: Data<'_>| {
            if let Some(txn) = data.txn() {
                stage.note(&name, format!("{}{OWN}", hook_name(hook)));
                txn.reenable(CONTINUE);
            }
            Outcome::Done
        });
        self.txn.add_hook(hook, cont);
    }
}
