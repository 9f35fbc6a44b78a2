//! Programs that tests talk to and that not every machine has.

use std::env;
use std::path::{Path, PathBuf};

/// Where a program is. Without it the test says that it was skipped and passes, unless
/// `LIMITER_TESTS_REQUIRE=all` says that nothing may be missing.
pub fn program(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH").unwrap_or_default();
    // Servers live where not everybody's path leads.
    let folders = env::split_paths(&folders).chain([PathBuf::from("/usr/sbin")]);
    let found = { folders }.map(|folder| folder.join(name)).find(|path| path.is_file());
    there_or_skipped(name, found)
}

/// A Python with the packages of the tests: the one that `tests/run.sh` prepares and names in
/// `LIMITER_TESTS_PYTHON`, or that of an earlier run.
pub fn python() -> Option<PathBuf> {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tests-python/bin/python");
    let named = env::var_os("LIMITER_TESTS_PYTHON").map_or(kept, PathBuf::from);
    there_or_skipped("the Python of the tests", Some(named).filter(|path| path.is_file()))
}

pub(crate) fn there_or_skipped(name: &str, found: Option<PathBuf>) -> Option<PathBuf> {
    if found.is_none() {
        let all = env::var_os("LIMITER_TESTS_REQUIRE").is_some_and(|which| which == "all");
        assert!(!all, "{name} is missing, and LIMITER_TESTS_REQUIRE=all; tests/run.sh installs it");
        println!("SKIPPED: {name} is not installed here; tests/run.sh installs it");
    }
    found
}
