//! Programs and tests find libtorch where they were built with it.

fn main() {
    bossnas_libtorch::link();
}
