//! The compiled-in registry says what the paper says, and a registry with a mistake is refused with its line.

#![expect(clippy::panic, reason = "a test that cannot go on has failed")]

use bossnas_hub::{Entry, Layout, Registry, RegistryError, StateDict};
use bossnas_model::arch::{Architecture, BossNet};

const GOOD: &str = r#"schema = 1

[[checkpoint]]
name = "weights"
url = "https://example.org/weights.pth"
bytes = 12
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
state_dict = "model_ema"
licence = "MIT"

[[model]]
name = "One"
aliases = ["uno", "1"]
arch = "bossnet:1/0/1/0"
size = 224
checkpoint = "weights"
published = { top1 = 80.5, top5 = 95, madds = 10, step_ms = 1.5, source = "us" }

[[model]]
name = "Two"
arch = "bossnet:1/0/1/1"
size = 32
checkpoint = "weights"

[[data_set]]
name = "Digits"
aliases = ["numbers"]
layout = "rank-files"
source = "somebody"
licence = "CC0-1.0"

[[data_set.files]]
url = "https://example.org/a.yml"

[[data_set.files]]
name = "b.yml"
url = "https://example.org/x.yml"
mirrors = ["http://127.0.0.1:8000/b.yml"]
"#;

fn problem(text: &str) -> (usize, String) {
    match Registry::parse("test.toml", text) {
        Err(RegistryError::Invalid { line, problem, .. }) => (line, problem.to_string()),
        other => panic!("{other:?} of\n{text}"),
    }
}

/// The mistake in [`GOOD`] with one piece replaced.
fn with(from: &str, to: &str) -> (usize, String) {
    assert!(GOOD.contains(from), "{from}");
    problem(&GOOD.replacen(from, to, 1))
}

#[test]
fn the_five_published_models_are_there_with_their_figures() {
    let registry = Registry::built_in().unwrap();
    let rows: Vec<_> = registry
        .models()
        .iter()
        .filter(|model| model.checkpoint().is_some())
        .map(|model| {
            let published = model.published.clone().unwrap();
            assert_eq!(published.data_set, None);
            (model.name.as_str(), model.size, published.madds.unwrap(), published.top1, published.top5)
        })
        .collect();
    let expected = [
        ("BossNet-T0-noSE", 224, 3_400_000_000, 80.5, 95.0),
        ("BossNet-T0", 224, 3_400_000_000, 80.8, 95.2),
        ("BossNet-T0@288", 288, 5_700_000_000, 81.6, 95.6),
        ("BossNet-T1", 224, 7_900_000_000, 81.9, 95.6),
        ("BossNet-T1@256", 256, 10_500_000_000, 82.2, 95.7),
    ];
    assert_eq!(rows, expected);
    let arch = |name: &str| registry.find(name).unwrap().arch.clone();
    assert_eq!(arch("BossNet-T0-noSE"), Architecture::BossNet(BossNet::t0_no_se()));
    assert_eq!(arch("BossNet-T0"), Architecture::BossNet(BossNet::t0()));
    assert_eq!(arch("BossNet-T1"), Architecture::BossNet(BossNet::t1()));
}

#[test]
fn rows_of_one_network_share_its_weights() {
    let registry = Registry::built_in().unwrap();
    let [base, large] = ["BossNet-T0", "BossNet-T0@288"].map(|name| registry.find(name).unwrap());
    assert_eq!(base.weights, large.weights);
    let checkpoint = base.checkpoint().unwrap();
    assert_eq!(
        checkpoint.file.url.as_str(),
        "https://github.com/changlin31/BossNAS/releases/download/v0.1/BossNet-T0-80_8.pth"
    );
    assert_eq!((checkpoint.state_dict, checkpoint.file.sha256), (StateDict::Auto, None));
    let models: Vec<&str> = registry.models_of("BossNet-T0-80_8").map(|model| model.name.as_str()).collect();
    assert_eq!(models, ["BossNet-T0", "BossNet-T0@288"]);
    assert_eq!(base.licence(), "none stated upstream");
}

#[test]
fn names_and_aliases_are_found_in_any_case() {
    let registry = Registry::built_in().unwrap();
    let cases = [
        ("bossnet-t0", "BossNet-T0"),
        ("t0", "BossNet-T0"),
        ("BOSSNET-T0^", "BossNet-T0@288"),
        ("t0@288", "BossNet-T0@288"),
        ("T1^", "BossNet-T1@256"),
        ("bossnet-t0 W/O se", "BossNet-T0-noSE"),
        ("BossNet-T0-nose", "BossNet-T0-noSE"),
    ];
    for (typed, name) in cases {
        assert_eq!(registry.find(typed).map(|model| model.name.as_str()), Some(name), "{typed}");
    }
    assert_eq!(registry.find("T2"), None);
}

#[test]
fn a_complete_registry_is_read() {
    let registry = Registry::parse("test.toml", GOOD).unwrap();
    let one = registry.find("UNO").unwrap();
    let checkpoint = one.checkpoint().unwrap();
    assert_eq!((one.size, checkpoint.file.bytes, checkpoint.state_dict), (224, Some(12), StateDict::ModelEma));
    assert!(checkpoint.file.sha256.is_some());
    assert_eq!(registry.find("two").unwrap().published, None);
    let set = registry.data_set("NUMBERS").unwrap();
    assert_eq!((set.layout, set.files.len()), (Layout::RankFiles, 2));
    let [first, second] = set.files.as_slice() else { panic!("{set:?}") };
    assert_eq!((first.name.as_str(), second.name.as_str()), ("a.yml", "b.yml"));
    assert_eq!(second.mirrors[0].as_str(), "http://127.0.0.1:8000/b.yml");
}

#[test]
fn a_mistake_is_named_with_its_line() {
    assert_eq!(with("schema = 1", "schema = 2"), (1, "its schema is 2, expected 1".to_owned()));
    assert_eq!(with("size = 32", "size = 0"), (22, "`size` is 0, expected 1 to 4096".to_owned()));
    assert_eq!(with("bytes = 12", "bytes = -1"), (6, "`bytes` is -1, expected a whole number above 0".to_owned()));
    assert_eq!(with("name = \"Two\"", "name = \"ONE\""), (20, "`ONE` is there already, in line 12".to_owned()));
    assert_eq!(with("\"1\"]", "\"two\"]"), (20, "`Two` is there already, in line 13".to_owned()));
    assert_eq!(with("\"1\"]", "\"Uno\"]"), (13, "`Uno` is there already, in line 13".to_owned()));
    assert_eq!(
        with("size = 32\ncheckpoint = \"weights\"", "size = 32\ncheckpoint = \"w\"").1,
        "there is no checkpoint `w`"
    );
    assert_eq!(with("\"model_ema\"", "\"ema\"").1, "`ema` is no state dict, expected auto, model_ema or model");
    let (line, text) = with("https://", "http://");
    assert_eq!(line, 5);
    assert!(text.ends_with("it must start with https://, since it is not an address of this machine"), "{text}");
    let (line, text) = with("ba7816", "xa7816");
    assert_eq!(line, 7);
    assert!(text.contains("no SHA-256 digest"), "{text}");
    let (line, text) = with("bossnet:1/0/1/1", "bossnet:1/0/1/7");
    assert_eq!(line, 21);
    assert!(text.contains("column 15: found `7`"), "{text}");
    let (line, text) = with("name = \"Two\"", "name = \"a:b\"");
    assert_eq!(line, 20);
    assert!(text.contains("is no name"), "{text}");
    let (line, text) = with("top1 = 80.5", "top1 = 805");
    assert_eq!(line, 17);
    assert!(text.contains("a percentage"), "{text}");
}

#[test]
fn an_unknown_key_a_missing_key_and_broken_toml_are_named_with_their_line() {
    let (line, text) = with("size = 32", "size = 32\ncolour = \"red\"");
    assert_eq!(line, 23);
    assert!(text.contains("unknown field `colour`"), "{text}");
    let (line, text) = with("size = 32\n", "");
    assert_eq!(line, 19);
    assert!(text.contains("missing field `size`"), "{text}");
    let (line, _) = with("size = 32", "size = = 32");
    assert_eq!(line, 22);
    let (line, text) = with("size = 32", "size = \"32\"");
    assert_eq!(line, 22);
    assert!(text.contains("invalid type"), "{text}");
    let (line, text) = with("size = 32", "size = 32\nsize = 33");
    assert_eq!(line, 23);
    assert!(text.contains("duplicate key"), "{text}");
    let (_, text) = problem("");
    assert!(text.contains("missing field `schema`"), "{text}");
}

#[test]
fn a_mistake_in_a_data_set_is_named_with_its_line() {
    assert_eq!(with("\"numbers\"", "\"One\"").1, "`One` is there already, in line 12", "one name, one thing");
    let (line, text) = with("\"rank-files\"", "\"zip\"");
    assert_eq!((line, text.as_str()), (28, "`zip` is no layout, expected cifar10, cifar100, rank-files or digits"));
    let (_, text) = with("\"rank-files\"", "\"cifar10\"");
    assert_eq!(text, "a data set of layout cifar10 with 2 files, expected 1");
    let (_, text) = with("name = \"b.yml\"", "name = \"A.yml\"");
    assert!(text.starts_with("`A.yml` is there already"), "{text}");
    for name in ["../b", ".b", "b/c", "b.", "", "b c"] {
        let (line, text) = with("name = \"b.yml\"", &format!("name = \"{name}\""));
        assert_eq!(line, 36);
        assert!(text.contains("is no file name"), "{text}");
    }
    let (line, text) = with("http://127.0.0.1:8000/b.yml", "http://127.0.0.1:8000/");
    assert_eq!(line, 38);
    assert!(text.ends_with("it names no file"), "{text}");
    let (line, text) = with("source = \"somebody\"", "source = \"somebody\"\ncolour = 1");
    assert_eq!(line, 30);
    assert!(text.contains("unknown field `colour`"), "{text}");
    let twice = format!(
        "{GOOD}\n[[checkpoint]]\nname = \"w2\"\nurl = \"https://h/Weights.pth\"\nstate_dict = \"auto\"\nlicence = \"\"\n"
    );
    assert_eq!(
        problem(&twice),
        (42, "`Weights.pth` is there already, in line 5".to_owned()),
        "mirrors serve base names"
    );
}

#[test]
fn what_can_be_fetched_is_found_by_all_its_names() {
    let registry = Registry::built_in().unwrap();
    for name in ["BossNet-T0", "t0^", "bossnet-t0-80_8", "BossNet-T0-80_8.pth", " T0@288 "] {
        let entry = registry.entry(name);
        assert!(matches!(entry, Some(Entry::Checkpoint(found)) if found.name == "BossNet-T0-80_8"), "{name}");
    }
    assert!(matches!(registry.entry("cifar10"), Some(Entry::DataSet(set)) if set.name == "CIFAR-10"));
    assert_eq!(registry.entry("T7"), None);
    assert_eq!(registry.nearest_entries("cifar1"), ["CIFAR-10", "CIFAR-100"]);
    assert_eq!(registry.nearest_entries("BossNet-T9")[0], "BossNet-T0");
}

#[test]
fn the_name_of_a_checkpoint_comes_before_that_of_another_ones_file() {
    let other = "[[checkpoint]]\nname = \"weights.pth\"\nurl = \"https://h/other.pth\"\nstate_dict = \"auto\"\nlicence = \"\"\n";
    let registry = Registry::parse("test.toml", &format!("{GOOD}\n{other}")).unwrap();
    let found = |name: &str| match registry.entry(name) {
        Some(Entry::Checkpoint(checkpoint)) => checkpoint.name.clone(),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!([found("uno"), found("WEIGHTS")], ["weights"; 2]);
    assert_eq!([found("Weights.pth"), found("other.pth")], ["weights.pth"; 2]);
    assert_eq!(registry.models_of("weights.pth").count(), 0, "a checkpoint that no model uses is one nevertheless");
    assert!(matches!(registry.entry("digits"), Some(Entry::DataSet(set)) if set.source == "somebody"));
}

#[test]
fn the_names_that_people_type_are_aliases() {
    let registry = Registry::built_in().unwrap();
    for (typed, name) in [
        ("BossNet-T0@224", "BossNet-T0"),
        ("T0@224", "BossNet-T0"),
        ("BossNet-T1@224", "BossNet-T1"),
        ("T1@224", "BossNet-T1"),
        ("T0-288", "BossNet-T0@288"),
        ("BossNet-T0-288", "BossNet-T0@288"),
        ("T1-256", "BossNet-T1@256"),
        ("BossNet-T1-256", "BossNet-T1@256"),
    ] {
        assert_eq!(registry.find(typed).map(|model| model.name.as_str()), Some(name), "{typed}");
    }
}

/// `text` once for each number below `count`, with the number in the place of `#`.
fn numbered(count: usize, text: &str) -> String {
    (0..count).map(|number| text.replace('#', &number.to_string())).collect()
}

#[test]
fn more_than_a_thousand_of_anything_is_refused() {
    let checkpoint = "[[checkpoint]]\nname = 'c#'\nurl = 'https://h/#'\nstate_dict = 'auto'\nlicence = ''\n";
    let model = "[[model]]\nname = 'm#'\narch = 'bossnet:1/0/1/0'\nsize = 1\ncheckpoint = 'c0'\n";
    let data_set = "[[data_set]]\nname = 'd#'\nlayout = 'rank-files'\nsource = ''\nlicence = ''\nfiles = ";
    let one_file = format!("{data_set}[{{ url = 'https://h/a' }}]\n");
    let sections = [("checkpoint", checkpoint), ("model", model), ("data_set", &one_file)];
    let full = format!("schema = 1\n{}", sections.map(|(_, text)| numbered(1000, text)).concat());
    let registry = Registry::parse("test.toml", &full).unwrap();
    assert_eq!([registry.checkpoints().len(), registry.models().len(), registry.data_sets().len()], [1000; 3]);
    for (section, text) in sections {
        let (line, problem) = problem(&format!("{full}{}", text.replace('#', "-more")));
        assert_eq!(problem, format!("more than 1000 times [[{section}]], the most that a registry may have"));
        assert_eq!(line, full.lines().count() + 2);
    }
    let files = |count: usize| format!("schema = 1\n{data_set}[{}]\n", numbered(count, "{ url = 'https://h/#' },"));
    assert!(Registry::parse("test.toml", &files(1000)).is_ok());
    for count in [0, 1001] {
        let expected = format!("a data set of layout rank-files with {count} files, expected 1 to 1000");
        assert_eq!(problem(&files(count)), (7, expected));
    }
}

#[test]
fn a_file_of_a_data_set_is_checked_like_a_checkpoint() {
    let file = |keys: &str| with("mirrors = [\"http://127.0.0.1:8000/b.yml\"]", keys);
    assert_eq!(file("bytes = 0"), (38, "`bytes` is 0, expected a whole number above 0".to_owned()));
    let (line, text) = file("sha256 = \"12\"");
    assert_eq!((line, text.as_str()), (38, "`12` is no SHA-256 digest of 64 hexadecimal digits"));
    let (line, text) = file("state_dict = \"auto\"");
    assert_eq!(line, 38);
    assert!(text.contains("unknown field `state_dict`"), "{text}");
    let (line, text) = with("url = \"https://example.org/a.yml\"", "url = \"https://example.org/a%20b.yml\"");
    assert_eq!(line, 33);
    assert!(text.starts_with("`a b.yml` is no file name"), "{text}");
    let (line, text) =
        with("state_dict = \"model_ema\"", "state_dict = \"auto\"\nmirrors = [\"https://h/a\", \"https://h/\"]");
    assert_eq!(line, 9);
    assert!(text.ends_with("it names no file"), "{text}");
}

#[test]
fn a_data_set_shares_no_name_with_a_model_or_another_data_set() {
    assert_eq!(with("name = \"Digits\"", "name = \"TWO\""), (26, "`TWO` is there already, in line 20".to_owned()));
    assert_eq!(with("[\"numbers\"]", "[\"a\", \"A\"]"), (27, "`A` is there already, in line 27".to_owned()));
    // Checkpoints have names of their own.
    let renamed = GOOD.replace("\"Digits\"", "\"weights\"");
    assert!(Registry::parse("test.toml", &renamed).is_ok());
}

#[test]
fn the_data_sets_have_their_digests() {
    let registry = Registry::built_in().unwrap();
    let digest = |name: &str| registry.data_set(name).unwrap().files[0].sha256.unwrap().to_string();
    assert_eq!(digest("CIFAR-10"), "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce");
    assert_eq!(digest("CIFAR-100"), "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7");
    for set in registry.data_sets() {
        assert!(set.files.iter().all(|file| file.sha256.is_some() && file.bytes.is_some()), "{}", set.name);
        assert_eq!(set.files.is_empty(), set.layout.is_embedded(), "{}", set.name);
    }
}

#[test]
fn a_registry_file_that_is_missing_or_huge_is_refused() {
    let path = std::env::temp_dir().join(format!("bossnas-registry-{}", std::process::id()));
    assert!(matches!(Registry::read(&path), Err(RegistryError::Read(_))));
    std::fs::write(&path, "#".repeat((1 << 20) + 1)).unwrap();
    let result = Registry::read(&path);
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(result, Err(RegistryError::TooLarge { .. })));
}
