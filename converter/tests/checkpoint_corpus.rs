//! What a fuzzer once found interesting runs with the ordinary tests.

#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "helpers of tests fail as tests do")]

#[path = "../../fuzz/bodies/checkpoint.rs"]
mod checkpoint;
#[path = "../../fuzz/bodies/read_all.rs"]
mod read_all;
#[path = "../../fuzz/replay.rs"]
mod replay;
#[path = "../../fuzz/bodies/safetensors.rs"]
mod safetensors;
#[path = "../../fuzz/bodies/state_dict.rs"]
mod state_dict;

#[test]
fn every_file_of_the_corpus_is_survived() {
    replay::replay("checkpoint", checkpoint::run);
}

#[test]
fn every_pickle_of_the_corpus_is_survived_as_that_of_an_archive() {
    replay::replay("state_dict", state_dict::run);
}

#[test]
fn every_header_of_the_corpus_is_survived() {
    replay::replay("safetensors", safetensors::run);
}
