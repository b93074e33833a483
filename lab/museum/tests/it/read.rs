//! The file of a room.

use museum::room_from_text;

fn fault(text: &str) -> String {
    let head = "title = ''\nwing = 'pair'\nreleases = ''\nsaw = ''\nwhy = ''\nmended = ''\n";
    room_from_text("x", &format!("{head}{text}")).expect_err("it is wrong").to_string()
}

#[test]
fn a_slip_in_a_room_is_named() {
    assert_eq!(fault(""), "a room has one of scenario, scene and exhibit");
    assert_eq!(
        fault("scene = 'a'\n[armed]\nrearm = ['ts-0']"),
        r#"no defect is named "ts-0"; the tables are in the files defects.rs"#
    );
    assert!(fault("scene = 'a'\n[armed]\ncorrect = ['all']").starts_with("no correction is"));
    assert!(fault("scene = 'a'\n[fixed]\nepoch = 'Z'").contains("expected an epoch"));
    assert!(fault("scene = 'a'\ncolour = 'red'").contains("unknown field `colour`"));
}
