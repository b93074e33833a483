//! A plugin that asks when a transaction began (`tests/plugins/milestones.c`): 403 if it is told.

use super::Folder;

/// Milestones are kept only if a plugin is linked to the function, for each takes a look at the clock.
#[test]
fn a_plugin_that_is_linked_to_the_function_is_told() {
    let Some(folder) = Folder::with("milestones") else { return };
    let told = (Some(0), "answers: 403 403\nfindings: none".to_owned());
    assert_eq!(folder.run_plugin("./milestones.so", &[]), told);
}

/// The first call cannot know. It says so, and the milestones of later transactions are kept.
#[test]
fn a_plugin_that_has_looked_for_the_address_is_told_from_the_second_transaction_on() {
    let Some(folder) = Folder::with("by_address") else { return };
    let arguments = ["run", "./by_address.so", "--requests", "requests.txt"];
    let output = folder.atslab(&arguments).output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let statuses: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("GET "))
        .filter_map(|line| line.split_ascii_whitespace().nth(2))
        .collect();
    assert_eq!(statuses, ["500", "403"], "{text}");
    let left_out =
        "left out: a milestone before the first call, by a file other than the plugin's own";
    assert!(text.contains(left_out), "{text}");
}
