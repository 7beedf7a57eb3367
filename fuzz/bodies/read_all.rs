//! Opens a checkpoint of any kind and reads all that is in it.

use bossnas_converter::checkpoint::{Checkpoint, recognise};
use bossnas_files::SourceFile;
use bossnas_model::weights::Weights;

/// Large tensors are views that repeat a small storage: they are allowed but slow.
const LARGE: usize = 1 << 20;

pub(crate) fn read_all(bytes: Vec<u8>) {
    let checkpoint = match Checkpoint::from_source(SourceFile::from_bytes("x.pth", bytes)) {
        Ok(checkpoint) => checkpoint,
        Err(error) => {
            assert!(error.to_string().len() < 3000);
            return;
        }
    };
    check_scalars(&checkpoint);
    check_optimizer(&checkpoint);
    assert!(!checkpoint.state_dicts().is_empty());
    for &name in checkpoint.state_dicts() {
        let Ok(dict) = checkpoint.named_state_dict(name) else { continue };
        for tensor in dict.names() {
            let info = dict.require(tensor).expect("a name has a tensor");
            let len = info.byte_len().expect("its size was checked");
            if len > LARGE {
                continue;
            }
            if let Ok(bytes) = dict.bytes(tensor) {
                assert_eq!(bytes.len(), len);
            }
        }
        let _ = recognise(&dict);
    }
}

fn check_optimizer(checkpoint: &Checkpoint) {
    let _ = checkpoint.epoch();
    let Ok(Some(optimizer)) = checkpoint.optimizer() else { return };
    for parameter in 0..optimizer.parameters().min(1000) {
        let _ = optimizer.number(parameter, "step");
    }
}

fn check_scalars(checkpoint: &Checkpoint) {
    let len = format!("{:?}", checkpoint.scalars()).len();
    assert!(len < 64 << 20, "{len} bytes of scalars");
}
