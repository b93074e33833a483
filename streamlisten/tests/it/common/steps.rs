//! Every event that node wants, as it comes, and the state of the machine at that
//! moment.

use streamlisten::llhttp::{Event, Lenient, Machine, MessageType, Notice, Span, Step, Wanted};

/// What is done with a machine.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) kind: u8,
    pub(crate) lenient: u32,
    pub(crate) input: Vec<u8>,
    pub(crate) cuts: Vec<usize>,
    /// What the callbacks answer, over and over.
    pub(crate) replies: Vec<i32>,
    /// Inside the callback with this number: a walk over another input.
    pub(crate) inner: Option<(usize, Vec<u8>)>,
}

struct Follower<'a> {
    plan: &'a Plan,
    machine: Machine,
    told: Vec<String>,
    events: usize,
    depth: usize,
}

/// Carries `plan` out. `wanted` must include what node wants; the rest is left out.
pub(crate) fn follow(plan: &Plan, wanted: Wanted) -> Vec<String> {
    let machine = Machine::new(kind(plan.kind), Lenient::from_bits(plan.lenient), wanted);
    let mut follower = Follower { plan, machine, told: Vec::new(), events: 0, depth: 0 };
    let mut edges: Vec<usize> = plan.cuts.iter().map(|cut| cut % (plan.input.len() + 1)).collect();
    edges.push(plan.input.len());
    edges.sort_unstable();
    let mut from = 0;
    for edge in edges {
        follower.walk(&plan.input[from..edge]);
        follower.machine.resume();
        follower.machine.resume_after_upgrade();
        from = edge;
    }
    let finish = follower.machine.finish();
    follower.told.push(format!("finish {finish:?}"));
    follower.told
}

/// The kind of message with this number.
pub(crate) fn kind(number: u8) -> MessageType {
    match number % 3 {
        0 => MessageType::Request,
        1 => MessageType::Response,
        _ => MessageType::Both,
    }
}

impl Follower<'_> {
    fn walk(&mut self, piece: &[u8]) {
        self.depth += 1;
        let mut run = self.machine.begin();
        while let Step::Event(event) = self.machine.step(&mut run, piece) {
            if !is_wanted_by_node(event) {
                continue;
            }
            self.tell(&format!("{event:?}"));
            if let (1, Some((at, inner))) = (self.depth, &self.plan.inner)
                && *at == self.events
            {
                self.walk(inner);
            }
            let reply = self.plan.replies[self.events % self.plan.replies.len()];
            self.events += 1;
            self.machine.reply(&mut run, reply);
        }
        self.depth -= 1;
        let (pos, reason) = (self.machine.error_pos(), self.machine.reason());
        self.tell(&format!("{:?} {pos:?} {reason}", run.result()));
    }

    fn tell(&mut self, what: &str) {
        let machine = &self.machine;
        let (method, version, status) =
            (machine.method(), machine.version(), machine.status_code());
        let (upgrade, keep) = (machine.upgrade(), machine.should_keep_alive());
        self.told.push(format!("{what} {method} {version:?} {status} {upgrade} {keep}"));
    }
}

fn is_wanted_by_node(event: Event) -> bool {
    match event {
        Event::HeadersComplete => true,
        Event::Span { span, .. } => !matches!(span, Span::Protocol | Span::Method | Span::Version),
        Event::Notice(notice) => matches!(
            notice,
            Notice::MessageBegin
                | Notice::ChunkHeader
                | Notice::ChunkComplete
                | Notice::MessageComplete
        ),
    }
}
