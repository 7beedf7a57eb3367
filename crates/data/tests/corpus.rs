//! What a fuzzer once found interesting runs with the ordinary tests.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail as tests do")]

#[path = "../../../fuzz/bodies/archive.rs"]
mod archive;
#[path = "../../../fuzz/bodies/cifar.rs"]
mod cifar;
#[path = "../../../fuzz/bodies/image.rs"]
mod image;
#[path = "../../../fuzz/bodies/inat.rs"]
mod inat;
#[path = "../../../fuzz/bodies/mnist.rs"]
mod mnist;
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[test]
fn every_input_of_the_corpus_is_survived() {
    replay::replay("archive", archive::run);
    replay::replay("cifar", cifar::run);
    replay::replay("image", image::run);
    replay::replay("inat", inat::run);
    replay::replay("mnist", mnist::run);
}
