//! The files that are compared: BossNet-T0 with the recipe's weights, written by ours and by PyTorch's exporter.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Zoo;
use crate::bench::export::write_checkpoint;
use crate::{process, workspace};

/// A side at which a run takes some milliseconds.
pub(super) const SMALL: usize = 64;

/// A folder with all of them.
pub(super) struct Files {
    folder: PathBuf,
}

impl Files {
    pub(super) fn make(folder: &Path, zoo: &Zoo, python: &Path) -> anyhow::Result<Self> {
        let files = Self { folder: folder.to_owned() };
        let checkpoint = folder.join("BossNet-T0-80_8.pth");
        if !checkpoint.is_file() {
            write_checkpoint(&checkpoint)?;
        }
        let export = |path: PathBuf, batch: &str, size: usize| {
            if path.is_file() {
                return Ok(());
            }
            let mut export = zoo.command();
            export.args(["export", "BossNet-T0", "--state-dict", "model", "--checkpoint"]).arg(&checkpoint);
            export.args(["--batch", batch, "--size", &size.to_string(), "-o"]).arg(path);
            process::output(&mut export).map(drop)
        };
        export(files.any(), "dynamic", 224)?;
        export(files.small(), "1", SMALL)?;
        for batch in [1, 8] {
            let text = batch.to_string();
            export(files.ours(batch), &text, 224)?;
            if files.torch(batch).is_file() {
                continue;
            }
            let mut torch = Command::new(python);
            torch.arg(workspace::root().join("tests/peers/export.py")).arg(files.torch(batch));
            torch.args(["--batch", &text, "--weights"]).arg(&checkpoint);
            process::output(&mut torch)?;
        }
        Ok(files)
    }

    /// Ours, for any batch.
    pub(super) fn any(&self) -> PathBuf {
        self.folder.join("t0.onnx")
    }

    /// Ours, at a small size.
    pub(super) fn small(&self) -> PathBuf {
        self.folder.join("t0-small.onnx")
    }

    /// Ours, for a fixed batch.
    pub(super) fn ours(&self, batch: usize) -> PathBuf {
        self.folder.join(format!("ours-b{batch}.onnx"))
    }

    /// PyTorch's, for a fixed batch.
    pub(super) fn torch(&self, batch: usize) -> PathBuf {
        self.folder.join(format!("torchscript-b{batch}.onnx"))
    }
}
