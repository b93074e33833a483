//! Random HTTP scenarios.
//!
//! A seed gives the same scenario everywhere. Seeds of one block of [`BLOCK`] have the same settings,
//! so that a server can perform them one after the other.
//!
//! The two arms agree to some milliseconds, and about timeouts to a second, so a random scenario has
//! no race of its own: what it does by a timer comes long before or long behind every timeout, two
//! timeouts are two seconds apart, and a reset comes when no large body is under way. What is left
//! is the proxy's.

use eventsys::hrtime::{mseconds, seconds};
use fastrand::Rng;
use httpsm::hooks::HttpHook;
use scenario::http::{
    ClientBy, Head, HookOp, HookReaction, HttpClient, HttpExpect, HttpOp, HttpOrigin, HttpReaction,
    HttpScenario, HttpSettings, OriginBy, Thread, When,
};

use crate::random::Choose;

/// How many seeds have the same settings.
pub const BLOCK: u64 = 50;

/// The hooks that a random scenario has lists for.
const HOOKS: [HttpHook; 10] = [
    HttpHook::TxnStart,
    HttpHook::ReadRequestHdr,
    HttpHook::PreRemap,
    HttpHook::PostRemap,
    HttpHook::CacheLookupComplete,
    HttpHook::OsDns,
    HttpHook::SendRequestHdr,
    HttpHook::ReadResponseHdr,
    HttpHook::SendResponseHdr,
    HttpHook::TxnClose,
];

/// The sizes of bodies: around nothing, a block, and the marks.
const SIZES: [i64; 10] = [0, 1, 5, 100, 4095, 4096, 5000, 20_000, 32_768, 70_000];

/// The scenario of this seed.
#[must_use]
pub fn generate_http(seed: u64) -> HttpScenario {
    let mut of_block = Rng::with_seed((seed / BLOCK).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let (settings, refuses) = (settings(&mut of_block), of_block.chance(6));
    let mut rng = Rng::with_seed(seed ^ 0x4854_5450);
    let mut maker =
        Maker { rng: &mut rng, settings, disturbed: false, has_body: false, held: Vec::new() };
    let count = if maker.rng.chance(20) { 2 } else { 1 };
    maker.disturbed = maker.rng.chance(35);
    let clients = (0..count).map(|number| maker.client(number, count)).collect();
    let origin = maker.origin(refuses);
    let hooks = maker.hooks();
    let origin = without_a_race(origin, &hooks);
    HttpScenario {
        title: format!("Random scenario {seed}"),
        teaches: "What a random scenario does.".to_owned(),
        settings,
        clients,
        origin,
        hooks,
        netvc: None,
        expect: HttpExpect::default(),
    }
}

/// A hook that ends with an error closes the origin server's connection in the turn in which the next
/// hook is called: whether a plugin that closes at that hook still sees the end depends on whether the
/// turn is one of a timer or of the sockets.
fn without_a_race(mut origin: HttpOrigin, hooks: &[HookReaction]) -> HttpOrigin {
    let fails = hooks.iter().flat_map(|list| &list.ops).any(|op| matches!(op, HookOp::Error));
    if fails && origin.by != OriginBy::Tcp {
        origin.reactions.retain(|reaction| !matches!(reaction.when, When::Hook(..)));
    }
    origin
}

fn settings(rng: &mut Rng) -> HttpSettings {
    let (client, origin) = rng.pick(&[(3, 5), (2, 5), (5, 2), (2, 7)]);
    HttpSettings {
        threads: if rng.chance(35) { 2 } else { 1 },
        client_timeout: seconds(client),
        origin_timeout: seconds(origin),
        // A second client says nothing for a while.
        first_byte_timeout: seconds(4),
        keep_alive_timeout: seconds(rng.pick(&[1, 3])),
        active_timeout: 0,
        water_mark: rng.pick(&[32_768, 32_768, 1, 4096]),
        flow_control: rng.pick(&[None, None, Some((65_536, 32_768)), Some((4096, 1024))]),
        ..HttpSettings::default()
    }
}

struct Maker<'a> {
    rng: &'a mut Rng,
    settings: HttpSettings,
    /// A client or the origin server closes early.
    disturbed: bool,
    /// A request has a body.
    has_body: bool,
    /// A client or the origin server acts at these hooks.
    held: Vec<HttpHook>,
}

fn on(when: When, ops: Vec<HttpOp>) -> HttpReaction {
    HttpReaction { when, ops }
}

fn text(text: &str) -> HttpOp {
    HttpOp::Send(text.to_owned())
}

impl Maker<'_> {
    fn size(&mut self) -> i64 {
        self.rng.pick(&SIZES)
    }

    /// A moment of a client that is long before every timeout. At a hook the transaction waits
    /// meanwhile.
    fn soon(&mut self, hooks: &[HttpHook]) -> When {
        match self.rng.chance(60) {
            true => {
                let hook = self.rng.pick(hooks);
                self.held.push(hook);
                When::Hook(hook, 1)
            }
            false => When::After(mseconds(self.rng.pick(&[100, 350]))),
        }
    }

    fn client(&mut self, number: usize, count: usize) -> HttpClient {
        let name = if count == 1 { String::new() } else { ["a", "b"][number].to_owned() };
        let by = if self.rng.chance(30) { ClientBy::Plugin } else { ClientBy::Tcp };
        let start = match number {
            0 => When::Start,
            // The order in which transactions begin is the same in both arms.
            _ => When::After(mseconds(1730)),
        };
        let mut reactions = Vec::new();
        let request = self.request(number, &mut reactions);
        reactions.insert(0, on(start, request));
        match self.rng.below(10) {
            0 => {}
            1..=2 => {
                reactions.push(on(When::Head(1), vec![HttpOp::Get("/again".to_owned())]));
                reactions.push(on(When::Head(2), vec![HttpOp::Finish]));
            }
            _ => reactions.push(on(When::Head(0), vec![HttpOp::Finish])),
        }
        // No random client closes before its body is complete: there the arms still differ.
        if self.disturbed && !self.has_body && self.rng.chance(50) {
            let when = self.soon(&HOOKS);
            let op = self.rng.pick(&[0, 1, 2]);
            let op = [HttpOp::End, HttpOp::Close, HttpOp::Reset][op].clone();
            reactions.push(on(when, vec![op]));
        }
        HttpClient { name, by, reactions }
    }

    fn request(&mut self, number: usize, later: &mut Vec<HttpReaction>) -> Vec<HttpOp> {
        let size = self.size();
        let kind = self.rng.below(20);
        self.has_body |= (7..=12).contains(&kind);
        match kind {
            0 => Vec::new(),
            1 => vec![text("GET /old HTTP/1.0\r\n\r\n")],
            2 => vec![text("OPTIONS /options HTTP/1.1\r\nHost: h\r\n\r\n")],
            3 if number == 0 => {
                later.push(on(When::After(mseconds(150)), vec![text("ost: h\r\n\r\n")]));
                vec![text("GET /cut HTTP/1.1\r\nH")]
            }
            4 => vec![text("GET /close HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")],
            5 => vec![text("NONSENSE\r\n\r\n")],
            6 => vec![HttpOp::Get("/a".to_owned()), HttpOp::Get("/b".to_owned())],
            7..=8 => vec![
                text("PUT /chunks HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"),
                HttpOp::Chunk(size.max(1)),
                HttpOp::Chunk(0),
            ],
            9 if number == 0 => {
                let head =
                    format!("POST /late HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\n");
                later.push(on(When::After(mseconds(200)), vec![HttpOp::Body(size)]));
                vec![text(&head)]
            }
            10..=12 => vec![HttpOp::Post("/post".to_owned(), size)],
            _ => vec![HttpOp::Get("/get".to_owned())],
        }
    }

    fn origin(&mut self, refuses: bool) -> HttpOrigin {
        if refuses {
            return HttpOrigin { by: OriginBy::Refuses, reactions: Vec::new() };
        }
        let by = match self.rng.below(10) {
            0..=4 => OriginBy::Tcp,
            5..=7 => OriginBy::ServerIntercept,
            _ => OriginBy::Intercept,
        };
        let mut reactions = Vec::new();
        let answer = self.answer();
        match self.rng.below(12) {
            0 => {}
            // An answer that comes before the body is registered, not random.
            _ if self.has_body => reactions.push(on(When::After(mseconds(450)), answer)),
            1 => reactions.push(on(When::After(mseconds(450)), answer)),
            2 if by != OriginBy::Tcp => reactions.push(on(When::Start, answer)),
            _ => reactions.push(on(When::Head(0), answer)),
        }
        if self.disturbed && self.rng.chance(40) {
            // Before these it has no connection, or not for sure.
            let when = self.soon(&[HttpHook::ReadResponseHdr, HttpHook::SendResponseHdr]);
            let op = self.rng.pick(&[0, 1, 2]);
            let op = [HttpOp::End, HttpOp::Close, HttpOp::Reset][op].clone();
            reactions.push(on(when, vec![op]));
        }
        HttpOrigin { by, reactions }
    }

    fn answer(&mut self) -> Vec<HttpOp> {
        let size = if self.disturbed { self.rng.pick(&[0, 5, 100]) } else { self.size() };
        let status = self.rng.pick(&[200, 200, 200, 404, 500]);
        match self.rng.below(14) {
            0 => vec![text("HTTP/1.1 200 A\r\n\r\n"), HttpOp::Body(size), HttpOp::Finish],
            1 => vec![
                text("HTTP/1.1 200 A\r\nTransfer-Encoding: chunked\r\n\r\n"),
                HttpOp::Chunk(size.max(1)),
                HttpOp::Chunk(0),
            ],
            2 => vec![
                text("HTTP/1.1 200 A\r\nContent-Length: 100\r\n\r\n"),
                HttpOp::Body(50),
                HttpOp::Finish,
            ],
            3 => vec![text("nonsense\r\n\r\n"), HttpOp::Finish],
            4 => vec![HttpOp::Finish],
            5 => vec![text("HTTP/1.1 304 A\r\n\r\n")],
            6 => vec![text("HTTP/1.1 204 A\r\n\r\n")],
            7 => vec![HttpOp::Answer(status, size), HttpOp::Finish],
            8 => vec![
                text("HTTP/1.1 200 A\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"),
                HttpOp::Body(5),
                HttpOp::Finish,
            ],
            _ => vec![HttpOp::Answer(status, size)],
        }
    }

    fn hooks(&mut self) -> Vec<HookReaction> {
        let mut lists: Vec<HookReaction> = Vec::new();
        for hook in std::mem::take(&mut self.held) {
            if lists.iter().all(|list| list.hook != hook) {
                let ops = vec![HookOp::Wait(mseconds(250)), HookOp::Reenable];
                lists.push(HookReaction { hook, nth: 1, ops });
            }
        }
        for _ in 0..self.rng.pick(&[0, 1, 1, 1, 2, 3]) {
            let (hook, nth) = (self.rng.pick(&HOOKS), u32::from(self.rng.chance(20)));
            if lists.iter().all(|list| (list.hook, list.nth) != (hook, nth)) {
                let ops = self.hook_ops(hook);
                lists.push(HookReaction { hook, nth, ops });
            }
        }
        lists
    }

    fn hook_ops(&mut self, hook: HttpHook) -> Vec<HookOp> {
        let mut ops = Vec::new();
        for _ in 0..self.rng.below(3) {
            ops.push(self.small_op(hook));
        }
        let go = |thread| HookOp::Go(thread);
        let other = if self.settings.threads == 2 { Thread::Other } else { Thread::Task };
        let elsewhere = self.rng.pick(&[Thread::Task, Thread::Foreign, other, other]);
        let short = HookOp::Wait(mseconds(self.rng.pick(&[200, 600])));
        // Behind every timeout.
        let long = HookOp::Wait(seconds(self.rng.pick(&[9, 11])));
        ops.extend(match self.rng.below(20) {
            0 => vec![],
            1..=2 => vec![HookOp::Error],
            3 => vec![HookOp::Status(self.rng.pick(&[403, 500])), HookOp::Error],
            4..=5 => vec![short, HookOp::Reenable],
            6..=7 => vec![long, HookOp::Reenable],
            8..=11 => vec![go(elsewhere), HookOp::Reenable],
            12 => vec![short, go(elsewhere), HookOp::Error],
            13 => vec![
                HookOp::Reenable,
                HookOp::Wait(seconds(12)),
                HookOp::See(Head::ClientRequest, None),
            ],
            14 => vec![go(elsewhere), HookOp::See(Head::ClientRequest, None), HookOp::Reenable],
            _ => vec![HookOp::Reenable],
        });
        ops
    }

    fn small_op(&mut self, hook: HttpHook) -> HookOp {
        // What a head has at its place; to change one that is not there does nothing.
        let heads = match hook {
            HttpHook::TxnStart => return HookOp::Hook(HttpHook::SendResponseHdr),
            HttpHook::SendRequestHdr => &[Head::ServerRequest, Head::ClientRequest][..],
            HttpHook::ReadResponseHdr => &[Head::ServerResponse, Head::ServerRequest],
            HttpHook::SendResponseHdr => &[Head::ClientResponse],
            _ => &[Head::ClientRequest],
        };
        let head = self.rng.pick(heads);
        match self.rng.below(8) {
            0 => HookOp::Set(head, "X-A".to_owned(), "1".to_owned()),
            1 => HookOp::Add(head, "X-B".to_owned(), "2".to_owned()),
            2 => HookOp::Remove(head, "Host".to_owned()),
            3 => HookOp::See(head, Some("Host".to_owned())),
            4 => HookOp::Hook(self.rng.pick(&HOOKS)),
            _ => HookOp::See(head, None),
        }
    }
}
