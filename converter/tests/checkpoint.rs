//! Checkpoints as PyTorch writes them are read bit for bit; broken and hostile ones are refused with the reason.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be read fails the test")]

#[path = "checkpoint/folder.rs"]
mod folder;
#[path = "checkpoint/hostile.rs"]
mod hostile;
#[path = "checkpoint/readable.rs"]
mod readable;
#[path = "checkpoint/written.rs"]
mod written;
