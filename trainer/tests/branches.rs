//! What the rules of the search do to weights over a few steps from untrained weights: branches that stay shut,
//! prefixes that stay as they are, targets that do not follow, and sums of gradients.
//!
//! Tolerances. What a rule keeps is compared bit for bit, and so are two runs. A target that follows is one
//! multiplication and one addition in float32 away from its formula: 1e-6 of the largest weight. Gradients of two
//! batches are added in another order than one after the other: 1e-5 of the largest of a tensor, and 1e-7 where the sum
//! is 0 but for noise.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod small;
mod support;

use std::collections::BTreeMap;

use bossnas_model::graph::Orientation;
use bossnas_model::space::Space;
use bossnas_trainer::search::siamese::{Batch, Extent, Learner, Side};
use bossnas_trainer::search::{BnRecalibration, ChannelsFixTarget, LarsExclude, Prefix, RatingTarget, Rules};
use serde_json::Value;
use small::{far, gradients, input, largest, numbers, owned, state, untrained};
use tch::{Kind, Tensor};

const STEPS: usize = 5;
const RATE: f64 = 0.05;
const MOMENTUM: f64 = 0.9;

/// The attention block that keeps the map, like that of the fixture.
const BLOCK: &str = "online_backbone._blocks.0._block_layers.3._mix_ops.0.";
const PATH: [u8; 4] = [4, 2, 0, 0];

fn images(number: usize, side: usize) -> Tensor {
    input(&format!("images{number}"), &[4, 2, 3, side, side], Kind::Float)
}

fn accumulate(learner: &mut Learner, images: &Tensor, paths: &[&[u8]], accumulate: u32) {
    learner.accumulate(Batch { images, paths: &owned(paths), accumulate }).unwrap();
}

/// What became of the attention blocks of a path after each of some steps.
struct Branches {
    /// The largest of the last scale of each attention block, after each step.
    gammas: Vec<Vec<f64>>,
    /// The largest gradient of the last scale of the fixture's block, at each step.
    gamma_gradients: Vec<f64>,
    /// The parameters of that block, within it, whose gradients are all 0, at each step.
    zero: Vec<Vec<String>>,
    /// The parameters of that block that are bit for bit what they were.
    unchanged: Vec<String>,
    /// The largest of the last scale of the convolution block, at the end.
    convolution: f64,
}

fn branches(rules: Rules) -> Branches {
    let mut learner = untrained(small::hytra(), &[], &[&PATH], rules, Extent::Parts);
    let before = state(&learner);
    let of_block = |name: &str| name.strip_prefix(BLOCK).filter(|rest| !rest.contains("running_")).map(str::to_owned);
    let (mut gammas, mut gamma_gradients, mut zero) = (Vec::new(), Vec::new(), Vec::new());
    for step in 0..STEPS {
        accumulate(&mut learner, &images(step, 64), &[&PATH], 1);
        let gradients = gradients(&learner);
        gamma_gradients.push(largest(&gradients[&format!("{BLOCK}net.5.weight")]));
        let all_zero = gradients.iter().filter(|(_, gradient)| largest(gradient) == 0.0);
        zero.push(all_zero.filter_map(|(name, _)| of_block(name)).collect());
        learner.update(RATE, MOMENTUM).unwrap();
        let ends = learner.siamese().params().iter().filter(|(name, _)| name.ends_with("net.5.weight"));
        gammas.push(ends.filter(|(name, _)| Side::Online.owns(name)).map(|(_, end)| largest(&numbers(end))).collect());
    }
    let after = state(&learner);
    let same = after.iter().filter(|(name, values)| before[*name] == **values && !name.ends_with("tracked"));
    let unchanged = same.filter_map(|(name, _)| of_block(name)).collect();
    let convolution = largest(&after["online_backbone._blocks.0._block_layers.0._mix_ops.4.bn3.weight"]);
    Branches { gammas, gamma_gradients, zero, unchanged, convolution }
}

/// A list of names of the fixture, without the block in front.
fn named(value: &Value) -> Vec<String> {
    let names: Vec<String> = serde_json::from_value(value.clone()).unwrap();
    let mut names: Vec<String> = names.iter().map(|name| name.strip_prefix("_mix_ops.").unwrap().to_owned()).collect();
    names.sort();
    names
}

fn stays_shut(rules: Rules) -> Branches {
    let found = branches(rules);
    assert!(found.gammas.iter().flatten().all(|&gamma| gamma == 0.0), "{rules:?}: {:?}", found.gammas);
    assert!(found.gammas.iter().all(|step| step.len() == 3), "three blocks of attention");
    assert!(found.gamma_gradients.iter().all(|&gradient| gradient > 0.0), "they would go somewhere");
    assert!(found.convolution > 0.0, "a convolution's branch opens");
    found
}

fn opens(rules: Rules) {
    let found = branches(rules);
    assert!(found.gammas.iter().flatten().all(|&gamma| gamma > 0.0), "{rules:?}: {:?}", found.gammas);
    // What lies behind a closed branch has no gradient; once it is open, everything has.
    assert_eq!(found.zero[0].len(), 9);
    assert!(found.zero[1..].iter().all(Vec::is_empty), "{:?}", found.zero);
    assert!(found.unchanged.is_empty(), "{:?}", found.unchanged);
}

#[test]
fn attention_does_not_train_under_the_published_rules() {
    let found = stays_shut(Rules::published());
    let Some(fixtures) = support::fixtures() else { return };
    let fixture: Value = fixtures.json("optim/lars_zero_gamma.json").unwrap();
    let published = &fixture["ResAtt"];
    assert_eq!(published["last_gamma"], "_mix_ops.net.5.weight");
    for (step, zero) in found.zero.iter().enumerate() {
        assert_eq!(*zero, named(&published["steps"][step]["zero_grad"]), "step {step}");
    }
    assert_eq!(found.unchanged, named(&published["unchanged_after_5_steps"]));
}

#[test]
fn attention_trains_under_the_corrected_rules() {
    opens(Rules::corrected());
}

#[test]
fn of_all_switches_that_of_lars_decides_it() {
    let published = Rules::published();
    opens(Rules { lars_exclude: LarsExclude::ByRole, ..published });
    stays_shut(Rules { lars_exclude: LarsExclude::ByName, ..Rules::corrected() });
    stays_shut(Rules { attention: Orientation::Standard, ..published });
    stays_shut(Rules { prefix: Prefix::Frozen, ..published });
    stays_shut(Rules {
        bn_recalibration: BnRecalibration::AllViews,
        rating_target: RatingTarget::Normalised,
        channels_fix_target: ChannelsFixTarget::Follows,
        ..published
    });
}

/// The trained parameters of the prefix, or of the stage behind it, within one side.
fn names(learner: &Learner, prefix: bool, path: &[u8]) -> Vec<String> {
    let stage = learner.stage();
    let parts = if prefix { stage.prefix() } else { stage.body(path) };
    let graphs = parts.into_iter().map(|part| part.graph(learner.siamese().space()));
    let params = graphs.flat_map(|graph| graph.params().to_vec());
    params.filter(|param| !param.role.is_buffer()).map(|param| param.name).collect()
}

/// How many of these changed on a side.
fn changed(
    names: &[String],
    side: Side,
    before: &BTreeMap<String, Vec<f64>>,
    after: &BTreeMap<String, Vec<f64>>,
) -> usize {
    let names = names.iter().map(|name| side.name(name));
    names.filter(|name| before[name] != after[name]).count()
}

/// Each target is what momentum makes of it and of the online weight after the step.
fn follows(names: &[String], before: &BTreeMap<String, Vec<f64>>, after: &BTreeMap<String, Vec<f64>>) {
    for name in names {
        let (target, online) = (Side::Target.name(name), Side::Online.name(name));
        let pairs = before[&target].iter().zip(&after[&online]);
        let expected: Vec<f64> = pairs.map(|(target, online)| MOMENTUM * target + (1.0 - MOMENTUM) * online).collect();
        assert!(far(&after[&target], &expected) <= 1e-6, "{target}");
    }
}

#[test]
fn a_frozen_prefix_stays_as_it_is_on_both_sides() {
    let (best, path): (&[u8], &[u8]) = (&[1, 2], &[3, 0, 2, 1]);
    for prefix in [Prefix::Frozen, Prefix::Trained] {
        let rules = Rules { prefix, ..Rules::corrected() };
        let mut learner = untrained(small::mbconv(), &[best], &[path], rules, Extent::Parts);
        let before = state(&learner);
        for step in 0..2 {
            accumulate(&mut learner, &images(step, 32), &[path], 1);
            learner.update(RATE, MOMENTUM).unwrap();
            if step == 0 {
                follows(&names(&learner, false, path), &before, &state(&learner));
            }
        }
        let after = state(&learner);
        let (early, own) = (names(&learner, true, path), names(&learner, false, path));
        let changed = |names: &[String], side| changed(names, side, &before, &after);
        let both = |names: &[String]| [changed(names, Side::Online), changed(names, Side::Target)];
        let nothing = if prefix == Prefix::Frozen { 0 } else { early.len() };
        assert_eq!(both(&early), [nothing; 2], "{prefix:?}: weights of the prefix of {}", early.len());
        assert_eq!(both(&own), [own.len(); 2], "{prefix:?}: weights of the stage");
        // The frozen prefix is the target's, whose norms see the images; the online one is not run.
        let mean = "backbone._blocks.0._block_layers.0._mix_ops.1.bn1.running_mean".to_owned();
        assert_eq!(changed(std::slice::from_ref(&mean), Side::Target), 1);
        assert_eq!(changed(&[mean], Side::Online), usize::from(prefix == Prefix::Trained));
    }
}

#[test]
fn the_layers_in_front_of_the_targets_necks_follow_or_stay() {
    let path: &[u8] = &[2, 5];
    for follow in [ChannelsFixTarget::Fixed, ChannelsFixTarget::Follows] {
        let rules = Rules { channels_fix_target: follow, ..Rules::published() };
        let mut learner = untrained(small::nats(), &[], &[path], rules, Extent::Parts);
        let before = state(&learner);
        accumulate(&mut learner, &images(0, 8), &[path], 1);
        learner.update(RATE, MOMENTUM).unwrap();
        let after = state(&learner);
        let fix = ["0.weight", "1.weight", "1.bias"].map(|part| format!("channels_fix.0.5.{part}"));
        assert_eq!(changed(&fix, Side::Online, &before, &after), 3, "{follow:?}: the online ones train");
        let expected = if follow == ChannelsFixTarget::Follows { 3 } else { 0 };
        assert_eq!(changed(&fix, Side::Target, &before, &after), expected, "{follow:?}");
        if follow == ChannelsFixTarget::Follows {
            follows(&fix, &before, &after);
        }
        let neck = ["fc0.weight".to_owned(), "fc1.bias".to_owned()].map(|part| format!("necks.0.{part}"));
        assert_eq!(changed(&neck, Side::Target, &before, &after), 2, "{follow:?}: the neck follows");
    }
}

fn run(space: Space, paths: &[&[u8]], side: usize) -> BTreeMap<String, Vec<f64>> {
    let mut learner = untrained(space, &[], paths, Rules::corrected(), Extent::Parts);
    for step in 0..3 {
        accumulate(&mut learner, &images(step, side), paths, 1);
        learner.update(RATE, MOMENTUM).unwrap();
    }
    state(&learner)
}

#[test]
fn two_runs_give_the_same_bits() {
    for (space, paths, side) in [
        (small::hytra(), [&PATH[..], &[5, 4, 2, 1]], 64),
        (small::mbconv(), [&[0, 1][..], &[2, 3]], 32),
        (small::nats(), [&[2, 5][..], &[7, 0]], 8),
    ] {
        let (first, second) = (run(space, &paths, side), run(space, &paths, side));
        let others: Vec<_> =
            first.iter().filter(|(name, values)| second[*name] != **values).map(|(name, _)| name).collect();
        assert!(others.is_empty(), "{space}: {others:?}");
        assert!(first.values().flatten().all(|value| value.is_finite()), "{space}");
    }
}

#[test]
fn gradients_of_batches_add_up() {
    let paths: [&[u8]; 2] = [&[2, 5], &[7, 0]];
    let learner = || untrained(small::nats(), &[], &paths, Rules::corrected(), Extent::Parts);
    let of = |batches: &[usize], over: u32| {
        let mut learner = learner();
        for &batch in batches {
            accumulate(&mut learner, &images(batch, 8), &paths, over);
        }
        learner
    };
    let (first, second, mut both) = (of(&[0], 2), of(&[1], 2), of(&[0, 1], 2));
    let (first, second, sum) = (gradients(&first), gradients(&second), gradients(&both));
    assert!(sum.len() > 40 && sum.keys().eq(first.keys()) && sum.keys().eq(second.keys()));
    for (name, sum) in &sum {
        let expected: Vec<f64> = first[name].iter().zip(&second[name]).map(|(a, b)| a + b).collect();
        let off = largest(&sum.iter().zip(&expected).map(|(a, b)| a - b).collect::<Vec<_>>());
        assert!(off <= 1e-5 * largest(&expected) + 1e-7, "{name}: {off:.1e} of {:.1e}", largest(&expected));
    }
    // A loss that is divided by a power of two has gradients that are, bit for bit.
    let alone = gradients(&of(&[0], 1));
    for (name, gradient) in &alone {
        let halves: Vec<f64> = gradient.iter().map(|value| value / 2.0).collect();
        assert_eq!(halves, first[name], "{name}");
    }
    // The step uses the sum up.
    assert!(both.update(RATE, MOMENTUM).unwrap() > 40);
    assert!(gradients(&both).is_empty());
    assert_eq!(both.update(RATE, MOMENTUM).unwrap(), 0);
}
