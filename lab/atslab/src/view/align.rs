//! Several runs on one axis: what is the same stands in the same column.

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::model::{Row, Run};

/// For each run the column of each of its rows, from 0 and always to the right.
pub(crate) fn columns(runs: &[Run]) -> Vec<Vec<u32>> {
    let mut numbers = Numbers::default();
    let keys: Vec<Vec<u32>> =
        runs.iter().map(|run| run.rows.iter().map(|row| numbers.of(row)).collect()).collect();
    let Some(first) = keys.first() else { return Vec::new() };
    let mut axis = first.clone();
    let mut placed: Vec<Vec<usize>> = vec![(0..first.len()).collect()];
    for keys in &keys[1..] {
        let (merged, moved, mine) = merge(&axis, keys);
        for columns in &mut placed {
            columns.iter_mut().for_each(|column| *column = moved[*column]);
        }
        placed.push(mine);
        axis = merged;
    }
    let narrow = |column: usize| u32::try_from(column).unwrap_or(u32::MAX);
    placed.into_iter().map(|columns| columns.into_iter().map(narrow).collect()).collect()
}

/// For each column of the axis whether a run has no row there that it could have: what users do is
/// in no recording, so a recording that lacks it makes no difference. As in `page/data.js`.
pub(crate) fn differs(runs: &[Run], columns: &[Vec<u32>]) -> Vec<bool> {
    let length = columns.iter().filter_map(|all| all.last()).max().map_or(0, |last| last + 1);
    let mut is_step = vec![false; length as usize];
    for (run, columns) in runs.iter().zip(columns) {
        for (row, column) in run.rows.iter().zip(columns) {
            is_step[*column as usize] = row.kind.is_step;
        }
    }
    let lacks = |run: &Run, columns: &Vec<u32>, column: u32, is_step: bool| {
        (run.is_whole || is_step) && columns.binary_search(&column).is_err()
    };
    let of_column = |(column, is_step): (u32, bool)| {
        runs.iter().zip(columns).any(|(run, columns)| lacks(run, columns, column, is_step))
    };
    (0..).zip(is_step).map(of_column).collect()
}

/// The axis with what only `keys` has; where each old column has gone; and the column of
/// each key.
fn merge(axis: &[u32], keys: &[u32]) -> (Vec<u32>, Vec<usize>, Vec<usize>) {
    let mut merged = Vec::with_capacity(axis.len().max(keys.len()));
    let mut moved = Vec::with_capacity(axis.len());
    let mut mine = Vec::with_capacity(keys.len());
    for op in capture_diff_slices(Algorithm::Myers, axis, keys) {
        if let DiffOp::Equal { old_index, len, .. } = op {
            for key in &axis[old_index..old_index + len] {
                moved.push(merged.len());
                mine.push(merged.len());
                merged.push(*key);
            }
            continue;
        }
        for key in &axis[op.old_range()] {
            moved.push(merged.len());
            merged.push(*key);
        }
        for key in &keys[op.new_range()] {
            mine.push(merged.len());
            merged.push(*key);
        }
    }
    (merged, moved, mine)
}

/// A number for all rows that are the same.
#[derive(Default)]
struct Numbers<'a>(std::collections::HashMap<&'a str, u32>);

impl<'a> Numbers<'a> {
    fn of(&mut self, row: &'a Row) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        *self.0.entry(&row.code).or_insert(next)
    }
}

#[cfg(test)]
mod tests {
    use super::merge;

    #[test]
    fn what_is_the_same_shares_a_column() {
        let (axis, moved, mine) = merge(&[1, 2, 3, 5], &[1, 3, 4, 5]);
        assert_eq!(axis, [1, 2, 3, 4, 5]);
        assert_eq!(moved, [0, 1, 2, 4]);
        assert_eq!(mine, [0, 2, 3, 4]);
    }

    #[test]
    fn what_differs_stands_one_after_the_other() {
        let (axis, moved, mine) = merge(&[1, 2, 5], &[1, 4, 5]);
        assert_eq!((axis, moved, mine), (vec![1, 2, 4, 5], vec![0, 1, 3], vec![0, 2, 3]));
    }
}
