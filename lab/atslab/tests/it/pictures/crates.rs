//! The crates, drawn from Cargo's own dependencies.
//!
//! A crate stands above the crates that it uses. A line goes down from it, with a tip at
//! each crate that it uses and that none of its other crates uses already.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::root;
use super::svg::{At, Svg};

/// Crates, each with the crates of the workspace that it uses.
type Uses = BTreeMap<String, BTreeSet<String>>;

/// The height of a crate.
const ROW: i32 = 54;
/// The distance of two lines.
const LANE: i32 = 11;

pub(super) fn draw() -> String {
    let (uses, folders) = read();
    let order = from_top_to_ground(&uses);
    let direct: Uses =
        uses.iter().map(|(name, used)| (name.clone(), without_indirect(used, &uses))).collect();

    let mut svg = Svg::new();
    let row = |name: &str| {
        let at = order.iter().position(|one| one == name).expect("a crate");
        i32::try_from(at).expect("few") * ROW
    };
    let lanes = lanes(&order, &direct);
    let most = lanes.values().max().copied().unwrap_or(0) + 1;
    let left = 10 + most * LANE + 12;
    for name in &order {
        let y = row(name) + 8;
        svg.rect("box", (left, y), (394 - left, ROW - 10));
        svg.text(left + 8, y + 17, "strong", At::Start, name);
        svg.text(386, y + 17, "small", At::End, &folders[name].0);
        svg.text(left + 8, y + 35, "small", At::Start, &folders[name].1);
    }
    for name in &order {
        let Some(lane) = lanes.get(name) else { continue };
        let (x, from) = (10 + (most - 1 - lane) * LANE, row(name) + ROW / 2 + 8);
        let last = direct[name].iter().map(|used| row(used)).max().unwrap_or(0) + ROW / 2 - 6;
        svg.stroke("", &[(left, from), (x, from), (x, last)]);
        for used in &direct[name] {
            let to = row(used) + ROW / 2 - 6;
            svg.arrow("", &[(x, to), (left, to)]);
        }
    }
    let said = order.iter().map(|name| match uses[name].len() {
        0 => format!("{name} uses no other crate"),
        _ => format!("{name} uses {}", uses[name].iter().cloned().collect::<Vec<_>>().join(", ")),
    });
    let said: Vec<String> = said.collect();
    svg.finish("The crates, and which uses which", &format!("{}.", said.join("; ")))
}

/// What Cargo says of the workspace.
fn metadata() -> Value {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let output = cargo.current_dir(root()).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn contributing_says_how_many_test_binaries_there_are() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("a list").iter();
    let targets = packages.flat_map(|package| package["targets"].as_array().expect("a list"));
    let is_test = |target: &&Value| {
        let kinds = target["kind"].as_array().expect("a list");
        target["test"] == true
            && target["required-features"].is_null()
            && !kinds.iter().any(|kind| kind == "example" || kind == "bench")
    };
    let said = format!("{} test binaries", targets.filter(is_test).count());
    let page = fs::read_to_string(root().join("CONTRIBUTING.md")).expect("the page");
    assert!(page.contains(&said), "CONTRIBUTING.md does not say {said}");
}

/// The crates without the twins for the schedule explorer, without the benches and without the
/// packages that have the tests of a crate, and for each its folder and what it is in a few words.
fn read() -> (Uses, BTreeMap<String, (String, String)>) {
    let metadata = metadata();
    let (mut uses, mut folders) = (Uses::new(), BTreeMap::new());
    let root = root();
    for package in metadata["packages"].as_array().expect("a list") {
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
        let manifest = text("manifest_path");
        let folder = manifest.strip_suffix("/Cargo.toml").unwrap_or(&manifest);
        let folder = folder.strip_prefix(root.to_str().expect("UTF-8")).unwrap_or(folder);
        let folder = folder.trim_start_matches('/').to_owned();
        let is_aside = folder.starts_with("lab/explored/") || folder.ends_with("/tests");
        if is_aside || folder == "lab/benches" {
            continue;
        }
        let dependencies = package["dependencies"].as_array().expect("a list");
        let normal = dependencies.iter().filter(|one| one["kind"].is_null());
        let names = normal.filter(|one| one["path"].is_string());
        let names = names.map(|one| one["name"].as_str().expect("a name").to_owned());
        uses.insert(text("name"), names.collect());
        folders.insert(text("name"), (folder, shortened(&text("description"))));
    }
    let known: BTreeSet<String> = uses.keys().cloned().collect();
    for used in uses.values_mut() {
        used.retain(|name| known.contains(name));
    }
    (uses, folders)
}

/// The words of a description as far as they fit.
fn shortened(text: &str) -> String {
    const MOST: usize = 42;
    let text = text.strip_prefix("Traffic Server's ").unwrap_or(text);
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    let mut short = String::new();
    for word in text.split(' ') {
        if short.chars().count() + word.chars().count() + 2 > MOST {
            break;
        }
        short = format!("{short} {word}");
    }
    format!("{} …", short.trim().trim_end_matches([',', ':']))
}

/// Every crate above those that it uses; of two that could come next, the one whose name
/// comes first.
fn from_top_to_ground(uses: &Uses) -> Vec<String> {
    let mut order: Vec<String> = Vec::new();
    while order.len() < uses.len() {
        let is_ready = |name: &&String| {
            let users = uses.iter().filter(|(_, used)| used.contains(*name));
            !order.contains(name) && users.map(|(user, _)| user).all(|user| order.contains(user))
        };
        // A crate that nothing uses, and that uses nothing, comes last.
        let key = |name: &&String| (uses[*name].is_empty(), (*name).clone());
        let next = uses.keys().filter(is_ready).min_by_key(key).expect("no circle").clone();
        order.push(next);
    }
    order
}

/// `used` without what others of `used` use, directly or not.
fn without_indirect(used: &BTreeSet<String>, uses: &Uses) -> BTreeSet<String> {
    fn reach(name: &str, uses: &Uses, found: &mut BTreeSet<String>) {
        for used in &uses[name] {
            if found.insert(used.clone()) {
                reach(used, uses, found);
            }
        }
    }
    let mut indirect = BTreeSet::new();
    used.iter().for_each(|name| reach(name, uses, &mut indirect));
    used.difference(&indirect).cloned().collect()
}

/// The lane of each crate's line, from the crates outwards: two lines that pass the same row
/// have different lanes.
fn lanes(order: &[String], direct: &Uses) -> BTreeMap<String, i32> {
    let at = |name: &String| order.iter().position(|one| one == name).expect("a crate");
    let mut taken: Vec<Vec<(usize, usize)>> = Vec::new();
    let mut lanes = BTreeMap::new();
    let spans = order.iter().filter_map(|name| {
        let last = direct[name].iter().map(&at).max()?;
        Some((last - at(name), at(name), last, name))
    });
    let mut spans: Vec<_> = spans.collect();
    spans.sort_unstable();
    for (_, from, to, name) in spans {
        let is_free =
            |lane: &Vec<(usize, usize)>| lane.iter().all(|&(begin, end)| end < from || to < begin);
        let lane = taken.iter().position(is_free).unwrap_or_else(|| {
            taken.push(Vec::new());
            taken.len() - 1
        });
        taken[lane].push((from, to));
        lanes.insert(name.clone(), i32::try_from(lane).expect("few"));
    }
    lanes
}
