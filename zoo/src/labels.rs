//! Names of classes.

const IMAGENET: &str = include_str!("../assets/imagenet_classes.txt");

/// The 1000 classes of ImageNet-1k, in the order of the published networks' outputs.
pub fn imagenet() -> Vec<String> {
    IMAGENET.lines().map(str::to_owned).collect()
}
