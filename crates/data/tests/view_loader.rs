//! Batches of views: what is in them is decided by seed, epoch, image and view, and by nothing else.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use bossnas_data::DecodeOptions;
use bossnas_data::dataset::{DataSet, DataSetError};
use bossnas_data::views::{Draw, Recipe, ViewBatch, ViewLoader, ViewLoaderOptions, order, view};

/// A PNG of one red pixel.
const PNG: &[u8] = b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\
    \x90wS\xde\x00\x00\x00\x0cIDATx\x9cc\xf8\xcf\xc0\x00\x00\x03\x01\x01\x00\xc9\xfe\x92\xef\x00\x00\x00\x00IEND\xaeB`\x82";

fn options(workers: usize, ahead: usize) -> ViewLoaderOptions {
    ViewLoaderOptions {
        workers: workers.try_into().unwrap(),
        ahead: ahead.try_into().unwrap(),
        decode: DecodeOptions::default(),
    }
}

/// Everything on, at a size that is quickly made.
fn recipe() -> Recipe {
    Recipe::byol(24, 2)
}

/// The digits in the order of an epoch, in batches, the last of which is smaller.
fn batches(seed: u64, epoch: u64) -> Vec<Vec<usize>> {
    order(1797, seed, epoch)[..50].chunks(8).map(<[usize]>::to_vec).collect()
}

fn load(seed: u64, epoch: u64, options: ViewLoaderOptions) -> Vec<ViewBatch> {
    let data = Arc::new(DataSet::digits());
    let loader = ViewLoader::start(data, batches(seed, epoch), recipe(), seed, epoch, options).unwrap();
    assert_eq!(loader.len(), 7);
    loader.map(Result::unwrap).collect()
}

#[test]
fn every_view_is_that_of_its_numbers_whatever_the_workers() {
    let (data, recipe) = (DataSet::digits(), recipe());
    let mut expected = vec![0.0; recipe.numbers()];
    let first = load(3, 5, options(1, 1));
    for (batch, indices) in first.iter().zip(batches(3, 5)) {
        assert_eq!(batch.indices, indices);
        assert_eq!(batch.values.len(), indices.len() * 4 * 3 * 24 * 24);
        assert!(batch.broken.is_empty());
        for (row, (&index, &label)) in indices.iter().zip(&batch.labels).enumerate() {
            assert_eq!(label, data.sample(index).unwrap().label);
            for number in 0..4 {
                let draw = Draw { seed: 3, epoch: 5, image: index as u64, view: number as u64 };
                view(&data.load(index).unwrap(), &recipe, draw, &mut expected).unwrap();
                let at = (row * 4 + number) * expected.len();
                assert_eq!(batch.values[at..at + expected.len()], expected);
            }
        }
    }
    for (workers, ahead) in [(1, 5), (2, 1), (3, 2), (7, 100), (64, 3)] {
        let again = load(3, 5, options(workers, ahead));
        let same = |(a, b): (&ViewBatch, &ViewBatch)| a.indices == b.indices && a.values == b.values;
        assert!(first.len() == again.len() && first.iter().zip(&again).all(same), "{workers} workers, {ahead} ahead");
    }
}

#[test]
fn memory_that_is_used_again_changes_nothing() {
    let data = Arc::new(DataSet::digits());
    let expected = load(3, 5, options(2, 2));
    let mut loader = ViewLoader::start(data, batches(3, 5), recipe(), 3, 5, options(2, 2)).unwrap();
    for (turn, expected) in expected.iter().enumerate() {
        let batch = loader.next().unwrap().unwrap();
        assert!(batch.values == expected.values);
        // Of the right size, too small, too large.
        let mut values = batch.values;
        values.fill(f32::NAN);
        values.resize([values.len(), 1, 2 * values.len()][turn % 3], f32::NAN);
        values.shrink_to_fit();
        loader.recycle(values);
    }
}

#[test]
fn a_start_in_the_middle_gives_the_same_batches() {
    let whole = load(3, 5, options(2, 2));
    let data = Arc::new(DataSet::digits());
    let rest = batches(3, 5).split_off(4);
    let rest = ViewLoader::start(data, rest, recipe(), 3, 5, options(3, 1)).unwrap();
    for (again, before) in rest.map(Result::unwrap).zip(&whole[4..]) {
        assert!(again.values == before.values && again.labels == before.labels);
    }
}

#[test]
fn another_seed_or_epoch_gives_other_views_of_the_same_images() {
    let of = |seed, epoch| {
        let data = Arc::new(DataSet::digits());
        let mut loader = ViewLoader::start(data, vec![vec![7, 8]], recipe(), seed, epoch, options(1, 1)).unwrap();
        loader.next().unwrap().unwrap().values
    };
    assert!(of(1, 0) != of(1, 1) && of(1, 0) != of(2, 0) && of(1, 0) == of(1, 0));
}

/// A list of `count` images of one pixel, of which those that `broken` names are no images.
fn files(count: usize, broken: impl Fn(usize) -> bool) -> (tempfile::TempDir, Arc<DataSet>) {
    let folder = tempfile::tempdir().unwrap();
    let mut list = String::new();
    for i in 0..count {
        fs::write(folder.path().join(format!("{i}.png")), if broken(i) { b"none" } else { PNG }).unwrap();
        writeln!(list, "{i}.png {i}").unwrap();
    }
    fs::write(folder.path().join("list"), list).unwrap();
    let data = DataSet::open(folder.path().join("list")).unwrap();
    (folder, Arc::new(data))
}

#[test]
fn a_broken_samples_place_is_taken_by_the_next_one_with_the_draws_of_the_broken_one() {
    let (folder, data) = files(20, |i| i == 4 || i >= 18);
    fs::remove_file(folder.path().join("5.png")).unwrap();
    let batches = vec![vec![3, 4, 9], vec![19, 18, 0]];
    let loader = ViewLoader::start(data, batches, recipe(), 1, 0, options(2, 2)).unwrap();
    let made: Vec<ViewBatch> = loader.map(Result::unwrap).collect();
    assert_eq!((&made[0].indices[..], &made[0].labels[..]), (&[3, 6, 9][..], &[3, 6, 9][..]));
    assert_eq!((&made[1].indices[..], &made[1].labels[..]), (&[0, 0, 0][..], &[0, 0, 0][..]));
    let broken = |batch: &ViewBatch| batch.broken.iter().map(|broken| broken.index).collect::<Vec<_>>();
    assert_eq!((broken(&made[0]), broken(&made[1])), (vec![4, 5], vec![19, 18, 19]));
    for broken in made.iter().flat_map(|batch| &batch.broken) {
        assert!(broken.error.to_string().contains(&format!("{}.png`", broken.index)), "{}", broken.error);
    }
    // All images are the same; what was drawn for number 4 decides.
    let image = bossnas_data::RgbImage::new(1, 1, vec![255, 0, 0]).unwrap();
    let mut expected = vec![0.0; recipe().numbers()];
    view(&image, &recipe(), Draw { seed: 1, epoch: 0, image: 4, view: 1 }, &mut expected).unwrap();
    let at = (4 + 1) * expected.len();
    assert_eq!(made[0].values[at..at + expected.len()], expected);
}

#[test]
fn a_batch_for_which_nothing_can_be_read_is_an_error_and_the_next_one_comes() {
    let (_folder, data) = files(40, |i| (5..22).contains(&i));
    let batches = vec![vec![0, 5], vec![6, 1], vec![2]];
    let mut loader = ViewLoader::start(data, batches, recipe(), 1, 0, options(2, 3)).unwrap();
    let error = loader.next().unwrap().unwrap_err();
    assert!(matches!(error, DataSetError::NoneReadable { tried: 17, .. }), "{error}");
    assert!(error.to_string().contains("21.png"), "{error}");
    // One sample fewer in the way, and the last try finds one.
    assert_eq!(loader.next().unwrap().unwrap().indices, [22, 1]);
    assert_eq!(loader.next().unwrap().unwrap().indices, [2]);
    assert!(loader.next().is_none() && loader.next().is_none());

    let (_folder, data) = files(3, |_| true);
    let mut loader = ViewLoader::start(data, vec![vec![1]], recipe(), 1, 0, options(1, 1)).unwrap();
    assert!(matches!(loader.next().unwrap(), Err(DataSetError::NoneReadable { tried: 3, .. })));
}

#[test]
fn images_of_another_size_than_padded_views_need_are_named() {
    let data = Arc::new(DataSet::digits());
    let mut loader = ViewLoader::start(data, vec![vec![7]], Recipe::nats(), 1, 0, options(1, 1)).unwrap();
    let error = loader.next().unwrap().unwrap_err().to_string();
    assert!(error.contains("digits[") && error.contains("8 x 8"), "{error}");
}

#[test]
fn what_cannot_be_is_refused_before_anything_starts() {
    let start = |batches: Vec<Vec<usize>>, recipe: Recipe| {
        let loader = ViewLoader::start(Arc::new(DataSet::digits()), batches, recipe, 1, 0, options(1, 1));
        loader.map(Iterator::count)
    };
    assert!(matches!(start(vec![vec![0, 1797]], recipe()), Err(DataSetError::NoSample { index: 1797, len: 1797 })));
    let bent = Recipe { size: 0, ..recipe() };
    assert!(matches!(start(vec![vec![0]], bent), Err(DataSetError::Recipe(_))));
    let huge = start(vec![vec![0; 1 << 16]], Recipe::byol(4096, 64)).unwrap_err();
    assert!(matches!(huge, DataSetError::BatchMemory { .. }), "{huge}");
    assert!(matches!((start(vec![], recipe()), start(vec![vec![], vec![3], vec![]], recipe())), (Ok(0), Ok(3))));
}

#[test]
fn dropping_the_loader_ends_its_workers() {
    let data = Arc::new(DataSet::digits());
    let batches = vec![vec![1, 2, 3, 4]; 100_000];
    let mut loader = ViewLoader::start(Arc::clone(&data), batches, recipe(), 1, 0, options(3, 2)).unwrap();
    loader.next().unwrap().unwrap();
    assert!(loader.waited() > Duration::ZERO);
    drop(loader);
    assert_eq!(Arc::strong_count(&data), 1, "a worker still has the data set");
}
