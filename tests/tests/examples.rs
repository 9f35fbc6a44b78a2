//! Every example program does what its head says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use tests::program::{build, run};
use tests::redis;

/// What a program of the examples prints.
fn printed(bin: &str) -> String {
    let output = run(&build("examples", bin), &[]);
    let text = String::from_utf8(output.stdout).expect("it prints text");
    assert!(output.status.success(), "{bin} failed: {}\n{text}", String::from_utf8_lossy(&output.stderr));
    text
}

/// The lines after the one that starts with `title`, up to the next that is not indented.
fn under<'a>(text: &'a str, title: &str) -> Vec<&'a str> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with(title));
    lines.next().unwrap_or_else(|| panic!("no line starts with {title:?} in\n{text}"));
    lines.take_while(|line| line.starts_with(' ')).map(str::trim).collect()
}

/// Which rows of a trace were admitted.
fn admitted(rows: &[&str]) -> Vec<bool> {
    rows.iter().skip(1).map(|row| row.contains(" admitted ")).collect()
}

#[test]
fn compose_limits_by_address_and_by_slots_under_axum_and_hyper() {
    let text = printed("compose");
    let sequential = under(&text, "axum: seven reports");
    assert_eq!(admitted(&sequential), [true, true, true, true, true, false, false], "{text}");
    assert!(sequential[6].contains("429") && sequential[6].ends_with("12  per-address"), "{text}");
    let together = under(&text, "axum: five addresses");
    assert_eq!(admitted(&together), [true, true, true, false, false], "{text}");
    assert!(together[4].contains("503") && together[4].ends_with("slots"), "{text}");
    let health = under(&text, "axum: the path of the health check");
    assert_eq!(admitted(&health), [true, true], "{text}");
    let hyper = under(&text, "hyper: seven reports");
    assert_eq!(admitted(&hyper), [true, true, true, true, true, false, false], "{text}");
}

#[test]
fn custom_key_counts_by_project_by_user_and_by_both() {
    let text = printed("custom_key");
    let refused = |title: &str| -> Vec<bool> {
        under(&text, title).iter().map(|line| line.contains(": refused, again in 30 s")).collect()
    };
    assert_eq!(refused("two a minute for each project"), [false, false, false, true, false, true], "{text}");
    assert_eq!(refused("two a minute for each user ("), [false, false, true, false, false, true], "{text}");
    assert_eq!(refused("two a minute for each user in each project"), [false; 6], "{text}");
}

#[test]
fn custom_store_keeps_the_contract_and_its_careless_twin_does_not() {
    let text = printed("custom_store");
    assert_eq!(under(&text, "a map behind a lock"), ["keeps every promise, for 5 algorithms"]);
    let broken = under(&text, "the same, but it looks first")[0];
    assert!(broken.starts_with("breaks promise 1, atomic"), "{text}");
    let used = under(&text, "a limiter that uses the map");
    assert_eq!(used[0], "ada greets 4 times, 3 of them are heard");
    assert_eq!(used[2], "a minute later 2 of 2 keys can be forgotten");
}

#[test]
fn plain_charges_both_rules_or_neither_and_gives_back() {
    let text = printed("plain");
    let first = under(&text, "Ada may send");
    assert_eq!(first[2], "letter 3: fine, 0 of 3 and 2 of 5 left");
    assert_eq!(first[3], "letter 4: refused by `mail`, again in 20s");
    assert_eq!(under(&text, "A minute later")[2], "letter 6: refused by `mail-2`, again in 660s");
    let refunded = under(&text, "The mail server is down");
    assert_eq!(refunded[0].strip_prefix("before: "), refunded[2].strip_prefix("after:  "), "{text}");
    assert_ne!(refunded[0].strip_prefix("before: "), refunded[1].strip_prefix("taken:  "), "{text}");
    let slots = under(&text, "Two connections");
    assert_eq!(slots[2], "connection 3: refused by `connections`");
    assert_eq!(slots[3], "one closed: fine, 1 of 2 left");
    assert!(text.contains("Ada is forgiven: fine, 3 of 3 and 5 of 5 left"), "{text}");
}

#[test]
fn tiers_keep_what_was_used_when_a_plan_changes() {
    let text = printed("tiers");
    let plans = under(&text, "Free is 10");
    assert_eq!(plans[0], "user 1, Free, sends 12: 10 admitted, 2 refused; limit 10, remaining 0");
    assert_eq!(plans[1], "user 2, Pro, sends 12: 12 admitted, 0 refused; limit 50, remaining 38");
    assert!(plans[2].starts_with("user 3, Internal, sends 12: 12 admitted, 0 refused"), "{text}");
    assert!(under(&text, "User 1 buys pro")[0].ends_with("25 admitted, 0 refused; limit 50, remaining 15"), "{text}");
    assert!(under(&text, "User 1 goes back")[1].contains("15 admitted, 5 refused"), "{text}");
    assert!(under(&text, "The next minute")[0].contains("50 admitted, 10 refused"), "{text}");
}

#[test]
fn the_picture_of_the_algorithms_is_the_one_that_the_readme_shows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let drawn = Path::new(env!("CARGO_TARGET_TMPDIR")).join("algorithms.svg");
    let output = Command::new(build("examples", "algorithms")).arg(&drawn).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    // The promises, seen: twice the limit around the edge of a window, and never more than it in a log.
    let most = |algorithm: &str, most: &str| {
        let line = text.lines().find(|line| line.trim().starts_with(algorithm)).unwrap();
        assert!(line.ends_with(most), "{text}");
    };
    most("fixed", ", 19 in 10 seconds");
    most("log", ", 10 in 10 seconds");
    most("concurrent", ", 4 at the same time");
    let same = fs::read_to_string(drawn).unwrap() == fs::read_to_string(root.join("docs/algorithms.svg")).unwrap();
    assert!(same, "docs/algorithms.svg is out of date: run `cargo run -p examples --bin algorithms`");
}

#[test]
fn degrade_refuses_the_least_urgent_first_and_answers_the_rest_more_cheaply() {
    let text = printed("degrade");
    assert_eq!(
        under(&text, "15 requests of each priority")[..3],
        [
            "Low      2 fresh,  4 stored,  9 refused",
            "Normal   3 fresh,  6 stored,  6 refused",
            "High     5 fresh, 10 stored,  0 refused",
        ],
        "{text}"
    );
    assert!(under(&text, "2 requests of each priority")[..3].iter().all(|line| line.contains(" 2 fresh")), "{text}");
}

#[test]
fn time_of_day_keeps_what_was_used_when_the_quota_changes() {
    let text = printed("time_of_day");
    let hours = under(&text, "a partner that asks");
    let at = |hour: &str| *hours.iter().find(|line| line.starts_with(hour)).unwrap();
    assert!(at("07:30").contains("60 of 60 admitted"), "{text}");
    // Three tenths of the night's quota are still used, so three tenths of the day's are.
    assert!(at("08:00").contains(" 7 of 60 admitted, again in 6 min"), "{text}");
    assert!(at("09:00").contains(" 5 of 60 admitted"), "{text}");
}

#[test]
fn reschedule_does_the_same_work_with_the_fewest_attempts_when_it_heeds_the_wait() {
    let text = printed("reschedule");
    let attempts = |name: &str| -> u32 {
        let line = text.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
        line.split(": ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
    };
    assert_eq!(attempts("put back in line"), 20, "{text}");
    assert!(attempts("put back for as long as told") < attempts("tried again every") / 5, "{text}");
    assert_eq!(text.matches("after 16.0 s").count(), 2, "{text}");
}

#[test]
fn outgoing_calls_wait_for_their_turn_and_the_api_never_sees_more_than_it_allows() {
    let text = printed("outgoing");
    let calls = under(&text, "twelve calls at once");
    assert_eq!(calls.iter().filter(|line| line.ends_with("is found")).count(), 9, "{text}");
    assert_eq!(calls.last(), Some(&"3 found the queue full"), "{text}");
    let most = text.lines().find(|line| line.starts_with("the API saw at most")).unwrap();
    assert!(most.ends_with("most 1 at once") || most.ends_with("most 2 at once"), "{text}");
}

#[test]
fn login_counts_failures_and_keeps_the_bound_of_each_mode() {
    let text = printed("login");
    let row = |mode: &str| -> Vec<&str> {
        text.lines().find(|line| line.starts_with(mode)).unwrap().split_whitespace().collect()
    };
    assert_eq!(row("strict").join(" "), "strict 3 in, 100 ms 3 in, 100 ms refused", "{text}");
    // All right ones get in, three at a time, and no more wrong ones than without waiting.
    assert_eq!(row("wait").join(" "), "wait 10 in, 400 ms 3 in, 100 ms refused", "{text}");
    assert_eq!(row("lenient").join(" "), "lenient 10 in, 100 ms 10 in, 100 ms refused", "{text}");
    assert!(text.contains("welcome, welcome, wrong, welcome, wrong, wrong, refused"), "{text}");
    assert!(text.contains("Twenty seconds later: welcome"), "{text}");
}

#[test]
fn hierarchy_charges_every_level_or_none() {
    let text = printed("hierarchy");
    let lines = under(&text, "10/s for the shop");
    assert!(lines[0].contains("4 pass, 1 refused by the endpoint; left 6 of 10 in the shop, 2 of 6"), "{text}");
    assert!(lines[1].contains("2 pass, 3 refused by the service; left 4 of 10 in the shop, 0 of 6"), "{text}");
    assert!(lines[2].contains("3 pass, none refused; left 1 of 10 in the shop, 3 of 6"), "{text}");
    assert!(lines[3].contains("1 pass, 2 refused by the shop; left 0 of 10 in the shop, 2 of 6"), "{text}");
}

#[test]
fn workers_meet_at_the_barrier_and_enter_the_ledger_one_at_a_time() {
    let text = printed("workers");
    assert!(text.starts_with("REDIS_URL is not set: the workers are tasks of one process"), "{text}");
    assert!(text.contains("100 words in all; at most 1 at the ledger at a time"), "{text}");
    let at = |ms: &str| text.lines().filter(|line| line.trim_start().starts_with(&format!("{ms} ms"))).count();
    // All wait for the slowest, and each of the four takes its turn of 5 ms.
    assert_eq!([at("40"), at("45"), at("50"), at("55"), at("60")], [1; 5], "{text}");
}

#[tokio::test]
async fn workers_do_the_same_as_processes_behind_one_redis() {
    if !redis::there() {
        return;
    }
    let server = redis::Server::start(&[]).await;
    let program = build("examples", "workers");
    let output = run(&program, &[("REDIS_URL", &server.url())]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
    assert!(text.starts_with("each worker is a process of its own"), "{text}");
    let process = |line: &str| line.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let steps: Vec<_> = text.lines().filter(|line| line.starts_with("process ")).collect();
    let processes: BTreeSet<_> = steps.iter().map(|line| process(line)).collect();
    assert_eq!((steps.len(), processes.len()), (8, 4), "{text}");
    // Nobody comes to the ledger before all have counted, and each adds to what the one before has left.
    assert!(steps[..4].iter().all(|line| line.contains(" has counted ")), "{text}");
    let share = |line: &str, verb: &str| -> u32 {
        line.split(verb).nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap()
    };
    let mut sum = 0;
    for step in &steps[4..] {
        let counted = steps[..4].iter().find(|line| process(line) == process(step)).unwrap();
        sum += share(counted, " has counted ");
        assert_eq!(share(step, " has made it "), sum, "{text}");
    }
    assert!(text.contains("100 words in all; at most 1 at the ledger at a time"), "{text}");
}
