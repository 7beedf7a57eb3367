//! A MODEL is a file, a name or an architecture, in this order.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use bossnas_hub::{Registry, ResolveError, Resolved, resolve};

fn registry() -> Registry {
    Registry::built_in().unwrap()
}

fn error(text: &str) -> ResolveError {
    resolve(&registry(), text).unwrap_err()
}

#[test]
fn an_existing_file_comes_before_anything_else() {
    let registry = registry();
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    assert_eq!(resolve(&registry, manifest), Ok(Resolved::File(manifest.into())));
    // Tests run in the crate's folder.
    assert_eq!(resolve(&registry, "Cargo.toml"), Ok(Resolved::File("Cargo.toml".into())));
}

#[test]
fn a_folder_that_a_search_has_written_is_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let text = run.to_str().unwrap();
    std::fs::create_dir(&run).unwrap();
    assert!(matches!(error(text), ResolveError::NotAFile(_)));
    for file in ["config.toml", "checkpoint.json"] {
        std::fs::write(run.join(file), "whatever is in it").unwrap();
        assert_eq!(resolve(&registry(), text), Ok(Resolved::Run(run.clone())), "{file}");
        std::fs::remove_file(run.join(file)).unwrap();
    }
}

#[test]
fn a_folder_that_a_retraining_has_written_means_its_best_weights() {
    let folder = tempfile::tempdir().unwrap();
    let (text, best) = (folder.path().to_str().unwrap(), folder.path().join("best.safetensors"));
    std::fs::write(folder.path().join("config.toml"), "").unwrap();
    std::fs::write(&best, "").unwrap();
    assert_eq!(resolve(&registry(), text), Ok(Resolved::File(best)));
}

#[test]
fn a_name_that_is_nearly_right_is_answered_with_the_right_one() {
    let near = |text: &str| match error(text) {
        ResolveError::Unknown { near, .. } => near,
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(near("BossNet-T00")[0], "BossNet-T0");
    assert_eq!(near("bosnet-t1@256")[0], "BossNet-T1@256");
    assert_eq!(near("BossNet_T0")[0], "BossNet-T0");
    assert_eq!(near("T7"), ["BossNet-T0", "BossNet-T1"]);
    assert!(near("resnet50").is_empty());
    assert_eq!(near("1/1/11101/000100000+silu"), ["bossnet:1/1/11101/000100000+silu"]);
}

#[test]
fn a_malformed_architecture_gives_its_own_error() {
    let ResolveError::Architecture { error, near } = error("bossnet:1/1/2/1") else { panic!() };
    assert_eq!((error.column(), near), (13, vec![]));
    assert!(matches!(self::error("[[1],[1]]"), ResolveError::Architecture { .. }));
    let ResolveError::Architecture { near, .. } = self::error("BossNet-T0:288") else { panic!() };
    assert_eq!(near[0], "BossNet-T0@288");
}

#[test]
fn a_path_that_is_no_file_is_called_that() {
    assert!(matches!(error("nowhere/model.onnx"), ResolveError::NoSuchFile(_)));
    assert!(matches!(error("model.PTH"), ResolveError::NoSuchFile(_)));
    assert!(matches!(error("src"), ResolveError::NotAFile(_)));
}
