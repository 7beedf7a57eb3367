//! Folders and lists of images as data sets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;

use bossnas_data::dataset::{DataSet, DataSetError, Layout, Split};
use bossnas_data::views::Recipe;
use bossnas_data::{DecodeOptions, Error};
use proptest::prelude::*;

/// A PNG of one red pixel.
const PNG: &[u8] = b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\
    \x90wS\xde\x00\x00\x00\x0cIDATx\x9cc\xf8\xcf\xc0\x00\x00\x03\x01\x01\x00\xc9\xfe\x92\xef\x00\x00\x00\x00IEND\xaeB`\x82";

fn tree(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, PNG).unwrap();
    }
    folder
}

/// Paths from `root`, with labels.
fn samples(data: &DataSet, root: &Path) -> Vec<(String, u32)> {
    let name = |name: String| Path::new(&name).strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
    data.samples().map(|sample| (name(sample.name()), sample.label)).collect()
}

fn expected(samples: &[(&str, u32)]) -> Vec<(String, u32)> {
    samples.iter().map(|&(path, label)| (path.to_owned(), label)).collect()
}

#[test]
fn classes_and_samples_are_those_of_torchvision_in_its_order() {
    let folder = tree(&[
        "b/2.PNG",
        "b/10.png",
        "b/deep/er/1.jpg",
        "b/deep-er/1.jpg",
        "b/notes.txt",
        "a c/x.jpeg",
        "a c/.jpg",
        "Z/y.webp",
        "readme.png",
    ]);
    let data = DataSet::open(folder.path()).unwrap();
    assert_eq!(data.layout(), Layout::Folders);
    assert_eq!(data.class_names().unwrap(), ["Z", "a c", "b"]);
    // What `ImageFolder(folder).samples` lists.
    let list = [
        ("Z/y.webp", 0),
        ("a c/.jpg", 1),
        ("a c/x.jpeg", 1),
        ("b/10.png", 2),
        ("b/2.PNG", 2),
        ("b/deep-er/1.jpg", 2),
        ("b/deep/er/1.jpg", 2),
    ];
    assert_eq!(samples(&data, folder.path()), expected(&list));
    assert_eq!(data.load(0).unwrap().pixels(), [255, 0, 0]);
}

#[test]
fn a_folder_without_classes_or_a_class_without_images_is_refused() {
    let folder = tree(&["loose.png"]);
    assert!(matches!(DataSet::open(folder.path()), Err(DataSetError::NoClasses { .. })));
    let folder = tree(&["a/1.png", "b/notes.txt"]);
    let error = DataSet::open(folder.path()).unwrap_err();
    assert!(matches!(&error, DataSetError::EmptyClass { path } if path.ends_with("b")), "{error}");
    assert!(matches!(DataSet::open(folder.path().join("none")), Err(DataSetError::Read(_))));
}

#[test]
fn of_a_folder_of_parts_the_part_that_is_meant_is_opened() {
    let folder = tree(&["train/a/1.png", "train/a/2.png", "val/a/3.png", "test/4.png"]);
    assert_eq!(samples(&DataSet::open(folder.path()).unwrap(), folder.path()), expected(&[("val/a/3.png", 0)]));
    assert_eq!(DataSet::open_split(folder.path(), Split::Train).unwrap().len(), 2);
    let folder = tree(&["val/a/3.png"]);
    assert!(matches!(DataSet::open_split(folder.path(), Split::Train), Err(DataSetError::NoSplit { .. })));
    // With other folders beside them they are classes.
    let folder = tree(&["test/1.png", "exam/2.png"]);
    assert_eq!(DataSet::open(folder.path()).unwrap().class_names().unwrap(), ["exam", "test"]);
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_not_in_circles() {
    use std::os::unix::fs::symlink;
    let folder = tree(&["real/1.png", "set/b/2.png"]);
    symlink(folder.path().join("real"), folder.path().join("set/a")).unwrap();
    symlink(folder.path().join("real/1.png"), folder.path().join("set/b/1.png")).unwrap();
    symlink("nowhere", folder.path().join("set/b/3.png")).unwrap();
    let set = folder.path().join("set");
    let data = DataSet::open(&set).unwrap();
    assert_eq!(samples(&data, &set), expected(&[("a/1.png", 0), ("b/1.png", 1), ("b/2.png", 1), ("b/3.png", 1)]));
    assert!(data.load(1).is_ok());
    assert!(data.load(3).unwrap_err().to_string().contains("3.png"));

    symlink("..", set.join("b/up")).unwrap();
    assert!(matches!(DataSet::open(&set), Err(DataSetError::Loop { path }) if path.ends_with("b/up")));
    // Two that lead to each other.
    let folder = tree(&["set/a/1.png", "set/b/2.png"]);
    let set = folder.path().join("set");
    symlink("../b", set.join("a/to_b")).unwrap();
    symlink("../a", set.join("b/to_a")).unwrap();
    assert!(matches!(DataSet::open(&set), Err(DataSetError::Loop { .. })));
}

#[test]
fn a_list_finds_its_images_from_its_own_folder() {
    let folder = tree(&["images/a b.png", "broken.png"]);
    fs::write(folder.path().join("broken.png"), &PNG[..40]).unwrap();
    let absolute = folder.path().join("images/a b.png");
    let text = format!("images/a b.png 3\n{} 4\nbroken.png 0\nmissing.png 1\n", absolute.display());
    fs::write(folder.path().join("list.txt"), text).unwrap();
    let data = DataSet::open(folder.path().join("list.txt")).unwrap();
    assert_eq!((data.layout(), data.len(), data.class_names()), (Layout::List, 4, None));
    assert!(data.load(0).is_ok() && data.load_with(1, DecodeOptions { exif: true, ..Default::default() }).is_ok());
    let error = data.load(2).unwrap_err();
    assert!(matches!(&error, DataSetError::Image { name, source: Error::Decode(_) } if name.ends_with("broken.png")));
    assert!(matches!(data.load(3), Err(DataSetError::Read(_))));
    // An image is no list.
    let error = DataSet::open(absolute).unwrap_err();
    assert!(matches!(error, DataSetError::Line { line: 1, .. }), "{error}");
}

#[test]
fn the_digits_are_part_of_the_program() {
    let data = DataSet::digits();
    assert_eq!((data.layout(), data.layout().name(), data.len()), (Layout::Digits, "handwritten digits", 1797));
    assert_eq!(data.class_names().unwrap().concat(), "0123456789");
    // How often each digit is there.
    let mut counts = [0; 10];
    data.samples().for_each(|sample| counts[sample.label as usize] += 1);
    assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    let first = data.load(0).unwrap();
    assert_eq!((first.width(), first.height(), data.sample(0).unwrap().label), (8, 8, 0));
    // 0, 0, 5, 13, 9, 1, 0, 0 of 16.
    let row: Vec<u8> = first.pixels()[..24].chunks(3).map(|pixel| pixel[0]).collect();
    assert_eq!(row, [0, 0, 80, 207, 143, 16, 0, 0]);
    assert!(first.pixels().chunks(3).all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]));
    assert_eq!(data.sample(1796).unwrap().name(), "digits[1796]");
    assert!(data.sample(1797).is_none() && matches!(data.load(1797), Err(DataSetError::NoSample { len: 1797, .. })));
}

#[test]
fn the_digits_recipe_normalises_the_digits() {
    let data = DataSet::digits();
    let levels: Vec<f64> =
        (0..data.len()).flat_map(|i| data.load(i).unwrap().pixels().to_vec()).map(f64::from).collect();
    let mean = levels.iter().sum::<f64>() / levels.len() as f64;
    let variance = levels.iter().map(|level| (level - mean).powi(2)).sum::<f64>() / levels.len() as f64;
    let recipe = Recipe::digits(32);
    // Four digits are written down.
    assert!(recipe.mean.iter().all(|written| (written - mean / 255.0).abs() < 6e-5), "mean {}", mean / 255.0);
    let std = variance.sqrt() / 255.0;
    assert!(recipe.std.iter().all(|written| (written - std).abs() < 6e-5), "standard deviation {std}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_folder_and_the_list_of_it_are_the_same_samples(
        files in prop::collection::btree_set("[a-c ]x/([d-f]y/){0,2}[g-j]{1,2}\\.(png|jpg)", 1..12)
    ) {
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let folder = tree(&files);
        let data = DataSet::open(folder.path()).unwrap();
        assert_eq!(data.len(), files.len());
        let names = data.class_names().unwrap();
        let listed = samples(&data, folder.path());
        let lines: Vec<String> = listed.iter().map(|(path, label)| format!("{path} {label}\n")).collect();
        for (path, label) in &listed {
            assert!(path.starts_with(&format!("{}/", names[*label as usize])));
        }
        fs::write(folder.path().join("list"), lines.concat().replace(" x/", "./ x/")).unwrap();
        let list = DataSet::open(folder.path().join("list")).unwrap();
        assert_eq!(samples(&list, folder.path()), listed);
    }
}
