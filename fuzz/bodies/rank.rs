//! Ratings and accuracies in each of their forms, and both of them together.

use bossnas_files::SourceFile;
use bossnas_zoo::rank::{Accuracies, Missing, RankError, Ratings, Sum, pair};

pub(crate) fn run(data: &[u8]) {
    for extension in ["yml", "json", "csv"] {
        let file = SourceFile::from_bytes(format!("x.{extension}"), data);
        let accuracies = readable(Accuracies::from_file(&file), data.len());
        let ratings = readable(Ratings::from_file(&file), data.len());
        let (Some(accuracies), Some(ratings)) = (accuracies, ratings) else { continue };
        assert!(accuracies.entries.iter().all(|entry| entry.value.is_finite()));
        for sum in [Sum::Plain, Sum::Published] {
            let paired = pair(&ratings, &accuracies, None, sum, Missing::LeftOut);
            if let Some(pairing) = readable(paired, data.len()) {
                assert_eq!(pairing.pairs.len() + pairing.missing, accuracies.entries.len());
                assert!(pairing.pairs.iter().all(|pair| pair.rating.is_finite()));
            }
        }
    }
}

/// The value, or a message that a person can read.
fn readable<T>(result: Result<T, RankError>, len: usize) -> Option<T> {
    result.map_err(|error| assert!(error.to_string().len() < 2000 + 6 * len.min(5000))).ok()
}
