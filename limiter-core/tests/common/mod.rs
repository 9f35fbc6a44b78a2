//! How the property tests run: `PROPTEST_CASES` many cases (256 without it), from the seed in
//! `PROPTEST_RNG_SEED` if there is one.

use proptest::test_runner::{Config, FileFailurePersistence};

/// Failures are kept beside the test, since an integration test has no `lib.rs` to be found by.
pub(crate) fn config() -> Config {
    let beside = FileFailurePersistence::WithSource("proptest-regressions");
    // The number of cases stays the default: a number given here would win over the environment.
    Config { failure_persistence: Some(Box::new(beside)), ..Config::default() }
}
