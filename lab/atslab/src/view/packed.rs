//! A scene as the page reads it: a list for each property of the rows, and each text once.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::align;
use super::kinds::Kind;
use super::model::{Buffer, Lane, Row, Run, Scene, lock_words};

/// The data of `scene`.
pub(crate) fn scene(scene: &Scene) -> Value {
    let columns = align::columns(&scene.runs);
    let differs = align::differs(&scene.runs, &columns);
    let differing: Vec<usize> = (0..differs.len()).filter(|&column| differs[column]).collect();
    let runs: Vec<Value> =
        scene.runs.iter().zip(&columns).map(|(run, columns)| pack(scene, run, columns)).collect();
    json!({
        "name": scene.name,
        "title": scene.title,
        "teaches": scene.teaches,
        "text": scene.text,
        "places": scene.places,
        "differs": differing,
        "runs": runs,
    })
}

fn pack(scene: &Scene, run: &Run, columns: &[u32]) -> Value {
    let (mut texts, mut kinds) = (Texts::default(), Kinds::default());
    let lanes: Vec<Value> =
        run.lanes.iter().map(|Lane { name, side }| json!([name, side.to_string()])).collect();
    let buffers: Vec<Value> = run.buffers.iter().map(|it| buffer(scene, it)).collect();
    let place = |row: &Row| match (row.place, row.is_place) {
        (None, _) => -1,
        // An odd number is a place that was reached before.
        (Some(place), here) => 2 * i64::try_from(place).unwrap_or(0) + i64::from(!here),
    };
    let rows = json!({
        "at": deltas(run.rows.iter().map(|row| row.at)),
        "column": deltas(columns.iter().map(|&column| i64::from(column))),
        "thread": list(run, |row| row.thread.into()),
        "lane": list(run, |row| row.lane.into()),
        "from": list(run, |row| row.from.map_or(-1, |lane| i64::try_from(lane).unwrap_or(-1)).into()),
        "kind": list(run, |row| kinds.of(row.kind).into()),
        "value": list(run, |row| row.value.into()),
        "held": list(run, |row| row.held.into()),
        "foreign": list(run, |row| row.foreign.into()),
        "code": list(run, |row| texts.of(&row.code).into()),
        "text": list(run, |row| texts.of(&row.sentence).into()),
        "detail": list(run, |row| texts.of(&row.detail).into()),
        "place": list(run, |row| place(row).into()),
        "source": list(run, |row| texts.of(&row.source).into()),
    });
    json!({
        "arm": run.arm,
        "epoch": run.epoch,
        "release": run.release,
        "whole": run.is_whole,
        "end": run.end,
        "lanes": lanes,
        "threads": run.threads,
        "locks": run.locks.iter().map(|name| lock_words(name)).collect::<Vec<_>>(),
        "buffers": buffers,
        "kinds": kinds.all.iter().map(|kind| json!({
            "name": kind.name,
            "shape": kind.shape.name(),
            "mirrors": kind.mirrors,
            "page": kind.page,
            "step": kind.is_step,
        })).collect::<Vec<_>>(),
        "texts": texts.all,
        "rows": rows,
    })
}

fn list<'a>(run: &'a Run, of: impl FnMut(&'a Row) -> Value) -> Value {
    run.rows.iter().map(of).collect()
}

fn buffer(scene: &Scene, buffer: &Buffer) -> Value {
    let Buffer { name, side, way, mark_name, levels } = buffer;
    json!({
        "name": name,
        "side": side.to_string(),
        "way": way,
        "most": scene.most(buffer.way),
        "mark": mark_name,
        "levels": levels.iter().map(|level| json!([level.row, level.bytes, level.mark])).collect::<Vec<_>>(),
    })
}

/// Each number less the one before: most are small then.
fn deltas(numbers: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut last = 0;
    numbers.map(|number| number - std::mem::replace(&mut last, number)).collect()
}

/// Texts, each once, with a number.
#[derive(Default)]
struct Texts<'a> {
    all: Vec<&'a str>,
    numbers: HashMap<&'a str, usize>,
}

impl<'a> Texts<'a> {
    fn of(&mut self, text: &'a str) -> usize {
        *self.numbers.entry(text).or_insert_with(|| {
            self.all.push(text);
            self.all.len() - 1
        })
    }
}

/// The same for kinds.
#[derive(Default)]
struct Kinds {
    all: Vec<&'static Kind>,
}

impl Kinds {
    fn of(&mut self, kind: &'static Kind) -> usize {
        self.all.iter().position(|known| *known == kind).unwrap_or_else(|| {
            self.all.push(kind);
            self.all.len() - 1
        })
    }
}
