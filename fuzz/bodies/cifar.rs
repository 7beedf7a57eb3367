//! Reads a batch of CIFAR-10 and of CIFAR-100, and looks at every picture.

use bossnas_data::dataset::cifar::Cifar;
use bossnas_files::SourceFile;

pub(crate) fn run(data: &[u8]) {
    let file = SourceFile::from_bytes("batch", data);
    for cifar in [Cifar::Ten, Cifar::Hundred] {
        match cifar.read_batch(&file) {
            Ok(batch) => {
                assert!(!batch.is_empty());
                for row in 0..batch.len() {
                    assert!(batch.label(row).expect("a label for each picture") < cifar.classes());
                    assert_eq!(batch.image(row).expect("a picture").pixels().len(), 32 * 32 * 3);
                }
                assert!(batch.image(batch.len()).is_none());
            }
            Err(error) => assert!(error.to_string().len() < 4000, "a message of {} bytes", error.to_string().len()),
        }
    }
}
