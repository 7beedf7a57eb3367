//! Which paths a batch trains: pure functions of the seed and the batch's number.

use bossnas_model::random::splitmix64;
use bossnas_model::space::Space;

/// The paths of one batch of a stage: for HyTra four different ones of `candidates`, for the others *fair* ones, as many as
/// there are operations, of which each layer has every operation once (`REFERENCE.md` section 4, step 1).
pub fn draw_paths(space: &Space, stage: usize, candidates: &[Vec<u8>], seed: u64, batch: u64) -> Vec<Vec<u8>> {
    /// Paths of a batch of HyTra, as many as there are pairs of views.
    const HYTRA_PATHS: usize = 4;
    let mut numbers = Numbers { stream: splitmix64(splitmix64(seed, stage as u64), batch), drawn: 0 };
    match space {
        Space::Hytra(_) => {
            let mut order: Vec<usize> = (0..candidates.len()).collect();
            numbers.shuffle(&mut order);
            order.into_iter().take(HYTRA_PATHS).map(|index| candidates[index].clone()).collect()
        }
        Space::Mbconv(_) | Space::Nats(_) => {
            let operations = space.operations();
            let columns: Vec<Vec<u8>> = (0..space.layers(stage))
                .map(|_| {
                    let mut column: Vec<u8> = (0..operations).collect();
                    numbers.shuffle(&mut column);
                    column
                })
                .collect();
            let path = |row: usize| columns.iter().map(|column| column[row]).collect();
            (0..usize::from(operations)).map(path).collect()
        }
    }
}

/// A stream of random numbers.
struct Numbers {
    stream: u64,
    drawn: u64,
}

impl Numbers {
    /// In `0..bound`; the bias is below 2^-50 for the few dozens that are drawn from.
    fn below(&mut self, bound: usize) -> usize {
        let number = splitmix64(self.stream, self.drawn);
        self.drawn += 1;
        ((u128::from(number) * bound as u128) >> 64) as usize
    }

    /// Fisher and Yates.
    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use bossnas_model::arch::NatsData;

    use super::*;

    #[test]
    fn fair_paths_have_every_operation_once_in_each_layer() {
        for space in [Space::mbconv(), Space::nats(NatsData::Cifar10)] {
            for batch in 0..50 {
                let paths = draw_paths(&space, 1, &[], 7, batch);
                assert_eq!(paths.len(), usize::from(space.operations()));
                for layer in 0..space.layers(1) {
                    let mut column: Vec<u8> = paths.iter().map(|path| path[layer]).collect();
                    column.sort_unstable();
                    assert_eq!(column, (0..space.operations()).collect::<Vec<_>>());
                }
            }
        }
    }

    #[test]
    fn hytras_paths_are_different_ones_and_all_come_up() {
        let space = Space::hytra();
        let candidates = space.paths(0, None);
        let mut seen = std::collections::HashMap::new();
        for batch in 0..1000 {
            let mut paths = draw_paths(&space, 0, &candidates, 7, batch);
            paths.sort();
            paths.dedup();
            assert_eq!(paths.len(), 4);
            for path in paths {
                *seen.entry(path).or_insert(0) += 1;
            }
        }
        assert_eq!(seen.len(), candidates.len());
        // 78 expected; five standard deviations are 43.
        assert!(seen.values().all(|count| (35..=121).contains(count)), "{seen:?}");
    }

    #[test]
    fn the_same_batch_draws_the_same_and_another_draws_others() {
        let space = Space::mbconv();
        assert_eq!(draw_paths(&space, 1, &[], 7, 3), draw_paths(&space, 1, &[], 7, 3));
        assert_ne!(draw_paths(&space, 1, &[], 7, 3), draw_paths(&space, 1, &[], 7, 4));
        assert_ne!(draw_paths(&space, 1, &[], 7, 3), draw_paths(&space, 1, &[], 8, 3));
    }
}
