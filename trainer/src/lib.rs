//! Search and training of BossNAS networks with libtorch.
