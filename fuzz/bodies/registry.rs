//! A registry given by the user.

use bossnas_hub::{Entry, Registry, resolve};

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(registry) = Registry::parse("fuzz.toml", text) {
        for model in registry.models() {
            for name in model.aliases.iter().chain([&model.name]) {
                assert_eq!(registry.find(name).map(|found| &found.name), Some(&model.name));
            }
        }
        for set in registry.data_sets() {
            for name in set.names() {
                assert!(matches!(registry.entry(name), Some(Entry::DataSet(found)) if found.name == set.name));
            }
        }
        let _ = resolve(&registry, "T0");
    }
}
