//! What can be told of the lessons without building anything.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fs, mem};

use course::folder::{self, Folder};
use course::lesson::{Lesson, Place, Planted};
use course::markers;
use course::progress::Progress;
use memchr::memmem;

use crate::checkout;

#[test]
fn each_lesson_has_what_a_student_needs() {
    let checkout = checkout();
    for lesson in Lesson::all(&checkout).unwrap() {
        let (number, text) = (lesson.number, &lesson.text);
        let has_holes = !lesson.places(&checkout).unwrap().is_empty();
        assert!(has_holes || !lesson.files().unwrap().is_empty(), "lesson {number} is empty");
        assert!(checkout.join("docs/src").join(&text.chapter).is_file(), "{}", text.chapter);
        assert!(!text.judge.is_empty() && !text.hints.is_empty(), "lesson {number}");
        assert!((2..=5).contains(&text.mistake.len()), "lesson {number} has two to five mistakes");
        for prediction in &text.predict {
            let choices = 1..=prediction.choices.len();
            assert!(choices.contains(&prediction.answer), "{}", prediction.ask);
        }
        for planted in text.mistake.iter().chain(&text.another) {
            for piece in planted.pieces() {
                fits(&checkout, &lesson, piece);
            }
        }
    }
}

/// A planted piece of code belongs to a hole or a file of its lesson, and changes it.
fn fits(checkout: &Path, lesson: &Lesson, planted: &Planted) {
    let places = lesson.places(checkout).unwrap();
    let is_of = |place: &&Place| place.source == planted.source && place.hole.name == planted.hole;
    let file = planted.source.display().to_string();
    let solution = places.iter().find(is_of).map(|place| solution(checkout, place));
    let found = match planted.hole.is_empty() {
        true => lesson.files().unwrap().contains(&file),
        false => solution.is_some(),
    };
    let solution = solution.unwrap_or_default();
    assert_ne!(lesson.planted(planted, &solution).unwrap(), solution, "{}", planted.name);
    assert!(found, "lesson {}: {file} has no hole {}", lesson.number, planted.hole);
}

/// What a hole has in the checkout.
fn solution(checkout: &Path, place: &Place) -> String {
    place.hole.solution(&fs::read_to_string(checkout.join(&place.source)).unwrap())
}

#[test]
fn a_hint_for_what_is_not_written_names_a_hole_and_each_hole_has_one() {
    let checkout = checkout();
    for lesson in Lesson::all(&checkout).unwrap() {
        let places = lesson.places(&checkout).unwrap();
        let to_write = places.iter().filter(|place| place.hole.title.is_some());
        let holes: BTreeSet<&str> = to_write.map(|place| &*place.hole.name).collect();
        let parts = lesson.text.hints.iter().flat_map(|hint| &hint.told);
        let hinted = parts.filter_map(|part| part.strip_prefix("Not written yet: "));
        let hinted: BTreeSet<&str> = hinted.filter_map(|part| part.strip_suffix(" in")).collect();
        // A lesson with one hole needs no hints by hole.
        if !hinted.is_empty() {
            assert_eq!(hinted, holes, "lesson {}", lesson.number);
        }
    }
}

#[test]
fn the_next_hint_helps_with_what_the_student_was_told() {
    let lesson = Lesson::of(&checkout(), 3).unwrap();
    let mut shown = BTreeSet::new();
    let mut next = |told: &str| {
        let next = lesson.next_hint(told, &shown);
        shown.extend(next);
        next
    };
    assert_eq!(next("Not written yet: take in eventsys/src/protected_queue.rs."), Some(2));
    assert_eq!(next("Not written yet: take in eventsys/src/protected_queue.rs."), Some(0));
    assert_eq!((next(""), next("")), (Some(1), None));
}

/// A page for teachers, and its table whose head has this cell: its rows.
fn rows<'a>(page: &'a str, cell: &str) -> Vec<Vec<&'a str>> {
    let mut lines = page.lines().skip_while(|line| !line.contains(cell)).skip(2);
    let rows = lines.by_ref().take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

#[test]
fn a_lesson_takes_the_hours_that_teachers_read() {
    let page = fs::read_to_string(checkout().join("docs/src/course/teachers.md")).unwrap();
    let hours: Vec<(u32, String)> = rows(&page, "| hours |")
        .iter()
        .filter_map(|row| {
            let number = row[0].split_once(' ')?.0.parse().ok()?;
            Some((number, row[1].replace('–', "-")))
        })
        .collect();
    for lesson in Lesson::all(&checkout()).unwrap() {
        let row = (lesson.number, lesson.text.hours.clone());
        assert!(hours.contains(&row), "teachers.md has another time for lesson {row:?}: {hours:?}");
    }
}

#[test]
fn the_slides_of_an_evening_keep_to_its_plan() {
    let read = |name: &str| fs::read_to_string(checkout().join("docs/src/course").join(name));
    let (page, slides) = (read("teachers.md").unwrap(), read("slides-evening.md").unwrap());
    let mut ends = BTreeSet::new();
    let mut now = 0;
    for slide in slides.split("\n---\n").skip(1) {
        let minutes = slide.lines().find_map(|line| line.strip_prefix('*')?.strip_suffix(" min*"));
        let minutes: u32 = minutes.and_then(|text| text.parse().ok()).expect(slide);
        now += minutes;
        ends.insert(now);
    }
    let plan: Vec<u32> = rows(&page, "| minutes |")
        .iter()
        .map(|row| row[0].rsplit('–').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(plan.last(), Some(&now));
    assert!(plan.iter().all(|end| ends.contains(end)), "{plan:?}, but the slides end at {ends:?}");
}

#[test]
fn a_marker_belongs_to_a_lesson() {
    let checkout = checkout();
    let numbers: Vec<u32> = Lesson::all(&checkout).unwrap().iter().map(|one| one.number).collect();
    for source in folder::sources(&checkout).unwrap() {
        if source.starts_with("lab/course") || source.extension().is_none_or(|kind| kind != "rs") {
            continue;
        }
        let text = fs::read_to_string(checkout.join(&source)).unwrap();
        let places = markers::holes(&text).unwrap_or_else(|fault| panic!("{source:?}: {fault}"));
        for hole in &places {
            assert!(numbers.contains(&hole.lesson), "{source:?}: {}", hole.name);
        }
        // The course looks for holes in the layers only.
        let is_above = source.starts_with("lab") || source.starts_with("tests");
        assert!(places.is_empty() || !is_above, "{source:?}");
    }
}

/// The workspace is copied whole, and nothing that a student has put beside it.
#[test]
fn the_copy_has_the_workspace_and_no_file_of_the_students() {
    let folder = tempfile::tempdir().unwrap();
    let (own, member) = (folder.path().join("scenario.toml"), folder.path().join("eventsys/src"));
    fs::write(&own, "").unwrap();
    fs::create_dir_all(&member).unwrap();
    fs::write(member.join("lib.rs"), "").unwrap();
    assert_eq!(folder::sources(folder.path()).unwrap(), [PathBuf::from("eventsys/src/lib.rs")]);

    let sources = folder::sources(&checkout()).unwrap();
    let manifest = fs::read_to_string(checkout().join("Cargo.toml")).unwrap();
    let (_, members) = manifest.split_once("members = [").unwrap();
    let (members, _) = members.split_once(']').unwrap();
    for member in members.split('"').skip(1).step_by(2).filter(|member| !member.contains('*')) {
        assert!(sources.contains(&Path::new(member).join("Cargo.toml")), "{member}");
    }
}

/// The solution of no hole stands anywhere in the student's folder.
#[test]
fn a_students_folder_has_no_solution() {
    let checkout = checkout();
    let folder = tempfile::tempdir().unwrap();
    let folder = Folder { checkout: checkout.clone(), path: folder.path().to_owned() };
    let mut progress = Progress::default();
    // Each file without white space, and when it was written: a start leaves a file alone that is
    // to stay as it is.
    let mut known: HashMap<PathBuf, (SystemTime, String)> = HashMap::new();
    for lesson in Lesson::all(&checkout).unwrap() {
        folder.start(&lesson, &mut progress).unwrap();
        let mut before = mem::take(&mut known);
        for file in folder::sources(&folder.workspace()).unwrap() {
            let path = folder.workspace().join(&file);
            let written = path.metadata().and_then(|metadata| metadata.modified()).unwrap();
            let same = before.remove(&file).filter(|(before, _)| *before == written);
            let read = || Some((written, dense(&fs::read_to_string(&path).ok()?)));
            known.extend(same.or_else(read).map(|text| (file, text)));
        }
        for place in lesson.places(&checkout).unwrap() {
            let (number, name) = (lesson.number, &place.hole.name);
            let solution = solution(&checkout, &place);
            // What is hidden only resembles the solution: of it, only the whole must not be there.
            let pieces = match place.hole.title {
                Some(_) => pieces(&solution),
                None => vec![dense(&solution)],
            };
            for piece in pieces {
                let finder = memmem::Finder::new(&piece);
                let holds = |text: &str| finder.find(text.as_bytes()).is_some();
                let found = known.iter().find(|(_, (_, text))| holds(text)).map(|(file, _)| file);
                assert_eq!(found, None, "lesson {number} gives away {name}: {piece}");
            }
        }
        assert_eq!(folder.changed_outside(&lesson).unwrap(), Vec::<PathBuf>::new());
    }
}

/// What would tell a solution: the whole of it, and each four lines of it in a row. A shorter
/// piece is ordinary code that stands in many places.
fn pieces(solution: &str) -> Vec<String> {
    let lines: Vec<String> = solution
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(dense)
        .filter(|line| line.len() > 3)
        .collect();
    let mut pieces: Vec<String> = lines.windows(4).map(<[String]>::concat).collect();
    pieces.push(lines.concat());
    pieces.retain(|piece| piece.len() >= 80);
    pieces
}

/// Without white space.
fn dense(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn what_was_written_is_there_again_after_another_lesson_and_gone_after_a_reset() {
    let checkout = checkout();
    let mut lessons = Lesson::all(&checkout).unwrap();
    lessons.retain(|lesson| !lesson.places(&checkout).unwrap().is_empty());
    let [first, other, ..] = &lessons[..] else { panic!("there are several lessons") };
    let folder = tempfile::tempdir().unwrap();
    let folder = Folder { checkout: checkout.clone(), path: folder.path().to_owned() };
    let mut progress = Progress::default();
    folder.start(first, &mut progress).unwrap();

    let place = &first.places(&checkout).unwrap()[0];
    let file = folder.workspace().join(&place.source);
    let read = || fs::read_to_string(&file).unwrap();
    let starter = read();
    let mine = markers::with_written(&starter, &place.hole, "    mine();\n").unwrap();
    fs::write(&file, &mine).unwrap();

    folder.start(other, &mut progress).unwrap();
    assert!(!read().contains("mine();"));
    let mut progress = Progress::read(&folder.path).unwrap();
    folder.start(first, &mut progress).unwrap();
    assert_eq!(read(), mine);
    folder.reset(first, &mut progress).unwrap();
    assert_eq!(read(), starter);
}
