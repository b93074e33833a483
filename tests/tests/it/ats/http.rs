//! What the port answers over TCP is what the real 9.2.9 answered when it was
//! recorded.

use conformance::ats::http::{
    Case, Difference, HttpServer, Origins, PortServers, Recording, Timeouts, play_all,
};
use conformance::deviations::Deviations;

#[test]
fn the_port_answers_as_the_real_server_did() {
    let (cases, recording, register) = (Case::all(), Recording::known(), Deviations::http());
    let origins = Origins::start().expect("a port");
    let port = PortServers::start(origins, Timeouts::OF_CASES).expect("a port");
    let differences = play_all(&cases, 64, |case| {
        let real = recording.get(&case.name).expect("recorded");
        Difference::between(real, &port.asker(case.setup).play(case, Some(real)))
    });
    let (mut unknown, mut explained) = (Vec::new(), Vec::new());
    for (case, difference) in cases.iter().zip(&differences) {
        let Some(difference) = difference else { continue };
        match register.explain_case(&case.name, difference) {
            Some(_) => explained.push(&*case.name),
            None => unknown.push(format!(
                "{}, behind {} lines\n  real {}\n  port {}",
                case.name, difference.index, difference.real, difference.port
            )),
        }
    }
    assert!(unknown.is_empty(), "{} differ:\n{}", unknown.len(), unknown.join("\n"));
    let played: Vec<&str> = cases.iter().map(|case| &*case.name).collect();
    let unused: Vec<_> = register.unused(&played, &explained).collect();
    assert!(unused.is_empty(), "no deviation any more: {unused:?}");
}
