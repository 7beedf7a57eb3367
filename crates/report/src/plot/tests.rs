//! Tests of what every plot promises.
