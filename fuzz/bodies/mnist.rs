//! Reads both parts of a table of digits, plain or compressed, and looks at every picture.

use bossnas_data::dataset::Split;
use bossnas_data::dataset::mnist::read;
use bossnas_files::SourceFile;

pub(crate) fn run(data: &[u8]) {
    let file = SourceFile::from_bytes("mnist.csv", data);
    for split in [Split::Train, Split::Test] {
        match read(&file, split) {
            Ok(pictures) => {
                assert!(!pictures.is_empty());
                for index in 0..pictures.len() {
                    assert!(pictures.label(index).expect("a label for each picture") < 10);
                    assert_eq!(pictures.image(index).expect("a picture").pixels().len(), 28 * 28 * 3);
                }
                assert!(pictures.image(pictures.len()).is_none());
            }
            Err(error) => assert!(error.to_string().len() < 4000),
        }
    }
}
