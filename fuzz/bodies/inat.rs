//! Reads annotations of iNaturalist: categories, training part and the part that is asked for, with lines of `---` between
//! them.

use std::path::Component;

use bossnas_data::dataset::inat::{Category, read};
use bossnas_files::SourceFile;

pub(crate) fn run(data: &[u8]) {
    let mut parts = vec![Vec::new()];
    for line in data.split_inclusive(|&byte| byte == b'\n') {
        if line == b"---\n" {
            parts.push(Vec::new());
        } else {
            parts.last_mut().expect("there is one").extend_from_slice(line);
        }
    }
    let part = |at: usize| parts.get(at).cloned().unwrap_or_default();
    let categories = SourceFile::from_bytes("categories.json", part(0));
    let training = SourceFile::from_bytes("train.json", part(1));
    let images = (parts.len() > 2).then(|| SourceFile::from_bytes("val.json", part(2)));
    for level in [Category::Name, Category::Genus] {
        match read(&categories, &training, images.as_ref(), level) {
            Ok(annotated) => {
                assert!(!annotated.images.is_empty());
                for (path, label) in &annotated.images {
                    assert!((*label as usize) < annotated.class_names.len());
                    assert!(path.components().all(|component| matches!(component, Component::Normal(_))));
                }
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}
