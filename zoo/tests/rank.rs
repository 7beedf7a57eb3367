//! The two published rankings, to the last digits; and a corpus of what a fuzzer found interesting.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use bossnas_files::Sha256;
use bossnas_model::arch::NatsData;
use bossnas_report::statistics::correlation::Columns;
use bossnas_testkit::fixtures::{Fixtures, Source};
use bossnas_zoo::rank::{Accuracies, Missing, Pairing, Ratings, Space, Sum, pair};
use serde::Deserialize;

#[path = "../../fuzz/bodies/rank.rs"]
mod body;
#[path = "../../fuzz/replay.rs"]
mod replay;

#[derive(Deserialize)]
struct Rankings {
    mbconv: Ranking,
    nats: Ranking,
}

/// What the published scripts print, unrounded.
#[derive(Deserialize)]
struct Ranking {
    n: usize,
    kendall_tau: f64,
    spearman_rho: f64,
    pearson_r: f64,
    losses_first64: Vec<f64>,
    acc_first64: Vec<f64>,
    losses_sha256: String,
    acc_sha256: String,
}

fn sha256(numbers: &[f64]) -> String {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let mut digest = Sha256::new();
    digest.update(&bytes);
    digest.finish().to_string()
}

fn check(pairing: &Pairing, expected: &Ranking) {
    let losses: Vec<f64> = pairing.pairs.iter().map(|pair| pair.rating).collect();
    let accuracies: Vec<f64> = pairing.pairs.iter().map(|pair| pair.accuracy).collect();
    assert_eq!(losses.len(), expected.n);
    assert_eq!(losses[..expected.losses_first64.len()], expected.losses_first64);
    assert_eq!(accuracies[..expected.acc_first64.len()], expected.acc_first64);
    assert_eq!((sha256(&losses), sha256(&accuracies)), (expected.losses_sha256.clone(), expected.acc_sha256.clone()));
    let found = Columns::new(&losses, &accuracies).unwrap().coefficients();
    for (found, expected) in
        [(found.tau, expected.kendall_tau), (found.rho, expected.spearman_rho), (found.r, expected.pearson_r)]
    {
        // Ten digits are asked for; sums of 32,768 numbers in another order differ in the fifteenth.
        assert!((found.unwrap() - expected).abs() < 1e-13, "{found:?}, not {expected}");
    }
}

#[test]
fn the_published_rankings_are_reproduced_to_their_last_digits() {
    let fixtures = Fixtures::open().unwrap();
    let data = fixtures.path("../data/ranking");
    if fixtures.source() == Source::Core || !data.is_dir() {
        eprintln!("skipped: the published ratings are not here ({})", data.display());
        return;
    }
    // Python writes what is no number into JSON.
    let text = std::fs::read_to_string(fixtures.path("ranking/ranking.json")).unwrap().replace(": NaN", ": null");
    let expected: Rankings = serde_json::from_str(&text).unwrap();
    for (folder, accuracy, space, expected, rated) in [
        ("mbconv", "accuracy.json", Space::mbconv(), &expected.mbconv, 16 * 256_u64.pow(4)),
        ("nats-c10", "accuracy.yml", Space::nats(NatsData::Cifar10), &expected.nats, 32_768),
    ] {
        let ratings = Ratings::read(&data.join(folder)).unwrap();
        let accuracies = Accuracies::read(&data.join(folder).join(accuracy)).unwrap();
        let paired = |sum| pair(&ratings, &accuracies, None, sum, Missing::Refused).unwrap();
        let published = paired(Sum::Published);
        assert_eq!((published.space, published.missing, published.rated), (space, 0, Some(rated)));
        check(&published, expected);
        // The plain sums are the same numbers before they were rounded.
        let stages = space.stages() as f64;
        for (plain, published) in paired(Sum::Plain).pairs.iter().zip(&published.pairs) {
            assert_eq!(plain.arch, published.arch);
            assert!((plain.rating + 4.0 * stages - published.rating).abs() < 5.1e-5, "{}", plain.arch);
        }
    }
}

#[test]
fn every_input_of_the_corpus_is_survived() {
    replay::replay("rank", body::run);
}
