//! What users see at compile time: messages and carets under `ui/fail`, code that must build and
//! run under `ui/pass`.
//!
//! Compilers word their messages differently from release to release. Those under `ui/fail` are of
//! [`BLESSED`] and compared with that compiler alone; any other skips them and says so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::env;
use std::process::Command;

/// The compiler whose messages stand in the `.stderr` files. To have them written anew by another:
/// `TRYBUILD=overwrite cargo test -p tests --test ui`, and its release goes here.
const BLESSED: &str = "1.95";

#[test]
fn every_mistake_is_answered_where_it_was_made() {
    let rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("--version").output();
    let version = String::from_utf8(rustc.expect("a compiler").stdout).unwrap();
    let is_blessed = version.starts_with(&format!("rustc {BLESSED}."));
    if !is_blessed && env::var_os("TRYBUILD").is_none() {
        eprintln!("skipped: the messages are those of rustc {BLESSED}, and this is {version}");
        let all = env::var_os("LIMITER_TESTS_REQUIRE").is_some_and(|which| which == "all");
        assert!(!all, "the messages must be compared, and rustc {BLESSED} is not here; read the head of tests/ui.rs");
        return;
    }
    trybuild::TestCases::new().compile_fail("ui/fail/*.rs");
}

#[test]
fn all_that_is_promised_to_compile_compiles_and_runs() {
    trybuild::TestCases::new().pass("ui/pass/*.rs");
}
