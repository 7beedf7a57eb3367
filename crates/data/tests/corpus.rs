//! What a fuzzer once found interesting runs with the ordinary tests.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail as tests do")]

#[path = "../../../fuzz/bodies/archive.rs"]
mod archive;
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[test]
fn every_input_of_the_corpus_is_survived() {
    replay::replay("archive", archive::run);
}
