//! Data sets by their names: each opens what it should, and says what is wrong with anything else.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use bossnas_data::dataset::inat::{Category, Year};
use bossnas_data::dataset::{DataSet, DataSetKind, Layout, Split, is_held_out};
use bossnas_data::loader::{Loader, LoaderOptions};
use bossnas_data::training::Recipe;

/// A PNG of one red pixel.
const PNG: &[u8] = b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\
    \x90wS\xde\x00\x00\x00\x0cIDATx\x9cc\xf8\xcf\xc0\x00\x00\x03\x01\x01\x00\xc9\xfe\x92\xef\x00\x00\x00\x00IEND\xaeB`\x82";

/// Files of the shared folder beside the repository that may not be committed.
const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");

fn tree(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, PNG).unwrap();
    }
    folder
}

fn open(kind: DataSetKind, path: &Path, split: Split) -> Result<DataSet, String> {
    DataSet::open_as(kind, Some(path), split).map_err(|error| error.to_string())
}

/// How many samples each class has.
fn counts(data: &DataSet) -> Vec<usize> {
    let mut counts = vec![0; data.classes()];
    data.samples().for_each(|sample| counts[sample.label as usize] += 1);
    counts
}

#[test]
fn every_fifth_digit_is_held_out() {
    let part = |split| DataSet::open_as(DataSetKind::Digits, None, split).unwrap();
    let (train, test, all) = (part(Split::Train), part(Split::Test), DataSet::digits());
    assert_eq!((train.len(), test.len(), all.len(), train.classes()), (1438, 359, 1797, 10));
    train.same_classes(&test).unwrap();
    let (mut trained, mut tested) = (train.samples(), test.samples());
    for (number, sample) in all.samples().enumerate() {
        let same = if is_held_out(number) { tested.next() } else { trained.next() }.unwrap();
        assert_eq!((same.name(), same.label), (sample.name(), sample.label));
        assert_eq!(is_held_out(number), number % 5 == 4);
    }
    assert!(trained.next().is_none() && tested.next().is_none());
    assert!(test.load(3).unwrap() == all.load(19).unwrap());
    assert!(test.sample(359).is_none() && train.sample(1438).is_none());
}

#[test]
fn a_place_is_asked_for_where_there_is_one() {
    let error = DataSet::open_as(DataSetKind::Cifar10, None, Split::Train).unwrap_err().to_string();
    assert!(error.contains("cifar10") && error.contains("say where"), "{error}");
    let error = open(DataSetKind::Digits, Path::new("some/where"), Split::Train).unwrap_err();
    assert!(error.contains("some/where"), "{error}");
    for kind in DataSetKind::ALL {
        let missing = open(kind, Path::new("no/such/place"), Split::Train).unwrap_err();
        assert!(missing.contains("no/such/place"), "{kind}: {missing}");
    }
}

#[test]
fn mnist_has_4000_digits_to_train_on_and_1000_to_test_on_and_of_each_class_as_many() {
    let folder = Path::new(SHARED);
    if !folder.join("mnist_5k.csv.gz").is_file() {
        eprintln!("skipped: there is no `mnist_5k.csv.gz` beside the repository");
        return;
    }
    let part = |path: &Path, split| open(DataSetKind::MnistCsv, path, split).unwrap();
    let (train, test) = (part(folder, Split::Train), part(&folder.join("mnist_5k.csv.gz"), Split::Test));
    assert_eq!((train.layout(), train.path()), (Layout::MnistCsv, test.path()));
    assert_eq!((counts(&train), counts(&test)), (vec![400; 10], vec![100; 10]));
    train.same_classes(&test).unwrap();
    assert_eq!(test.sample(999).unwrap().name(), "mnist_5k.csv.gz[4999]");
    let image = train.load(0).unwrap();
    assert_eq!((image.width(), image.height()), (28, 28));
    // White on black, in the middle.
    assert!(image.pixels()[..84].iter().all(|&level| level < 10) && image.pixels().iter().any(|&level| level > 200));
}

#[test]
fn a_folder_without_one_table_is_no_mnist() {
    let none = tree(&["other.csv"]);
    let error = open(DataSetKind::MnistCsv, none.path(), Split::Test).unwrap_err();
    assert!(error.contains("not the data set mnist-csv") && error.contains("no file `mnist*.csv`"), "{error}");
    let two = tree(&["mnist_a.csv", "MNIST.csv.gz"]);
    let error = open(DataSetKind::MnistCsv, two.path(), Split::Test).unwrap_err();
    assert!(error.contains("`MNIST.csv.gz` and `mnist_a.csv`"), "{error}");
    let error = open(DataSetKind::MnistCsv, &two.path().join("mnist_a.csv"), Split::Test).unwrap_err();
    assert!(error.contains("line 1"), "{error}");
}

#[test]
fn folders_to_train_on_have_parts_with_the_same_classes() {
    let whole = tree(&["train/a/1.png", "train/b/2.png", "train/b/3.png", "val/a/4.png", "val/b/5.png", "notes/x"]);
    let part = |split| open(DataSetKind::Folder, whole.path(), split).unwrap();
    let (train, test) = (part(Split::Train), part(Split::Test));
    assert_eq!((counts(&train), counts(&test), train.classes()), (vec![1, 2], vec![1, 1], 2));
    train.same_classes(&test).unwrap();

    // Scores may be measured on a folder without parts; there is nothing to train on.
    let plain = tree(&["a/1.png", "b/2.png", "c/2.png"]);
    assert_eq!(open(DataSetKind::Folder, plain.path(), Split::Test).unwrap().len(), 3);
    let error = open(DataSetKind::Folder, plain.path(), Split::Train).unwrap_err();
    assert!(error.contains("has no folder `train`"), "{error}");
    let other = open(DataSetKind::Folder, plain.path(), Split::Test).unwrap();
    let error = train.same_classes(&other).unwrap_err().to_string();
    assert!(error.contains("different classes: 2 and 3"), "{error}");

    let lonely = tree(&["train/a/1.png"]);
    let error = open(DataSetKind::Folder, lonely.path(), Split::Test).unwrap_err();
    assert!(error.contains("has no folder `val` or `test`"), "{error}");

    for (files, name) in [
        (["train/a/1.png", "train/b/1.png", "val/b/1.png"], "a"),
        (["train/a/1.png", "val/b/1.png", "val/a/1.png"], "b"),
    ] {
        let different = tree(&files);
        let error = open(DataSetKind::Folder, different.path(), Split::Test).unwrap_err();
        assert!(error.contains(&format!("only one of them has `{name}`")), "{error}");
        assert!(open(DataSetKind::Folder, different.path(), Split::Train).is_ok());
    }
    let file = whole.path().join("notes/x");
    assert!(open(DataSetKind::Folder, &file, Split::Test).unwrap_err().contains("it is no folder"));
}

#[test]
fn imagenet_has_a_thousand_classes() {
    let few = tree(&["train/a/1.png", "val/a/1.png"]);
    let error = open(DataSetKind::ImageNet, few.path(), Split::Train).unwrap_err();
    assert!(error.contains("not the data set imagenet") && error.contains("has 1 classes, not 1000"), "{error}");
    let names: Vec<String> = (0..1000).map(|class| format!("val/n{class:04}/1.JPEG")).collect();
    let all = tree(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let data = open(DataSetKind::ImageNet, all.path(), Split::Test).unwrap();
    assert_eq!((data.len(), data.classes()), (1000, 1000));
    assert_eq!(open(DataSetKind::ImageNet, &all.path().join("val"), Split::Test).unwrap().len(), 1000);
}

#[test]
fn one_cifar_is_not_the_other() {
    let ten = tree(&["cifar-10-batches-py/test_batch"]);
    let error = open(DataSetKind::Cifar100, ten.path(), Split::Test).unwrap_err();
    assert!(error.contains("not the data set cifar100: it holds the batches of CIFAR-10"), "{error}");
    let error = open(DataSetKind::Folder, ten.path(), Split::Test).unwrap_err();
    assert!(error.contains("not the data set folder: it holds the batches of CIFAR-10"), "{error}");
    let neither = tree(&["a/1.png"]);
    let error = open(DataSetKind::Cifar10, neither.path(), Split::Test).unwrap_err();
    assert!(error.contains("it holds no batches for Python"), "{error}");
    // Of two side by side the one that is named is opened, and is no pickle here.
    let both = tree(&["cifar-10-batches-py/test_batch", "cifar-100-python/test", "cifar-100-python/meta"]);
    let error = open(DataSetKind::Cifar100, both.path(), Split::Test).unwrap_err();
    assert!(error.contains("cifar-100-python"), "{error}");
}

const CATEGORIES: &str = r#"[{"id": 0, "name": "Rosa canina", "genus": "Rosa"}, {"id": 1, "name": "Rosa rugosa", "genus": "Rosa"},
    {"id": 2, "name": "Turdus merula", "genus": "Turdus"}]"#;

const TRAINING: &str = r#"{"images": [{"id": 1, "file_name": "train_val2019/Birds/2/a.png"},
    {"id": 2, "file_name": "train_val2019/Plants/0/b.png"}, {"id": 3, "file_name": "train_val2019/Plants/1/c.png"}],
    "annotations": [{"image_id": 1, "category_id": 2}, {"image_id": 2, "category_id": 0}, {"image_id": 3, "category_id": 1}]}"#;

const VALIDATION: &str = r#"{"images": [{"id": 9, "file_name": "train_val2019/Plants/1/d.png"}],
    "annotations": [{"image_id": 9, "category_id": 1}]}"#;

#[test]
fn inaturalist_is_read_from_its_annotations_in_both_layouts() {
    for place in ["train_val2019/Plants/1", "train_val2019/1"] {
        let images: Vec<String> = ["c.png", "d.png"].iter().map(|name| format!("{place}/{name}")).collect();
        let mut files: Vec<&str> = images.iter().map(String::as_str).collect();
        files.push(if place.contains("Plants") { "train_val2019/Birds/2/a.png" } else { "train_val2019/2/a.png" });
        let folder = tree(&files);
        for (name, text) in [("categories", CATEGORIES), ("train2019", TRAINING), ("val2019", VALIDATION)] {
            fs::write(folder.path().join(format!("{name}.json")), text).unwrap();
        }
        let part = |split| open(DataSetKind::Inat19, folder.path(), split).unwrap();
        let (train, test) = (part(Split::Train), part(Split::Test));
        train.same_classes(&test).unwrap();
        assert_eq!(train.class_names().unwrap(), ["Turdus merula", "Rosa canina", "Rosa rugosa"]);
        assert_eq!((counts(&train), counts(&test)), (vec![1; 3], vec![0, 0, 1]));
        for (data, index) in [(&train, 0), (&train, 2), (&test, 0)] {
            assert_eq!(data.load(index).unwrap().pixels(), [255, 0, 0], "{}", data.sample(index).unwrap().name());
        }
        assert!(train.load(1).unwrap_err().to_string().contains("b.png"));
        let genera = DataSet::open_inat(Year::Y2019, folder.path(), Split::Train, Category::Genus).unwrap();
        assert_eq!((genera.class_names().unwrap().len(), counts(&genera)), (2, vec![1, 2]));
        let error = open(DataSetKind::Inat18, folder.path(), Split::Test).unwrap_err();
        assert!(error.contains("not the data set inat18: it has no `train2018.json`"), "{error}");
    }
}

#[test]
fn small_pictures_are_evaluated_at_any_size() {
    let mut sets = BTreeMap::from([("digits", DataSet::digits_of(Split::Test))]);
    if let Ok(mnist) = open(DataSetKind::MnistCsv, Path::new(SHARED), Split::Test) {
        sets.insert("mnist", mnist);
    }
    for (name, set) in sets {
        let set = Arc::new(set);
        for size in [1, 8, 28, 33, 64, 224] {
            let how = Recipe::small(size).evaluation();
            for loaded in Loader::start(Arc::clone(&set), 0..4, LoaderOptions::new(how)).unwrap() {
                let values = loaded.result.unwrap();
                assert_eq!(values.len(), 3 * size * size, "{name}");
                assert!(values.iter().all(|value| value.is_finite()));
            }
        }
    }
}
