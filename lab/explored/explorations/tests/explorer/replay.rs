//! The same schedule is the same execution.

use std::sync::Arc;

use explorer::sync::Mutex;
use explorer::sync::atomic::{AtomicU32, Ordering::SeqCst};
use explorer::sync::thread;
use explorer::{Choice, Explorer, Operation, Schedule, Trace, What};

use crate::found::lost_update;

#[test]
fn a_schedule_leads_to_the_same_execution_a_thousand_times() {
    let explorer = Explorer::new();
    let found = explorer.explore(lost_update).first().unwrap().clone();
    let first = explorer.replay(&found.schedule, lost_update).unwrap();
    assert_eq!(first.violation, Some(found.violation));
    for _ in 0..1_000 {
        assert_eq!(explorer.replay(&found.schedule, lost_update).unwrap(), first);
    }
}

#[test]
fn one_interruption_less_and_nothing_is_found() {
    let found = Explorer::new().explore(lost_update).first().unwrap().clone();
    assert!(Explorer::new().is_minimal(&found, lost_update));
}

#[test]
fn a_schedule_of_another_program_is_refused_and_without_its_word_tried() {
    let explorer = Explorer::new();
    let found = explorer.explore(lost_update).first().unwrap().clone();
    let other = || {
        let mutex = Arc::new(Mutex::new(0));
        let its = Arc::clone(&mutex);
        let other = thread::spawn(move || *its.lock() += 1);
        *mutex.lock() += 1;
        other.join().unwrap();
    };
    let error = explorer.replay(&found.schedule, other).unwrap_err();
    let (was, is) = (found.schedule.check.unwrap(), explorer.check_word(other));
    assert_eq!(
        error.to_string(),
        format!(
            "the schedule is of another program: its check word is {was}, and this scene in this build has {is}; without \"{was}:\" it is tried as it is"
        )
    );
    let without = Schedule { check: None, ..found.schedule };
    assert_eq!(explorer.replay(&without, other).unwrap().violation, None);
    // The text of a scenario is a part of the word.
    assert_ne!(explorer.clone().scenario("another").check_word(other), is);
}

#[test]
fn a_trace_names_each_operation_with_its_values_and_its_place() {
    let explorer = Explorer::new();
    let scene = || {
        let count = Arc::new(AtomicU32::new(5));
        count.set_name("the count");
        let its = Arc::clone(&count);
        let other = explorer::spawn("adder", move || {
            explorer::note(|| "the adder begins".to_owned());
            its.fetch_add(2, SeqCst);
        });
        count.load(SeqCst);
        other.join().unwrap();
    };
    let trace = explorer.trace(&"a1.b*".parse().unwrap(), scene).unwrap();
    assert_eq!(trace.tasks, ["main", "adder"]);
    assert_eq!(trace.violation, None);
    let rows: Vec<_> = trace
        .rows
        .iter()
        .filter_map(|row| match &row.what {
            What::Note(text) => Some((row.task, row.point, text.clone())),
            What::Operation { operation, object, shared: true, before, after, frames } => {
                let place = &frames.first().expect("a place");
                assert_eq!(place.file, "lab/explored/explorations/tests/explorer/replay.rs");
                let line = explorer::Trace::source_line(place).expect("the source is there");
                let values = [before, after].map(|value| value.as_deref().unwrap_or("?"));
                assert!(matches!(operation, Operation::Load | Operation::Update));
                Some((row.task, row.point, format!("{object}: {values:?}: {line}")))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        rows,
        [
            (1, 0, "the adder begins".to_owned()),
            (1, 1, "the count: [\"5\", \"7\"]: its.fetch_add(2, SeqCst);".to_owned()),
            (0, 1, "the count: [\"7\", \"7\"]: count.load(SeqCst);".to_owned()),
        ]
    );
    let json = serde_json::to_string(&trace).unwrap();
    assert_eq!(serde_json::from_str::<explorer::Trace>(&json).unwrap(), trace);
}

/// The user takes the other thread wherever there is a choice.
#[test]
fn the_user_is_the_scheduler() {
    let trace = Explorer::new().play(
        |moment| {
            moment
                .options
                .iter()
                .map(|choice| choice.task)
                .find(|&task| task != moment.default)
                .unwrap()
        },
        lost_update,
    );
    let violation = trace.violation.expect("the count is lost");
    assert!(violation.text.contains("a count is lost"), "{violation}");
    assert!(trace.schedule.interruptions() > 1);
}

/// A user that chooses is told where each task stands, and what it does there.
#[test]
fn a_choice_has_its_place_in_the_source() {
    let choices = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&choices);
    Explorer::new().play(
        move |moment| {
            seen.lock().unwrap().extend(moment.options.iter().cloned());
            moment.default
        },
        lost_update,
    );
    let choices = choices.lock().unwrap();
    let (begins, others): (Vec<_>, Vec<_>) =
        choices.iter().partition(|choice| choice.operation == Operation::Begin);
    assert!(begins.iter().all(|choice| choice.frames.is_empty()), "they have not begun");
    let text = |choice: &&Choice| {
        let place = choice.frames.first().expect("it has begun");
        assert_eq!(place.file, "lab/explored/explorations/tests/explorer/found.rs");
        let source = Trace::source_line(place).expect("the source is there");
        format!("{:?}: {source}", choice.operation)
    };
    let mut texts: Vec<String> = others.iter().map(text).collect();
    texts.dedup();
    let count = "count.store(count.load(SeqCst) + 1, SeqCst);";
    assert_eq!(texts[..2], [format!("Load: {count}"), format!("Store: {count}")]);
}
