//! Bytes a key, allocations a decision, and the worst of many calls.

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use benches::keys::{FromId, Keys};
use benches::rivals::*;
use benches::{allocations, live_bytes};
use governor::clock::{Clock as _, FakeRelativeClock};
use governor::middleware::NoOpMiddleware;
use governor::{Quota, RateLimiter};
use limiter_core::time::Nanos;

use crate::report::Report;

const MILLION: u32 = 1_000_000;

pub(crate) fn bytes(report: &mut Report) {
    let head = "| | live | peak | allocations a new key | allocations a decision |\n|---|---|---|---|---|";
    report.table("memory, bytes a key at 1M keys", head);
    let keys = Keys::each(MILLION);
    bytes_of::<Governor<IpAddr, std::hash::RandomState>>(report, "governor, dashmap", &keys);
    bytes_of::<Governor<String, std::hash::RandomState>>(report, "governor, String", &keys);
    bytes_of::<AxumGcra>(report, "axum_gcra", &keys);
    bytes_of::<Gcra>(report, "gcra", &keys);
    bytes_of::<OurStore>(report, "**ours, store**", &keys);
    bytes_of::<OurCheck>(report, "**ours, check**", &keys);
    bytes_of::<OurDecideKey>(report, "**ours, decide_key**", &keys);
    bytes_of::<OurText>(report, "**ours, text**", &keys);
    bytes_of::<OurTwoRules>(report, "**ours, two rules**", &keys);
    bytes_of::<OurFixed>(report, "**ours, fixed windows**", &keys);
}

fn bytes_of<R: Rival>(report: &mut Report, name: &str, keys: &Keys) {
    let keys = R::Key::of(keys);
    let before = live_bytes();
    let rival = R::new(false);
    let made = allocations();
    let mut peak = 0;
    for (at, key) in keys.iter().enumerate() {
        rival.check(key);
        if at % 1024 == 0 {
            peak = peak.max(live_bytes());
        }
    }
    let grown = allocations();
    let live = live_bytes();
    for key in keys.iter().take(100_000) {
        rival.check(key);
    }
    let again = allocations();
    let each = |bytes: usize| bytes.saturating_sub(before) as f64 / keys.len() as f64;
    report.say(&format!(
        "| {name} | {:.1} | {:.1} | {:.4} | {} |",
        each(live),
        each(peak.max(live)),
        (grown - made) as f64 / keys.len() as f64,
        (again - grown) as f64 / 100_000.0,
    ));
}

/// What the operating system gives, each limiter in a process of its own.
pub(crate) fn resident(report: &mut Report) {
    report.table("memory, resident bytes a key at 1M keys", "| | resident |\n|---|---|");
    for name in ["governor, dashmap", "axum_gcra", "gcra", "**ours, store**"] {
        let program = std::env::current_exe().unwrap_or_default();
        let told = std::process::Command::new(program).args(["--resident", name]).output();
        let told = told.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).into_owned());
        report.say(&format!("| {name} | {} |", told.trim()));
    }
}

/// The same of one limiter, for this process.
pub(crate) fn resident_of(name: &str) {
    match name {
        "governor, dashmap" => say_resident::<Governor<IpAddr, std::hash::RandomState>>(),
        "axum_gcra" => say_resident::<AxumGcra>(),
        "gcra" => say_resident::<Gcra>(),
        _ => say_resident::<OurStore>(),
    }
}

fn say_resident<R: Rival>() {
    let keys = Keys::each(MILLION);
    let keys = R::Key::of(&keys);
    let before = pages();
    let rival = R::new(false);
    for key in keys {
        black_box(rival.check(key));
    }
    let bytes = pages().saturating_sub(before) * 4096;
    println!("{:.1}", bytes as f64 / keys.len() as f64);
}

/// Resident pages of this process.
fn pages() -> usize {
    let told = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    told.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default()
}

pub(crate) fn pauses(report: &mut Report) {
    for count in [MILLION, 4 * MILLION] {
        let keys = Keys::each(count);
        let keys = IpAddr::of(&keys);
        report.table(&format!("worst insert while growing to {}M keys", count / MILLION), HEAD);
        worst(report, "nothing at all", keys, |_| {});
        let governor = Governor::<IpAddr, std::hash::RandomState>::new(false);
        worst(report, "governor, dashmap", keys, |key| {
            black_box(governor.check(key));
        });
        let ours = OurStore::new(false);
        worst(report, "**ours, store**", keys, |key| {
            black_box(ours.check(key));
        });
    }
    for count in [MILLION, 4 * MILLION] {
        report.table(&format!("worst call while half of {}M keys are pruned", count / MILLION), HEAD);
        prune_governor(report, count);
        prune_ours(report, count);
    }
}

const HEAD: &str = "| | p50, ns | p99.99, us | worst, us | bytes left |\n|---|---|---|---|---|";

/// The longest of many calls. Includes what the machine does to any program: compare with nothing at all.
fn worst(report: &mut Report, name: &str, keys: &[IpAddr], mut call: impl FnMut(&IpAddr)) {
    let times = keys.iter().map(|key| timed(|| call(key))).collect();
    say(report, name, times, None);
}

#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn timed(call: impl FnOnce()) -> u32 {
    let start = Instant::now();
    call();
    u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX)
}

fn say(report: &mut Report, name: &str, mut times: Vec<u32>, left: Option<usize>) {
    times.sort_unstable();
    let at = |share: f64| times.get(((times.len() as f64 - 1.0) * share) as usize).copied().unwrap_or_default();
    let left = left.map_or_else(|| "-".to_owned(), |bytes| format!("{:.1} MB", bytes as f64 / 1e6));
    let us = |nanos: u32| f64::from(nanos) / 1000.0;
    report.say(&format!("| {name} | {} | {:.1} | {:.0} | {left} |", at(0.5), us(at(0.9999)), us(at(1.0))));
}

/// Half of the keys are a period old, the others are new; callers ask about the latter meanwhile.
fn halves(count: u32) -> (Vec<IpAddr>, Vec<IpAddr>) {
    let keys: Vec<IpAddr> = (0..count).map(IpAddr::from_id).collect();
    let (old, new) = keys.split_at(keys.len() / 2);
    (old.to_vec(), new.to_vec())
}

const PERIOD: Duration = Duration::from_secs(60);

/// governor forgets keys when told to, so another thread tells it.
fn prune_governor(report: &mut Report, count: u32) {
    let (old, new) = halves(count);
    let before = live_bytes();
    let clock = FakeRelativeClock::default();
    let Some(quota) = Quota::with_period(PERIOD) else { return };
    let quota = quota.allow_burst(std::num::NonZeroU32::MAX);
    let store = governor::state::keyed::DashMapStateStore::<IpAddr>::default();
    let limiter: RateLimiter<_, _, _, NoOpMiddleware<_>> = RateLimiter::new(quota, store, clock.clone());
    for key in &old {
        let _ = limiter.check_key(key);
    }
    clock.advance(PERIOD);
    for key in &new {
        let _ = limiter.check_key(key);
    }
    clock.advance(Duration::from_secs(1));
    let _ = clock.now();
    let done = AtomicBool::new(false);
    let mut times = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            limiter.retain_recent();
            limiter.shrink_to_fit();
            done.store(true, Ordering::Relaxed);
        });
        for key in new.iter().cycle() {
            times.push(timed(|| drop(limiter.check_key(key))));
            if done.load(Ordering::Relaxed) && times.len() >= 100_000 {
                break;
            }
        }
    });
    say(report, "governor, dashmap", times, Some(live_bytes().saturating_sub(before)));
}

/// Ours forgets them by and by while it decides.
fn prune_ours(report: &mut Report, count: u32) {
    let (old, new) = halves(count);
    let before = live_bytes();
    let ours = OurStore::with_ceiling(ROOM, false);
    let start = Nanos::new(1_000_000_000_000);
    for key in &old {
        ours.check_at(key, start);
    }
    let later = start.saturating_add(Nanos::from(PERIOD));
    for key in &new {
        ours.check_at(key, later.saturating_sub(Nanos::new(1)));
    }
    let now = later.saturating_add(Nanos::new(1_000_000_000));
    let times = new
        .iter()
        .cycle()
        .take(1_000_000)
        .map(|key| {
            timed(|| {
                black_box(ours.check_at(key, now));
            })
        })
        .collect();
    say(report, "**ours, store**", times, Some(live_bytes().saturating_sub(before)));
}
