//! The best first, held against all there are.

use std::time::{Duration, Instant};

use bossnas_model::arch::{Architecture, NatsData};
use bossnas_model::cost::cost;
use bossnas_model::random::unit;

use super::*;
use crate::run_folder::digits;

/// Ratings of all stages, each given some best path before it, as a search leaves them. Scores are multiples of `step`, so that
/// there are equal sums.
fn ratings(space: &Space, seed: u64, step: f64) -> Vec<Vec<Scored>> {
    let mut before = None;
    let mut stages = Vec::new();
    for stage in 0..space.stages() {
        let paths = space.paths(stage, before);
        let score = |index: u64| (unit(seed + stage as u64, index) * 4.0 / step).round() * step - 4.0;
        let scored = paths.into_iter().zip(0..).map(|(path, index)| Scored { path, score: score(index) });
        let mut scored: Vec<Scored> = scored.collect();
        scored.sort_by(|a, b| a.score.total_cmp(&b.score));
        let best = scored.iter().find(|scored| scored.path.last().is_some_and(|&op| space.goes_on(stage, op)));
        before = best.and_then(|best| best.path.last().copied());
        stages.push(scored);
    }
    stages
}

/// All architectures within the limits, sorted, by going through them.
fn brute_force(task: &Task<'_>, limits: Limits) -> Vec<Whole> {
    let mut beginnings: Vec<(Vec<usize>, Option<u8>)> = vec![(Vec::new(), None)];
    for (stage, ratings) in task.ratings.iter().enumerate() {
        let longer = |(choices, before): &(Vec<usize>, Option<u8>)| {
            let next =
                ratings.iter().enumerate().filter(|(_, it)| task.space.check_path(stage, *before, &it.path).is_ok());
            let next = next.map(|(choice, it)| ([choices.as_slice(), &[choice]].concat(), it.path.last().copied()));
            next.collect::<Vec<_>>()
        };
        beginnings = beginnings.iter().flat_map(longer).collect();
    }
    let mut costs = costs::Costs::new(task.space, task.size);
    let mut whole = |choices: &Vec<usize>| {
        let chosen: Vec<&Scored> =
            choices.iter().zip(task.ratings).map(|(&choice, ratings)| &ratings[choice]).collect();
        let stages: Vec<Vec<u8>> = chosen.iter().map(|it| it.path.clone()).collect();
        let scores: Vec<f64> = chosen.iter().map(|it| it.score).collect();
        let cost = costs.path(&stages).unwrap();
        Whole { score: scores.iter().fold(0.0, |sum, score| sum + score), stages, scores, cost }
    };
    let mut all: Vec<(Whole, Vec<usize>)> =
        beginnings.into_iter().map(|(choices, _)| (whole(&choices), choices)).collect();
    all.retain(|(whole, _)| limits.allow(whole.cost));
    all.sort_by(|a, b| a.0.score.total_cmp(&b.0.score).then(a.1.cmp(&b.1)));
    all.into_iter().map(|(whole, _)| whole).collect()
}

fn slices(stages: &[Vec<Scored>]) -> Vec<&[Scored]> {
    stages.iter().map(Vec::as_slice).collect()
}

/// The cost that `share` of all architectures keep within.
fn quantile(all: &[Whole], share: f64, of: fn(PathCost) -> u64) -> u64 {
    let mut costs: Vec<u64> = all.iter().map(|whole| of(whole.cost)).collect();
    costs.sort_unstable();
    costs[((costs.len() - 1) as f64 * share) as usize]
}

fn check_against_all(space: &Space, side: usize, stages: &[Vec<Scored>]) {
    let ratings = slices(stages);
    let task = Task { space, size: [side; 2], ratings: &ratings };
    let all = brute_force(&task, Limits::default());
    let madds = |share| Some(quantile(&all, share, |cost| cost.multiply_adds));
    let params = |share| Some(quantile(&all, share, |cost| cost.params));
    for (multiply_adds, params) in [
        (None, None),
        (madds(0.5), None),
        (None, params(0.1)),
        (madds(0.3), params(0.2)),
        (madds(0.001), None),
        (madds(0.02), params(0.02)),
    ] {
        let limits = Limits { multiply_adds, params };
        let expected: Vec<Whole> = all.iter().filter(|whole| limits.allow(whole.cost)).cloned().collect();
        for count in [1, 10, 500] {
            match best(&task, count, limits) {
                Ok(found) => {
                    let expected = &expected[..count.min(expected.len())];
                    assert_eq!(found.len(), expected.len(), "{space} {limits:?}");
                    for (rank, (found, expected)) in found.iter().zip(expected).enumerate() {
                        assert_eq!(found, expected, "{space} {limits:?}: number {rank} of {count}");
                    }
                }
                Err(BestError::Nothing { .. }) => assert!(expected.is_empty(), "{space} {limits:?}"),
                Err(error) => panic!("{space} {limits:?}: {error}"),
            }
        }
    }
}

#[test]
fn all_sums_of_a_nats_space_say_the_same() {
    for (seed, step) in [(1, 1e-9), (2, 0.25)] {
        let space = Space::nats(NatsData::Cifar100).with_base(16).unwrap();
        check_against_all(&space, 32, &ratings(&space, seed, step));
    }
}

#[test]
fn all_sums_of_hytra_say_the_same_where_not_every_path_follows_every_other() {
    for (seed, step) in [(3, 1e-9), (4, 0.5)] {
        let space = Space::hytra().with_base(2).unwrap();
        let mut stages = ratings(&space, seed, step);
        // Thinned out, so that all of them can be gone through; maps differ in size at 100 pixels.
        for (stage, keep) in stages.iter_mut().zip([24, 16, 14, 12]) {
            let last = stage.len();
            let mut number = 0;
            stage.retain(|_| {
                number += 1;
                number * keep / last != (number - 1) * keep / last
            });
        }
        check_against_all(&space, 100, &stages);
    }
}

#[test]
fn the_largest_space_is_answered_in_seconds_also_under_tight_limits() {
    let space = Space::mbconv().with_base(8).unwrap();
    for seed in 0..3 {
        let stages = ratings(&space, 10 * seed, 1e-9);
        let ratings = slices(&stages);
        let task = Task { space: &space, size: [64; 2], ratings: &ratings };
        let free = best(&task, 10, Limits::default()).unwrap();
        let sums: f64 = stages.iter().map(|stage| stage[0].score).fold(0.0, |sum, score| sum + score);
        assert_eq!(free[0].score, sums, "stages are independent");
        let least = lattice::Lattice::new(&task).unwrap().least();
        for share in [1.02, 1.1, 1.4] {
            let limits = Limits {
                multiply_adds: Some((least.multiply_adds as f64 * share) as u64),
                params: Some((least.params as f64 * share) as u64),
            };
            let start = Instant::now();
            let found = best(&task, 10, limits).unwrap();
            assert!(start.elapsed() < Duration::from_secs(20), "{:?} at {share}", start.elapsed());
            assert!(found.iter().all(|whole| limits.allow(whole.cost)) && found.is_sorted_by_key(|whole| whole.score));
            // Nobody goes through 7e10 sums. But one change to the best of them must not give a better one within the limits.
            let first = &found[0];
            for (stage, ratings) in ratings.iter().enumerate() {
                for other in ratings.iter().filter(|it| it.score < first.scores[stage]) {
                    let mut changed = first.stages.clone();
                    changed[stage].clone_from(&other.path);
                    let cost = cost_of(&space, &changed, task.size).unwrap();
                    assert!(!limits.allow(cost), "{} is better at stage {stage}", digits(&other.path));
                }
            }
        }
    }
}

/// Scores that fall with the cost leave every sum on the edge between good and cheap, where bounds are the least help.
#[test]
fn scores_that_follow_the_cost_are_no_trap() {
    let space = Space::mbconv().with_base(8).unwrap();
    let mut stages = ratings(&space, 5, 1e-9);
    for (stage, scored) in stages.iter_mut().enumerate() {
        for it in scored.iter_mut() {
            let mut stages: Vec<Vec<u8>> = space.stage_layers().into_iter().map(|layers| vec![2; layers]).collect();
            stages[stage].clone_from(&it.path);
            it.score = -1e-7 * cost_of(&space, &stages, [64; 2]).unwrap().multiply_adds as f64;
        }
        scored.sort_by(|a, b| a.score.total_cmp(&b.score));
    }
    let ratings = slices(&stages);
    let task = Task { space: &space, size: [64; 2], ratings: &ratings };
    let least = lattice::Lattice::new(&task).unwrap().least();
    let limits = Limits { multiply_adds: Some(least.multiply_adds * 13 / 10), params: None };
    let start = Instant::now();
    let found = best(&task, 10, limits).unwrap();
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    // A sum is now the cost itself, so the best one has used up all but a trace of what is allowed.
    let most = limits.multiply_adds.unwrap();
    assert!(found.iter().all(|whole| whole.cost.multiply_adds <= most && whole.cost.multiply_adds * 1000 > most * 999));
}

#[test]
fn costs_of_layers_add_up_to_that_of_the_network() {
    for (text, size) in [
        ("hytra:5433/3230/0010/0000+base=8", [224, 224]),
        ("hytra:4444/4222/3200/0000+base=8", [100, 164]),
        ("mbconv:11/0110/0111/1100/0123+base=8", [65, 96]),
        ("nats-c10:64:40:56:40:48+base=16", [32, 33]),
        ("nats-c100:8:8:64:64:8+base=64", [32, 32]),
    ] {
        let Architecture::Search(net) = text.parse().unwrap() else { panic!() };
        let space = net.supernet().unwrap();
        let whole = cost(&space.features(&net.path), size[0], size[1]).unwrap();
        let parts = cost_of(&space, &net.path.stages(), size).unwrap();
        assert_eq!(parts, PathCost { multiply_adds: whole.multiply_adds(), params: whole.params }, "{text}");
    }
}

#[test]
fn what_cannot_be_answered_is_said() {
    let space = Space::nats(NatsData::Cifar10).with_base(8).unwrap();
    let stages = ratings(&space, 1, 1e-9);
    let ratings = slices(&stages);
    let task = Task { space: &space, size: [32; 2], ratings: &ratings };
    let least = lattice::Lattice::new(&task).unwrap().least();
    let limits = Limits { multiply_adds: Some(least.multiply_adds - 1), params: None };
    assert!(matches!(best(&task, 1, limits), Err(BestError::Nothing { least: it }) if it == least));
    let exactly = Limits { multiply_adds: Some(least.multiply_adds), params: Some(least.params) };
    assert_eq!(best(&task, 10, exactly).unwrap()[0].stages, [vec![0, 0], vec![0, 0], vec![0]]);
    assert!(best(&task, 0, exactly).unwrap().is_empty());
    let space = Space::hytra().with_base(1).unwrap();
    let scored = |path: [u8; 4]| vec![Scored { path: path.to_vec(), score: -1.0 }];
    let stages = [scored([5, 5, 5, 5]), scored([4, 4, 4, 4]), scored([2, 2, 2, 2]), scored([0, 0, 0, 0])];
    let ratings = slices(&stages);
    let task = Task { space: &space, size: [224; 2], ratings: &ratings };
    assert!(matches!(best(&task, 1, Limits::default()), Err(BestError::DeadEnd { stage: 0 })));
}
