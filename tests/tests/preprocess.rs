//! `preprocess`: images become inputs as the published code makes them.

use std::fs;
use std::path::Path;

use bossnas_tests::npy;
use bossnas_tests::program::{files, scratch, zoo};

#[test]
fn images_become_one_tensor_in_their_order() {
    let folder = scratch();
    let photograph = "flower.jpg";
    let asset = Path::new(env!("CARGO_MANIFEST_DIR")).join("../zoo/assets").join(photograph);
    fs::copy(asset, folder.path().join(photograph)).unwrap();
    // The demonstration leaves a digit and the input that its network read.
    let _ = zoo(folder.path(), ["demo", "-o", "demo"]).success();
    let run = |arguments: &[&str]| zoo(folder.path(), [&["preprocess"], arguments].concat());

    let one = run(&[photograph, "-o", "one.npy", "--json"]).success().json("preprocess");
    assert_eq!(one["shape"], serde_json::json!([1, 3, 224, 224]));
    assert_eq!(one["preprocessing"]["resize"], serde_json::json!([256, 256]));
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    for like in ["BossNet-Digits", "demo/bossnet-digits.onnx"] {
        let digit = run(&["demo/digit.png", "-o", "digit.npy", "--like", like, "--json"]).success().json("preprocess");
        // As a whole: nothing is cut off.
        assert_eq!(digit["preprocessing"]["resize"], serde_json::json!([64, 64]));
        assert_eq!(read("digit.npy"), read("demo/digit.npy"), "{like}");
    }

    let _ = run(&[photograph, photograph, photograph, "-o", "three.npy"]).success();
    let (shape, values) = npy::read(&folder.path().join("three.npy"));
    assert_eq!(shape, [3, 3, 224, 224]);
    let (_, one) = npy::read(&folder.path().join("one.npy"));
    assert!(values.chunks(one.len()).all(|image| image == one));

    let document = run(&[photograph, "-o", "like.npy", "--like", "T0@288", "--json"]).success().json("preprocess");
    assert_eq!(document["shape"], serde_json::json!([1, 3, 288, 288]));
    let wide = run(&[photograph, "-o", "wide.npy", "--size", "96x160", "--json"]).success().json("preprocess");
    assert_eq!(wide["shape"], serde_json::json!([1, 3, 96, 160]));
}

#[test]
fn what_is_no_image_is_named_and_nothing_is_written() {
    let folder = scratch();
    fs::write(folder.path().join("x.jpg"), b"\xff\xd8\xff\xe0 cut").unwrap();
    fs::write(folder.path().join("x.txt"), b"no image").unwrap();
    let run = |arguments: &[&str]| zoo(folder.path(), [&["preprocess", "-o", "y.npy"], arguments].concat());
    let _ = run(&["x.jpg"]).failure(1, &["x.jpg", "truncated"]);
    let _ = run(&["x.txt"]).failure(1, &["x.txt", "neither a JPEG nor a PNG"]);
    let _ = run(&["none.png"]).failure(1, &["none.png", "does not exist"]);
    let _ = run(&[]).failure(2, &["IMAGE"]);
    let _ = run(&["x.jpg", "--like", "bossnet:1/0/1/0"]).failure(2, &["says nothing of images", "--size"]);
    let _ = run(&["x.jpg", "--like", "T0", "--size", "3"]).failure(2, &["--size"]);
    assert_eq!(files(folder.path()), ["x.jpg", "x.txt"]);
}
