//! What libtorch has and tch does not reach.
