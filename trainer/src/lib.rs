//! Search and training of BossNAS networks with libtorch.

pub mod journal;
pub mod optim;
pub mod search;
pub mod torch;
