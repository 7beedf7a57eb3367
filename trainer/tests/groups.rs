//! The two groups of LARS name by name: what it decays and scales, and what it leaves alone, as published and by role.
//!
//! Names and their order are compared exactly; of HyTra's long lists a part is stored, with the digest of all.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fmt::Write as _;

use bossnas_model::arch::NatsData;
use bossnas_model::graph::Role;
use bossnas_model::space::{SharedParam, Space};
use bossnas_trainer::optim::Treatment;
use bossnas_trainer::search::LarsExclude;
use bossnas_trainer::search::siamese::Side;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use support::fixtures;

#[derive(Deserialize)]
struct Groups {
    lars_exclude: Vec<String>,
    adapt: Adapt,
    #[serde(rename = "frozen_groups")]
    frozen: usize,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Adapt {
    All(Vec<String>),
    First { count: usize, sha256_of_json: String, first: Vec<String> },
}

#[derive(Deserialize)]
struct Counts {
    n_exclude: usize,
    n_adapt: usize,
    frozen: usize,
    exclude_sha: String,
    adapt_sha: String,
}

/// The trained parameters under their siamese names, in published order: the backbone, necks and heads of the online
/// side, then the layers in front of NATS-Bench's necks, of which the published code gives those of the target to its
/// optimizer too.
fn trained(space: &Space) -> Vec<(String, SharedParam)> {
    let params: Vec<SharedParam> = space.parameters().into_iter().filter(|param| !param.role.is_buffer()).collect();
    let of = |side: Side, part: &str| -> Vec<(String, SharedParam)> {
        let of_part = params.iter().filter(|param| param.name.starts_with(part));
        of_part.map(|param| (side.name(&param.name), param.clone())).collect()
    };
    let online = ["backbone.", "necks.", "heads.", "channels_fix."].into_iter().flat_map(|part| of(Side::Online, part));
    online.chain(of(Side::Target, "channels_fix.")).collect()
}

/// Names that are left alone, and names that are scaled.
fn split(exclude: LarsExclude, params: &[(String, SharedParam)]) -> [Vec<&str>; 2] {
    let of = |treatment| {
        let group = params.iter().filter(|(name, param)| exclude.treatment(name, param.shape.len()) == treatment);
        group.map(|(name, _)| name.as_str()).collect()
    };
    [of(Treatment::Excluded), of(Treatment::Adapted)]
}

fn digest(names: &[&str]) -> String {
    let digest = Sha256::digest(serde_json::to_string(names).unwrap());
    digest.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Parameters of the target that the published code freezes.
fn frozen(space: &Space) -> usize {
    let frozen = |param: &SharedParam| {
        !param.role.is_buffer() && (param.name.starts_with("backbone.") || param.name.starts_with("necks."))
    };
    space.parameters().iter().filter(|param| frozen(param)).count()
}

fn check(space: &Space, file: &str) {
    let Some(fixtures) = fixtures() else { return };
    let published: Groups = fixtures.json(file).unwrap();
    let params = trained(space);
    let [excluded, adapted] = split(LarsExclude::ByName, &params);
    let stored = published.lars_exclude.len();
    assert!(stored >= 272);
    assert_eq!(excluded[..stored], published.lars_exclude, "{space}: left alone");
    match published.adapt {
        Adapt::All(names) => {
            assert_eq!(adapted, names, "{space}: scaled");
            assert_eq!(excluded.len(), stored);
        }
        Adapt::First { count, sha256_of_json, first } => {
            assert_eq!(adapted[..first.len()], first, "{space}: scaled");
            assert_eq!(adapted.len(), count);
            assert_eq!(digest(&adapted), sha256_of_json, "{space}: scaled");
        }
    }
    assert_eq!(frozen(space), published.frozen, "{space}: frozen");
}

#[test]
fn of_hytra_are_the_published_ones() {
    check(&Space::hytra(), "hytra/lars_groups_hytra.json");
    let Some(fixtures) = fixtures() else { return };
    let counts: Counts = fixtures.json("hytra/lars_groups_hytra_counts.json").unwrap();
    let params = trained(&Space::hytra());
    let [excluded, adapted] = split(LarsExclude::ByName, &params);
    assert_eq!([excluded.len(), adapted.len()], [counts.n_exclude, counts.n_adapt]);
    assert_eq!([digest(&excluded), digest(&adapted)], [counts.exclude_sha, counts.adapt_sha]);
    assert_eq!(frozen(&Space::hytra()), counts.frozen);
}

#[test]
fn of_mbconv_are_the_published_ones() {
    check(&Space::mbconv(), "mbconv/lars_groups_mbconv.json");
}

#[test]
fn of_nats_are_the_published_ones() {
    check(&Space::nats(NatsData::Cifar10), "nats/lars_groups_nats_c10.json");
    check(&Space::nats(NatsData::Cifar100), "nats/lars_groups_nats_c100.json");
}

#[test]
fn by_role_every_vector_is_left_alone_and_nothing_else() {
    for space in Space::PUBLISHED {
        let params = trained(&space);
        let mut missed = 0;
        for (name, param) in &params {
            let by = |exclude: LarsExclude| exclude.treatment(name, param.shape.len()) == Treatment::Excluded;
            let is_matrix = matches!(param.role, Role::ConvWeight | Role::LinearWeight);
            assert_eq!(by(LarsExclude::ByRole), !is_matrix, "{name}");
            missed += usize::from(by(LarsExclude::ByRole) && !by(LarsExclude::ByName));
            assert!(!is_matrix || !by(LarsExclude::ByName), "{name}: no weight has a name like that of a norm");
        }
        // Norms inside of a `Sequential` and those of one width, which the published patterns do not see. MBConv has
        // few: those of its shortcuts, one in each of the six stages.
        let expected = if space == Space::mbconv() { 6 } else { 100 };
        assert!(missed >= expected, "{space}: {missed}");
    }
}
