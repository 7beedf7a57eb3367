//! The search spaces: which operations a supernet offers at each layer, and which paths through it are allowed.

pub mod hytra;
