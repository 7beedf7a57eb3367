//! Batches of inputs: what is in them is decided by seed, epoch, image and occurrence, and by nothing else.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::num::NonZero;
use std::sync::Arc;

use bossnas_data::DecodeOptions;
use bossnas_data::dataset::{DataSet, DataSetError, Split};
use bossnas_data::training::{
    Crop, Key, Recipe, RepeatRule, TrainingBatch, TrainingLoader, TrainingLoaderOptions, input, input_from, repeated,
};
use proptest::prelude::*;

fn options(workers: usize, ahead: usize) -> TrainingLoaderOptions {
    TrainingLoaderOptions {
        workers: workers.try_into().unwrap(),
        ahead: ahead.try_into().unwrap(),
        decode: DecodeOptions::default(),
    }
}

fn digits() -> Arc<DataSet> {
    Arc::new(DataSet::digits_of(Split::Train))
}

/// The digits as repeated augmentation has them, in batches, the last of which is smaller.
fn batches(seed: u64, epoch: u64) -> Vec<Vec<usize>> {
    let three = NonZero::new(3).unwrap();
    let order = repeated(digits().len(), epoch, seed, 0, NonZero::<usize>::MIN, three, RepeatRule::Published);
    order[..44].chunks(8).map(<[usize]>::to_vec).collect()
}

fn load(seed: u64, epoch: u64, taken: usize, options: TrainingLoaderOptions) -> Vec<TrainingBatch> {
    let loader =
        TrainingLoader::start_at(digits(), batches(seed, epoch), taken, Recipe::deit(40), seed, epoch, options);
    loader.unwrap().map(Result::unwrap).collect()
}

#[test]
fn every_input_is_that_of_its_key_and_a_repeated_image_is_another_each_time() {
    let (data, recipe) = (digits(), Recipe::deit(40));
    let mut expected = vec![0.0; recipe.numbers()];
    let mut seen = vec![0; data.len()];
    let mut repeats = 0;
    for (batch, indices) in load(3, 5, 0, options(1, 1)).iter().zip(batches(3, 5)) {
        assert_eq!(batch.indices, indices);
        assert_eq!(batch.values.len(), indices.len() * 3 * 40 * 40);
        for (row, &index) in indices.iter().enumerate() {
            assert_eq!(batch.labels[row], data.sample(index).unwrap().label);
            let ours = &batch.values[row * expected.len()..][..expected.len()];
            let key = |occurrence| Key { seed: 3, epoch: 5, image: index as u64, occurrence };
            input(&data.load(index).unwrap(), &recipe, key(seen[index]), &mut expected).unwrap();
            assert_eq!(ours, expected);
            for before in 0..seen[index] {
                input(&data.load(index).unwrap(), &recipe, key(before), &mut expected).unwrap();
                assert!(ours != expected);
                repeats += 1;
            }
            seen[index] += 1;
        }
    }
    // 14 images three times, and one twice: 1 + 2 pairs, and 1.
    assert_eq!(repeats, 14 * 3 + 1);
}

#[test]
fn another_seed_or_epoch_gives_other_inputs_of_the_same_images() {
    let of = |seed, epoch| {
        let loader = TrainingLoader::start(digits(), vec![vec![7, 8]], Recipe::small(24), seed, epoch, options(1, 1));
        loader.unwrap().next().unwrap().unwrap().values
    };
    assert!(of(1, 0) != of(1, 1) && of(1, 0) != of(2, 0) && of(1, 0) == of(1, 0));
}

#[test]
fn memory_that_is_used_again_changes_nothing() {
    let expected = load(3, 5, 0, options(2, 2));
    let mut loader = TrainingLoader::start(digits(), batches(3, 5), Recipe::deit(40), 3, 5, options(2, 2)).unwrap();
    for expected in &expected {
        let batch = loader.next().unwrap().unwrap();
        assert!(batch.values == expected.values);
        let mut values = batch.values;
        values.fill(f32::NAN);
        loader.recycle(values);
    }
}

#[test]
fn what_cannot_be_is_refused_before_anything_starts() {
    let start = |batches: Vec<Vec<usize>>, recipe: Recipe| {
        TrainingLoader::start(digits(), batches, recipe, 1, 0, options(1, 1)).map(Iterator::count)
    };
    assert!(matches!(
        start(vec![vec![1438]], Recipe::deit(32)),
        Err(DataSetError::NoSample { index: 1438, len: 1438 })
    ));
    let error = start(vec![vec![0]], Recipe { flip: 2.0, ..Recipe::deit(0) }).unwrap_err().to_string();
    assert!(error.contains("size 0") && error.contains("flip 2"), "{error}");
    let huge = start(vec![vec![0; 1 << 24]], Recipe::deit(4096)).unwrap_err();
    assert!(matches!(huge, DataSetError::BatchMemory { inputs: 1, .. }), "{huge}");
}

/// A photograph of the repository.
const PHOTOGRAPH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../zoo/assets/flower.jpg");

#[test]
fn inputs_of_a_file_are_those_of_its_whole_image() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("list"), format!("{PHOTOGRAPH} 3\n")).unwrap();
    let data = Arc::new(DataSet::open(folder.path().join("list")).unwrap());
    let image = data.load(0).unwrap();
    for recipe in [Recipe::deit(48), Recipe::small(24), Recipe { crop: Crop::Whole, ..Recipe::deit(33) }] {
        let mut expected = vec![0.0; recipe.numbers()];
        let batches = vec![vec![0; 12]];
        let mut loader =
            TrainingLoader::start(Arc::clone(&data), batches, recipe.clone(), 2, 7, options(2, 1)).unwrap();
        let batch = loader.next().unwrap().unwrap();
        for (occurrence, ours) in (0..).zip(batch.values.chunks(expected.len())) {
            let key = Key { seed: 2, epoch: 7, image: 0, occurrence };
            input(&image, &recipe, key, &mut expected).unwrap();
            assert!(ours == expected);
            let bytes = std::fs::read(PHOTOGRAPH).unwrap();
            input_from(&bytes, DecodeOptions::default(), &recipe, key, &mut expected).unwrap();
            assert!(ours == expected);
        }
        assert_eq!(batch.labels, [3; 12]);
    }
}

#[test]
fn an_image_that_is_turned_is_seen_as_it_stands() {
    let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/images/orientation_6.jpg")).unwrap();
    let recipe = Recipe::deit(40);
    let (mut ours, mut expected) = (vec![0.0; recipe.numbers()], vec![0.0; recipe.numbers()]);
    for decode in [DecodeOptions { exif: true, ..DecodeOptions::default() }, DecodeOptions::default()] {
        let image = bossnas_data::decode_with(&bytes, decode).unwrap();
        for number in 0..20 {
            let key = Key { seed: 2, epoch: 7, image: number, occurrence: 0 };
            input_from(&bytes, decode, &recipe, key, &mut ours).unwrap();
            input(&image, &recipe, key, &mut expected).unwrap();
            assert!(ours == expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(25))]

    #[test]
    fn workers_and_restarts_change_nothing(
        workers in 1usize..9,
        ahead in 1usize..9,
        taken in 0usize..8,
        seed in 0u64..3,
        epoch in 0u64..3,
    ) {
        let whole = load(seed, epoch, 0, options(1, 1));
        let again = load(seed, epoch, taken, options(workers, ahead));
        let rest = &whole[taken.min(whole.len())..];
        prop_assert_eq!(again.len(), rest.len());
        for (again, before) in again.iter().zip(rest) {
            prop_assert!(again.indices == before.indices && again.labels == before.labels);
            prop_assert!(again.values == before.values);
        }
    }
}
