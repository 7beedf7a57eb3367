//! bossnas-zoo
fn main() {}
