//! Paths as rank files write them: with the name of their space before them, or without.

use bossnas_model::arch::{ParseError, SearchPath};
use bossnas_model::space::Space;

/// The path that a text means, where one through `space` is expected.
pub(crate) fn path_of(space: Space, text: &str) -> Result<SearchPath, ParseError> {
    if named(text).is_some() {
        return text.parse();
    }
    format!("{space}:{}", text.trim_start()).parse()
}

/// The space that a text names, as in `mbconv:11/...`.
pub(super) fn named(text: &str) -> Option<Space> {
    text.trim_start().split_once(':').and_then(|(name, _)| name.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_have_the_name_of_its_space() {
        for (space, text) in Space::PUBLISHED.into_iter().zip([
            "5433/3230/0010/0000",
            "11/1111/1101/1011/1101",
            "64:40:56:40:48",
            "74/6/45",
        ]) {
            let path = path_of(space, text).unwrap();
            assert_eq!(Space::of(&path), space);
            assert_eq!(path.stages().iter().map(Vec::len).collect::<Vec<_>>(), space.stage_layers());
            assert_eq!(path_of(Space::hytra(), &path.to_string()).unwrap(), path);
            assert_eq!(named(&path.to_string()), Some(space));
            assert_eq!(named(text), None);
        }
    }
}
