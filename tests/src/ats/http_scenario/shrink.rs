//! A small HTTP scenario that still differs.

use scenario::Op;
use scenario::http::{ClientBy, HookOp, HttpOp, HttpReaction, HttpScenario, HttpSettings, Thread};

use crate::shrink::Shrinking;

/// How much is tried. A server plays one scenario after the other, and one with other settings has
/// to start first.
const SHRINKING: Shrinking = Shrinking { at_once: 1, tries: 150 };

/// The smallest form of `scenario` that is found for which `differs` is still true.
///
/// # Errors
/// The first error of `differs`.
pub fn shrink_http<E>(
    scenario: HttpScenario,
    mut differs: impl FnMut(&HttpScenario) -> Result<bool, E>,
) -> Result<HttpScenario, E> {
    SHRINKING.one(scenario, candidates, |tries: Vec<HttpScenario>| {
        tries.into_iter().map(|one| Ok(differs(&one)?.then_some(one))).collect()
    })
}

/// Everything that is one change smaller, the largest changes first.
fn candidates(scenario: &HttpScenario) -> Vec<HttpScenario> {
    let mut all = Vec::new();
    let mut add = |change: &dyn Fn(&mut HttpScenario)| {
        let mut one = scenario.clone();
        change(&mut one);
        if one != *scenario {
            all.push(one);
        }
    };
    if scenario.clients.len() > 1 {
        for at in 0..scenario.clients.len() {
            add(&|one| {
                one.clients.remove(at);
            });
        }
    }
    for at in 0..scenario.hooks.len() {
        add(&|one| {
            one.hooks.remove(at);
        });
    }
    for at in 0..scenario.clients.len() {
        without(&scenario.clients[at].reactions, |reactions| {
            add(&|one| one.clients[at].reactions = reactions.clone());
        });
    }
    without(&scenario.origin.reactions, |reactions| {
        add(&|one| one.origin.reactions = reactions.clone());
    });
    for at in 0..scenario.hooks.len() {
        for op in 0..scenario.hooks[at].ops.len() {
            add(&|one| {
                one.hooks[at].ops.remove(op);
            });
        }
    }
    for at in 0..scenario.netvc.iter().flatten().count() {
        add(&|one| {
            one.netvc.iter_mut().for_each(|user| drop(user.remove(at)));
        });
    }
    for (at, reaction) in scenario.netvc.iter().flatten().enumerate() {
        for op in 0..reaction.ops.len() {
            add(&|one| {
                one.netvc.iter_mut().for_each(|user| {
                    user[at].ops.remove(op);
                });
            });
            add(&|one| {
                one.netvc.iter_mut().for_each(|user| smaller(&mut user[at].ops[op]));
            });
        }
    }
    add(&|one| one.clients.iter_mut().for_each(|client| client.by = ClientBy::Tcp));
    // Each of these starts a server of its own.
    let usual = HttpSettings { threads: scenario.settings.threads, ..HttpSettings::default() };
    add(&|one| one.settings = usual);
    let is_other = |op: &HookOp| matches!(op, HookOp::Go(Thread::Other));
    if !scenario.hooks.iter().flat_map(|hook| &hook.ops).any(is_other) {
        add(&|one| one.settings.threads = 1);
    }
    all
}

/// With ten bytes.
fn smaller(op: &mut Op) {
    match op {
        Op::DoIoRead(n, _) | Op::DoIoWrite(n, _) if (11..i64::MAX).contains(n) => *n = 10,
        Op::Write(n) if *n > 10 => *n = 10,
        _ => {}
    }
}

/// The reactions without each of them, without each operation, and with small bodies.
fn without(reactions: &[HttpReaction], mut give: impl FnMut(Vec<HttpReaction>)) {
    for at in 0..reactions.len() {
        let mut fewer = reactions.to_vec();
        fewer.remove(at);
        give(fewer);
    }
    for (at, reaction) in reactions.iter().enumerate() {
        for op in 0..reaction.ops.len() {
            let mut fewer = reactions.to_vec();
            fewer[at].ops.remove(op);
            give(fewer);
            let mut smaller = reactions.to_vec();
            let ops = &mut smaller[at].ops;
            ops[op] = match &ops[op] {
                HttpOp::Post(path, n) if *n > 5 => HttpOp::Post(path.clone(), 5),
                HttpOp::Answer(status, n) if *n > 5 => HttpOp::Answer(*status, 5),
                HttpOp::Body(n) if *n > 5 => HttpOp::Body(5),
                HttpOp::Chunk(n) if *n > 5 => HttpOp::Chunk(5),
                other => other.clone(),
            };
            give(smaller);
        }
    }
}
