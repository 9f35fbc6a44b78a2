//! The example that README's section about fleets names.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use tests::program::{build, run};
use tests::redis;

#[test]
fn three_processes_share_one_budget_and_outlive_their_redis() {
    if !redis::there() {
        return;
    }
    build("fleet", "fleet-node");
    let output = run(&build("fleet", "fleet"), &[]);
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{errors}");
    for expected in [
        "three processes on ports",
        "admitted: 12 of 15",
        "90 reads: 90 answered 200, 0 answered 429",
        "writes, spent before, on each port: 429, 429, 429",
        "the ports count together again",
    ] {
        assert!(said.contains(expected), "{expected:?} is not in\n{said}");
    }
}
