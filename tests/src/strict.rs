//! What becomes of a test that needs something which this machine lacks.

/// The variable that makes a missing need a failure; continuous integration sets it.
pub const ENVIRONMENT_VARIABLE: &str = "BOSSNAS_STRICT";

/// Prints that a test is skipped, and why; fails instead where `$BOSSNAS_STRICT` is set.
pub fn skipped(why: &str) {
    let strict = std::env::var_os(ENVIRONMENT_VARIABLE).is_some_and(|value| !value.is_empty());
    assert!(!strict, "{why}, and ${ENVIRONMENT_VARIABLE} is set");
    eprintln!("SKIPPED {}: {why}", std::thread::current().name().unwrap_or("a test"));
}
