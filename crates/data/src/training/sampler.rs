//! Repeated augmentation's order of samples (Hoffer et al.: Augment Your Batch, 2019): DeiT's `RASampler`.

use std::num::NonZero;

use super::order;

/// An epoch is cut to a multiple of so many samples.
const CHUNK: usize = 256;

/// How much of the repeated samples an epoch has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RepeatRule {
    /// As many as the data set has, cut to a multiple of 256 and to whole parts. Of a set smaller than 256 that is none.
    Published,
    /// As many as the data set has, rounded up to whole parts.
    Corrected,
}

/// The samples of one process in an epoch: of the shuffled data set each sample `repeats` times in a row, dealt round-robin to
/// `world` processes, of which this is number `rank`. Since an epoch has as many samples as the data set, it sees one in
/// `repeats` of them, and over the epochs all.
pub fn repeated(
    len: usize,
    epoch: u64,
    seed: u64,
    rank: usize,
    world: NonZero<usize>,
    repeats: NonZero<usize>,
    rule: RepeatRule,
) -> Vec<usize> {
    dealt(&order(len, seed, epoch), rank, world, repeats, rule)
}

/// The same of an order.
fn dealt(order: &[usize], rank: usize, world: NonZero<usize>, repeats: NonZero<usize>, rule: RepeatRule) -> Vec<usize> {
    let used = match rule {
        RepeatRule::Published => order.len() / CHUNK * CHUNK / world,
        RepeatRule::Corrected => order.len().div_ceil(world.get()),
    };
    // What is missing to whole parts comes from the beginning again.
    let all = order.iter().flat_map(|&sample| std::iter::repeat_n(sample, repeats.get())).cycle();
    if order.is_empty() { Vec::new() } else { all.skip(rank).step_by(world.get()).take(used).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bossnas_files::Sha256;
    use bossnas_testkit::fixtures::{Fixtures, Source};
    use proptest::prelude::*;
    use serde_json::Value;
    use std::collections::BTreeMap;

    fn some(count: usize) -> NonZero<usize> {
        NonZero::new(count).unwrap()
    }

    fn published(order: &[usize], rank: usize, world: usize) -> Vec<usize> {
        dealt(order, rank, some(world), some(3), RepeatRule::Published)
    }

    #[test]
    fn samples_are_dealt_out_as_the_published_sampler_does_it() {
        let fixtures = Fixtures::open().unwrap();
        if fixtures.source() == Source::Core {
            eprintln!("skipped: the committed core of the fixtures holds no sampler");
            return;
        }
        let cases: BTreeMap<String, Value> = fixtures.json("preproc/ra_sampler.json").unwrap();
        let numbers = |value: &Value| serde_json::from_value::<Vec<usize>>(value.clone()).unwrap();
        let mut seen = 0;
        for (name, case) in &cases {
            let (len, world) = name.strip_prefix('n').unwrap().split_once("_r").unwrap();
            let (len, world): (usize, usize) = (len.parse().unwrap(), world.parse().unwrap());
            let order: Vec<usize> = (0..len).collect();
            for (rank, count) in numbers(&case["num_selected"]).into_iter().enumerate() {
                let ours = published(&order, rank, world);
                assert_eq!(ours.len(), count, "{name}, {rank}");
                seen += 1;
                if len > 100_000 {
                    // Of the largest one only the number is stored.
                    continue;
                }
                let mut digest = Sha256::new();
                digest.update(serde_json::to_string(&ours).unwrap().as_bytes());
                let expected = case[format!("sha_rank{rank}")].as_str().unwrap();
                assert_eq!(digest.finish().to_string(), expected, "{name}, {rank}");
            }
            if let Some(order) = case.get("perm_epoch5") {
                assert_eq!(published(&numbers(order), 1, world), numbers(&case["shuffled_epoch5_rank1"]));
                seen += 1;
            }
        }
        assert_eq!(seen, 4 + 1 + 2 + 1 + 1);
    }

    #[test]
    fn an_epoch_repeats_a_part_of_the_shuffled_samples() {
        let ours = repeated(1000, 4, 9, 0, some(1), some(3), RepeatRule::Published);
        assert_eq!(ours.len(), 768);
        let order = order(1000, 9, 4);
        assert!(ours.chunks(3).zip(&order).all(|(three, &sample)| three == [sample; 3]));
        assert!(ours != repeated(1000, 5, 9, 0, some(1), some(3), RepeatRule::Published));
        assert!(ours != repeated(1000, 4, 8, 0, some(1), some(3), RepeatRule::Published));
    }

    proptest! {
        #[test]
        fn the_corrected_rule_leaves_no_set_without_samples(len in 0usize..700, world in 1usize..5, repeats in 1usize..5) {
            let all: Vec<Vec<usize>> = (0..world)
                .map(|rank| repeated(len, 0, 1, rank, some(world), some(repeats), RepeatRule::Corrected))
                .collect();
            prop_assert!(all.iter().all(|part| part.len() == len.div_ceil(world)));
            // Together they are the beginning of the repeated order, dealt out in turn.
            let order = order(len, 1, 0);
            for at in 0..len {
                prop_assert_eq!(all[at % world][at / world], order[at / repeats]);
            }
            let published = repeated(len, 0, 1, 0, some(world), some(repeats), RepeatRule::Published);
            prop_assert_eq!(published.len(), len / 256 * 256 / world);
            prop_assert!(all[0].starts_with(&published));
        }
    }
}
