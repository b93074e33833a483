//! What a connection says about itself and its peer: addresses, data, identity,
//! options, the thread it was made on.

use std::any::Any;
use std::sync::Arc;

use eventsys::steps::Step;
use iocore::{
    ApiData, DataId, NetVConnection, NetVConnectionContext, NetVcRef, UserData, VConnection,
};
use pluginvc::steps::{CREATE, Side, pair, subject};
use pluginvc::{Active, Passive, PluginVC, PluginVcOptions};
use testkit::{Lab, panic_text};

/// A connected pair and its two ends.
fn ends(lab: &Lab, options: PluginVcOptions) -> (Arc<PluginVC<Active>>, Arc<PluginVC<Passive>>) {
    let (a, p) = lab.agents();
    let core = lab.pair_with(&a, &p, options);
    (core.active_vc().unwrap(), core.passive_vc().unwrap())
}

fn text(text: &str) -> UserData {
    let data: Arc<dyn Any + Send + Sync> = Arc::new(text.to_owned());
    Some(data)
}

fn stored(vc: &dyn NetVConnection, id: DataId) -> Option<String> {
    match vc.get_data(id) {
        Some(ApiData::User(data)) => {
            data.map(|data| data.downcast_ref::<String>().unwrap().clone())
        }
        _ => panic!("no user data"),
    }
}

#[test]
fn what_is_local_to_one_end_is_remote_to_the_other() {
    let lab = Lab::new();
    let (active, passive) = ends(&lab, PluginVcOptions::default());
    assert_eq!((active.get_local_addr(), active.get_remote_addr()), (None, None));
    let (here, there) = ("10.0.0.1:1".parse().unwrap(), "[::1]:8080".parse().unwrap());
    active.core().set_active_addr(here);
    active.core().set_passive_addr(there);
    assert_eq!((active.get_local_addr(), active.get_remote_addr()), (Some(here), Some(there)));
    assert_eq!((passive.get_local_addr(), passive.get_remote_addr()), (Some(there), Some(here)));
}

#[test]
fn data_set_at_one_end_is_seen_from_the_other() {
    let lab = Lab::new();
    let (active, passive) = ends(&lab, PluginVcOptions::default());
    assert_eq!(stored(&*active, DataId::PluginVcLocal), None);
    assert!(active.set_data(DataId::PluginVcLocal, text("a's own")));
    assert!(active.set_data(DataId::PluginVcRemote, text("for p")));
    assert_eq!(stored(&*passive, DataId::PluginVcRemote).as_deref(), Some("a's own"));
    assert_eq!(stored(&*passive, DataId::PluginVcLocal).as_deref(), Some("for p"));
    assert!(passive.set_data(DataId::PluginVcLocal, text("p's own")));
    assert!(passive.set_data(DataId::PluginVcRemote, None));
    assert_eq!(stored(&*active, DataId::PluginVcRemote).as_deref(), Some("p's own"));
    assert_eq!(stored(&*active, DataId::PluginVcLocal), None);
}

#[test]
fn data_may_be_set_at_the_pair_before_it_is_connected() {
    let lab = Lab::new();
    let (active, passive) = ends(&lab, PluginVcOptions::default());
    active.core().set_active_data(text("active"));
    active.core().set_passive_data(text("passive"));
    assert_eq!(stored(&*active, DataId::PluginVcLocal).as_deref(), Some("active"));
    assert_eq!(stored(&*passive, DataId::PluginVcLocal).as_deref(), Some("passive"));
}

#[test]
fn an_unknown_id_is_refused() {
    let lab = Lab::new();
    let (active, _) = ends(&lab, PluginVcOptions::default());
    for id in [DataId::ReadVio, DataId::WriteVio, DataId::OutputVc] {
        assert!(active.get_data(id).is_none());
        assert!(!active.set_data(id, text("x")));
    }
    assert!(!active.set_data(DataId::Closed, None), "closed can be asked, not set");
}

#[test]
fn each_end_says_whether_it_is_closed() {
    let lab = Lab::new();
    let (active, passive) = ends(&lab, PluginVcOptions::default());
    let closed = |vc: &dyn NetVConnection| {
        matches!(vc.get_data(DataId::Closed), Some(ApiData::Closed(true)))
    };
    assert!(!closed(&*active) && !active.is_closed());
    active.do_io_close(None);
    assert!(closed(&*active) && active.is_closed());
    assert!(!closed(&*passive) && !passive.is_closed());
}

#[test]
fn both_ends_carry_the_plugins_tag_and_number() {
    let lab = Lab::new();
    let options = PluginVcOptions {
        plugin_tag: Some("healthcheck".into()),
        plugin_id: 42,
        ..PluginVcOptions::default()
    };
    let (active, passive) = ends(&lab, options);
    for vc in [active as NetVcRef, passive] {
        assert_eq!((vc.plugin_tag().as_deref(), vc.plugin_id()), (Some("healthcheck"), 42));
    }
    let (active, passive) = ends(&lab, PluginVcOptions::default());
    for vc in [active as NetVcRef, passive] {
        assert_eq!((vc.plugin_tag(), vc.plugin_id()), (None, 0));
    }
}

#[test]
fn the_ends_of_a_pair_are_transparent_one_by_one() {
    let lab = Lab::new();
    let (active, passive) = ends(&lab, PluginVcOptions::default());
    active.core().set_transparent(true, false);
    let of = |vc: &dyn NetVConnection| vc.net_base().is_transparent();
    assert_eq!((of(&*active), of(&*passive)), (false, true));
    active.core().set_transparent(false, true);
    assert_eq!((of(&*active), of(&*passive)), (true, false));
}

#[test]
fn the_context_is_set_once() {
    let lab = Lab::new();
    let (active, passive) = ends(&lab, PluginVcOptions::default());
    active.net_base().set_context(NetVConnectionContext::In);
    passive.net_base().set_context(NetVConnectionContext::Out);
    assert_eq!(active.net_base().context(), Some(NetVConnectionContext::In));
    assert_eq!(passive.net_base().context(), Some(NetVConnectionContext::Out));
    let again = panic_text(|| active.net_base().set_context(NetVConnectionContext::In));
    assert!(again.contains("NET_VCONNECTION_UNSET == netvc_context"), "{again}");
}

#[test]
fn a_pair_belongs_to_the_thread_that_made_it() {
    let lab = Lab::new();
    let (active, passive) = ends(&lab, PluginVcOptions::default());
    for vc in [active as NetVcRef, passive] {
        assert!(Arc::ptr_eq(&vc.net_base().thread().unwrap(), lab.thread.thread()));
    }
}

#[test]
fn what_only_sockets_can_do_is_answered_and_does_nothing() {
    let lab = Lab::new();
    let (active, _) = ends(&lab, PluginVcOptions::default());
    lab.take();
    active.add_to_keep_alive_queue();
    active.remove_from_keep_alive_queue();
    active.apply_options();
    assert!(active.add_to_active_queue());
    assert!(!active.set_tcp_congestion_control(NetVConnectionContext::In));
    assert_eq!(active.lerrno(), 0);
    lab.expect("");
}

#[test]
fn each_pair_has_a_number_of_its_own_and_both_ends_lead_to_it() {
    let lab = Lab::new();
    let (a1, p1) = ends(&lab, PluginVcOptions::default());
    let (a2, _) = ends(&lab, PluginVcOptions::default());
    assert!(a1.core().id() < a2.core().id());
    assert!(Arc::ptr_eq(&a1.core(), &p1.core()));
    assert_ne!(a1.side(), p1.side());
}

#[test]
fn a_freed_pair_has_no_ends_and_no_data() {
    let lab = Lab::new();
    let (active, passive) = ends(&lab, PluginVcOptions::default());
    active.set_data(DataId::PluginVcLocal, text("gone"));
    active.core().set_active_addr("10.0.0.1:1".parse().unwrap());
    let core = active.core();
    active.do_io_close(None);
    passive.do_io_close(None);
    lab.settle();
    assert!(core.is_freed());
    // A user that still has an end may look at it.
    assert_eq!(active.get_local_addr(), None);
    assert_eq!(stored(&*active, DataId::PluginVcLocal), None);
}

#[test]
fn a_subject_is_found_by_its_letter() {
    for side in Side::BOTH {
        let letter = side.letter();
        assert_eq!(subject(&letter.to_string()), Some(side.into()));
        assert_eq!(side.of_pair(7).what, letter);
        assert_eq!(Side::of(&Step::bare(side.of_pair(7), CREATE, None)), Some(side));
    }
    assert_eq!(subject("-"), Some(pair(0)));
    assert_eq!(Side::of(&Step::bare(pair(7), CREATE, None)), None);
    assert_eq!(subject("X"), None);
}
