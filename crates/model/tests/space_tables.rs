//! Names, shapes and paths of the supernets against the published code's.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};

use bossnas_model::arch::NatsData;
use bossnas_model::space::{SharedParam, Space};
use bossnas_testkit::fixtures::{Fixtures, Source, StateDictEntry};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The full fixtures; `None` (said once by the kit) in a clone without them.
fn fixtures() -> Option<Fixtures> {
    let fixtures = Fixtures::open().unwrap();
    (fixtures.source() == Source::Full).then_some(fixtures)
}

#[derive(Deserialize)]
struct Keys {
    #[serde(alias = "canonical_without_target")]
    canonical: Vec<StateDictEntry>,
    aliases_of: BTreeMap<String, Vec<String>>,
    n_total_state_dict: usize,
}

fn with_side(side: &str, name: &str) -> String {
    if name.starts_with("heads.") { name.to_owned() } else { format!("{side}{name}") }
}

/// Name and shape of every parameter, as the siamese state dict has them: both sides of each part, and the heads once.
fn siamese(params: &[SharedParam], sides: &[&str]) -> Vec<(String, Vec<usize>)> {
    let mut all = Vec::new();
    for part in ["backbone.", "necks.", "heads.", "channels_fix."] {
        let of_part: Vec<&SharedParam> = params.iter().filter(|param| param.name.starts_with(part)).collect();
        let sides = if part == "heads." { &sides[..1] } else { sides };
        let named = |side: &str| {
            of_part.iter().map(|param| (with_side(side, &param.name), param.shape.clone())).collect::<Vec<_>>()
        };
        all.extend(sides.iter().flat_map(|side| named(side)));
    }
    all
}

fn published(keys: &Keys) -> Vec<(String, Vec<usize>)> {
    keys.canonical.iter().map(|entry| (entry.name.clone(), entry.shape.clone())).collect()
}

/// All names that the siamese state dict has for one parameter of the online side but the first, which follow from what
/// the space says: modules that are held twice, and the whole backbone, which is.
fn online_backbone_aliases(param: &SharedParam) -> BTreeSet<String> {
    let within = [&param.name].into_iter().chain(&param.aliases);
    let all = within.flat_map(|name| {
        let module = name.strip_prefix("backbone.").unwrap();
        [format!("online_{name}"), name.clone(), format!("online_net.0.{module}")]
    });
    let first = with_side("online_", &param.name);
    all.filter(|name| *name != first).collect()
}

#[test]
fn parameters_have_the_published_names_shapes_and_order() {
    let Some(fixtures) = fixtures() else { return };
    let both: &[&str] = &["online_", "target_"];
    for (space, file, sides) in [
        // Its list leaves the target side out.
        (Space::hytra(), "hytra/keys_hytra.json", &both[..1]),
        (Space::mbconv(), "mbconv/keys_mbconv.json", both),
        (Space::nats(NatsData::Cifar10), "nats/keys_nats_c10.json", both),
        (Space::nats(NatsData::Cifar100), "nats/keys_nats_c100.json", both),
    ] {
        let keys: Keys = fixtures.json(file).unwrap();
        let ours = siamese(&space.parameters(), sides);
        let theirs = published(&keys);
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(ours, theirs, "{}", space.name());
        }
        assert_eq!(ours.len(), theirs.len(), "{}", space.name());
    }
}

#[test]
fn aliases_are_the_published_ones() {
    let Some(fixtures) = fixtures() else { return };
    for (space, file) in [
        (Space::hytra(), "hytra/keys_hytra.json"),
        (Space::mbconv(), "mbconv/keys_mbconv.json"),
        (Space::nats(NatsData::Cifar10), "nats/keys_nats_c10.json"),
        (Space::nats(NatsData::Cifar100), "nats/keys_nats_c100.json"),
    ] {
        let keys: Keys = fixtures.json(file).unwrap();
        let params = space.parameters();
        let ours: BTreeMap<String, BTreeSet<String>> = params
            .iter()
            .filter(|param| param.name.starts_with("backbone."))
            .map(|param| (with_side("online_", &param.name), online_backbone_aliases(param)))
            .collect();
        let listed = keys.aliases_of.iter().filter(|(name, _)| name.starts_with("online_backbone."));
        let theirs: BTreeMap<String, BTreeSet<String>> =
            listed.map(|(name, aliases)| (name.clone(), aliases.iter().cloned().collect())).collect();
        // HyTra's list has only those that are held twice within the backbone.
        let ours = ours.into_iter().filter(|(name, _)| space != Space::hytra() || theirs.contains_key(name));
        assert_eq!(ours.collect::<BTreeMap<_, _>>(), theirs, "{}", space.name());
        let twice = params.iter().filter(|param| !param.aliases.is_empty());
        assert!(twice.map(|param| with_side("online_", &param.name)).all(|name| theirs.contains_key(&name)));
        assert_eq!(siamese_entries(&params), keys.n_total_state_dict, "{}", space.name());
    }
}

/// Entries of the whole siamese state dict, all names counted: the online backbone under three names, the target's under
/// two; of the stage that is trained, neck, head and width fixes under the names of the trained part besides, and
/// the neck of that stage in both networks.
fn siamese_entries(params: &[SharedParam]) -> usize {
    let count = |prefix: &str| {
        let of_part = params.iter().filter(|param| param.name.starts_with(prefix));
        of_part.map(|param| 1 + param.aliases.len()).sum::<usize>()
    };
    let backbone = 5 * count("backbone.");
    let necks = 2 * count("necks.") + 4 * count("necks.0.");
    let heads = count("heads.") + count("heads.0.");
    let channels_fix = 2 * count("channels_fix.") + 2 * count("channels_fix.0.");
    backbone + necks + heads + channels_fix
}

#[test]
fn parameters_are_one_for_each_name() {
    for space in [Space::hytra(), Space::mbconv(), Space::nats(NatsData::Cifar10), Space::nats(NatsData::Cifar100)] {
        let params = space.parameters();
        let names: BTreeSet<&str> = params.iter().map(|param| param.name.as_str()).collect();
        assert_eq!(names.len(), params.len());
    }
}

#[derive(Deserialize)]
struct Paths {
    stages: BTreeMap<usize, StagePaths>,
}

#[derive(Deserialize)]
struct StagePaths {
    count: usize,
    sha256_of_json: String,
    first: Vec<Vec<u8>>,
}

fn json(paths: &[Vec<u8>]) -> String {
    serde_json::to_string(paths).unwrap()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn mbconv_and_nats_have_the_published_paths_in_the_published_order() {
    let Some(fixtures) = fixtures() else { return };
    for (space, file) in [
        (Space::mbconv(), "mbconv/paths_mbconv.json"),
        (Space::nats(NatsData::Cifar10), "nats/paths_nats_c10.json"),
        (Space::nats(NatsData::Cifar100), "nats/paths_nats_c100.json"),
    ] {
        let published: Paths = fixtures.json(file).unwrap();
        assert_eq!(published.stages.len(), space.last_stage().map_or(space.stages(), |last| last + 1));
        for (stage, published) in published.stages {
            let ours = space.paths(stage, (stage > 0).then_some(0));
            assert_eq!(ours.len(), published.count, "{} stage {stage}", space.name());
            assert_eq!(ours[..3], published.first, "{} stage {stage}", space.name());
            let digest = Sha256::digest(json(&ours));
            assert_eq!(bytes(&published.sha256_of_json), digest[..], "{} stage {stage}", space.name());
        }
    }
}

#[test]
fn hytra_has_the_published_paths_where_the_published_supernet_works() {
    #[derive(Deserialize)]
    struct Published {
        restricted_path: BTreeMap<usize, Vec<Vec<u8>>>,
    }
    let Some(fixtures) = fixtures() else { return };
    let published: Published = fixtures.json("hytra/paths_hytra.json").unwrap();
    let table = |depth: usize| &published.restricted_path[&depth];
    let space = Space::hytra();
    assert_eq!(space.paths(0, None), *table(4));
    for (before, depth) in [(0, 1), (1, 1), (2, 2), (3, 2), (4, 3)] {
        assert_eq!(space.paths(1, Some(before)), *table(depth), "after {before}");
    }
    for (stage, before, depth) in [(2, 1, 1), (2, 3, 2), (3, 0, 1), (3, 2, 2)] {
        assert_eq!(space.paths(stage, Some(before)), *table(depth), "stage {stage} after {before}");
    }
    // Where the published search ends in an error.
    assert!(space.paths(1, Some(5)).is_empty() && space.paths(2, Some(4)).is_empty());
    assert_eq!([4, 5].map(|op| space.goes_on(0, op)), [true, false]);
    assert_eq!([3, 4].map(|op| space.goes_on(1, op)), [true, false]);
    // A supernet with all weights has them all.
    let whole = Space::hytra().with_depths([4; 4]).unwrap();
    for (before, depth) in [(0, 1), (2, 2), (4, 3), (5, 4)] {
        for stage in 1..4 {
            assert_eq!(whole.paths(stage, Some(before)), *table(depth), "stage {stage} after {before}");
        }
    }
}
