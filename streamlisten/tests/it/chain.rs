//! After every push, remove and drop each listener knows the listener below it.

use std::ptr;
use std::rc::Rc;

use proptest::prelude::*;
use streamlisten::{Buf, Environment, ListenerChain, ListenerLink, StreamListener};

struct Silent(ListenerLink);

impl StreamListener for Silent {
    fn link(&self) -> &ListenerLink {
        &self.0
    }

    fn on_stream_alloc(&self, suggested: usize) -> Buf {
        Buf::fresh(suggested)
    }

    fn on_stream_read(&self, _: isize, _: Buf) {}
}

#[derive(Clone, Copy, Debug)]
enum Deed {
    Push(usize),
    Remove(usize),
    Drop(usize),
    DropChain,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        5 => (0..6_usize).prop_map(Deed::Push),
        3 => (0..6_usize).prop_map(Deed::Remove),
        2 => (0..6_usize).prop_map(Deed::Drop),
        1 => Just(Deed::DropChain),
    ]
}

fn is_same(a: Option<&Rc<dyn StreamListener>>, b: Option<&Rc<dyn StreamListener>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => ptr::eq(a.link(), b.link()),
        (a, b) => a.is_none() && b.is_none(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_listener_knows_who_is_below_it(deeds in proptest::collection::vec(deed(), 0..40)) {
        let env = Environment::new();
        let silent = || Rc::new(Silent(ListenerLink::new(&env))) as Rc<dyn StreamListener>;
        let mut listeners: Vec<Rc<dyn StreamListener>> = (0..6).map(|_| silent()).collect();
        let mut chain = ListenerChain::new();
        // The listeners in the chain, the newest last.
        let mut model: Vec<usize> = Vec::new();
        for deed in deeds {
            match deed {
                Deed::Push(who) if !model.contains(&who) => {
                    chain.push(&listeners[who]);
                    model.push(who);
                }
                Deed::Remove(who) if model.contains(&who) => {
                    chain.remove(&*listeners[who]);
                    model.retain(|other| *other != who);
                }
                Deed::Drop(who) => {
                    listeners[who] = silent();
                    model.retain(|other| *other != who);
                }
                Deed::DropChain => {
                    chain = ListenerChain::new();
                    model.clear();
                }
                Deed::Push(_) | Deed::Remove(_) => {}
            }
            prop_assert!(is_same(chain.head().as_ref(), model.last().map(|who| &listeners[*who])));
            for (who, listener) in listeners.iter().enumerate() {
                let place = model.iter().position(|other| *other == who);
                let below = place.and_then(|place| model[..place].last());
                let previous = listener.link().previous_listener();
                prop_assert!(is_same(previous.as_ref(), below.map(|below| &listeners[*below])));
                prop_assert_eq!(listener.link().chain().is_some(), place.is_some());
            }
        }
    }
}
