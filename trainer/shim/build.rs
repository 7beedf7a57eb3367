//! Compiles the C++ half.

fn main() {}
