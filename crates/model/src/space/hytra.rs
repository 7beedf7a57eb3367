//! The rules of the HyTra space (`REFERENCE.md` section 3): 4 stages of 4 layers, 6 operations at 4 scales.
//!
//! | operation | block | map at 224 px | channels | scale |
//! |---|---|---|---|---|
//! | 0, 1 | ResAtt, ResConv | 7 x 7 | 2048 | 0 |
//! | 2, 3 | ResAtt, ResConv | 14 x 14 | 1024 | 1 |
//! | 4 | ResConv | 28 x 28 | 512 | 2 |
//! | 5 | ResConv | 56 x 56 | 256 | 3 |
//!
//! A stage's *depth* is the number of scales it may use, counted from the smallest map. The first stage has depth 4;
//! each decided stage sets the depth of the next by its last operation ([`next_depth`]). Within a stage the map never
//! grows and shrinks by at most one scale between neighbours, and a stage does not start below the two largest scales
//! of its depth.
//!
//! The published supernet holds the weights of depths 4, 3, 2, 2 only, and fails on the few paths that keep a larger
//! map for longer (`5555` and then 4 or 5). They are allowed by these rules, since as networks they are sound;
//! [`Space::paths`](super::Space::paths) leaves out what its supernet has no weights for.

mod supernet;

pub use supernet::Hytra;

use crate::arch::Block;

/// Stages of a path.
pub const STAGES: usize = 4;
/// Layers of a stage.
pub const LAYERS: usize = 4;
/// Depth of the first stage.
pub const FIRST_DEPTH: usize = 4;
/// Number of operations.
pub const OPS: u8 = 6;

/// Scale of operation `op`, 0 for the smallest map to 3 for the largest.
pub const fn scale(op: u8) -> usize {
    match op {
        0 | 1 => 0,
        2 | 3 => 1,
        4 => 2,
        _ => 3,
    }
}

/// Block that operation `op` is.
pub const fn block(op: u8) -> Block {
    if matches!(op, 0 | 2) { Block::ResAtt } else { Block::ResConv }
}

/// Side of the map at `scale` for an image of 224 x 224.
pub const fn side(scale: usize) -> usize {
    7 << scale
}

/// Depth of the stage after one that ends in `op`.
pub const fn next_depth(op: u8) -> usize {
    1 + scale(op)
}

/// Whether a stage of depth `depth` may have `op` after `before`, or as its first operation after `None`.
pub fn allows(depth: usize, before: Option<u8>, op: u8) -> bool {
    let scale = scale(op);
    op < OPS
        && match before {
            // The two largest scales of the depth; the depths 1 and 2 have no others.
            None => scale < depth && scale + 2 >= depth,
            Some(before) => (scale..=scale + 1).contains(&self::scale(before)),
        }
}

/// The operations that a stage of depth `depth` may have after `before`, or first after `None`.
pub fn allowed_ops(depth: usize, before: Option<u8>) -> Vec<u8> {
    (0..OPS).filter(|&op| allows(depth, before, op)).collect()
}

/// All paths of a stage of depth 1 to 4, in the published order, which decides between equal scores.
pub fn allowed_paths(depth: usize) -> Vec<[u8; LAYERS]> {
    let mut paths: Vec<Vec<u8>> = vec![Vec::new()];
    for _ in 0..LAYERS {
        let longer = |path: &Vec<u8>| {
            let extended = |op| path.iter().copied().chain([op]).collect::<Vec<u8>>();
            allowed_ops(depth, path.last().copied()).into_iter().map(extended).collect::<Vec<_>>()
        };
        paths = paths.iter().flat_map(longer).collect();
    }
    let mut paths: Vec<[u8; LAYERS]> = paths.into_iter().filter_map(|path| path.try_into().ok()).collect();
    paths.sort_by_key(|path| (path.map(scale), *path));
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_depths_have_16_80_99_and_51_paths() {
        assert_eq!([1, 2, 3, 4].map(|depth| allowed_paths(depth).len()), [16, 80, 99, 51]);
    }

    #[test]
    fn the_first_operation_is_one_of_the_two_largest_scales() {
        let first = [1, 2, 3, 4].map(|depth| allowed_ops(depth, None));
        assert_eq!(first, [vec![0, 1], vec![0, 1, 2, 3], vec![2, 3, 4], vec![4, 5]]);
    }

    #[test]
    fn the_last_operation_sets_the_next_depth() {
        assert_eq!([0, 1, 2, 3, 4, 5].map(next_depth), [1, 1, 2, 2, 3, 4]);
    }
}
