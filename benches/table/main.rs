//! The table: ours beside the rivals, in one run.
//!
//! `cargo bench -p benches --bench table -- [--quick] [--only WORD] [--write] [--date DATE]`

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod http;
mod layer;
mod measure;
mod memory;
mod report;

use std::hash::RandomState;
use std::net::IpAddr;

use benches::floor::Floor;
use benches::keys::Keys;
use benches::rivals::*;
use limiter_core::store::memory::DEFAULT_CEILING;
use measure::{Contender, Scenario};

/// By address, and the first is what the others are measured against.
const BY_ADDRESS: &[Contender] = &[
    Contender::new::<Governor<IpAddr, RandomState>>("governor, dashmap", 0),
    Contender::new::<Governor<IpAddr, foldhash::quality::RandomState>>("governor, dashmap + foldhash", 0),
    Contender::new::<Governor<IpAddr, ahash::RandomState>>("governor, dashmap + ahash", 0),
    Contender::new::<AxumGcra>("axum_gcra", 0),
    Contender::new::<Gcra>("gcra", 0),
    Contender::new::<OurStore>("**ours, store**", 0),
    Contender::new::<OurCheck>("**ours, check**", 0),
    Contender::new::<OurDecideKey>("**ours, decide_key**", 0),
    Contender::new::<OurFixed>("**ours, check, fixed windows**", 0),
    Contender::new::<Floor>("the floor: clock, hash, one locked instruction", 0),
];
const BY_TEXT: &[Contender] = &[
    Contender::new::<Governor<String, RandomState>>("governor, String", 0),
    Contender::new::<Governor<String, foldhash::quality::RandomState>>("governor, String + foldhash", 0),
    Contender::new::<OurText>("**ours, check, text**", 0),
];
const TWO_RULES: &[Contender] = &[
    Contender::new::<TwoGovernors>("governor, dashmap, twice", 0),
    Contender::new::<OurTwoRules>("**ours, check, two rules**", 0),
];
const KEYLESS: &[Contender] = &[
    Contender::new::<GovernorDirect>("governor, direct", 0),
    Contender::new::<Ratelimit>("ratelimit", 0),
    Contender::new::<OurGlobal>("**ours, check, one key for all**", 0),
];
const SLOTS: &[Contender] = &[
    Contender::new::<Semaphore>("tokio semaphore", 0),
    Contender::new::<OurConcurrent>("**ours, concurrent, global**", 0),
    Contender::new::<OurConcurrentByKey>("**ours, concurrent, by address**", 0),
];

/// What the more than common cases cost beside the common one.
const OURS: &[Contender] = &[
    Contender::new::<OurCheck>("**check, a bucket**", 0),
    Contender::new::<OurTwoRules>("**check, two buckets**", 0),
    Contender::new::<OurSliding>("**check, sliding window**", 0),
    Contender::new::<OurFixed>("**check, fixed window**", 0),
    Contender::new::<OurDecideKey>("**decide_key, a bucket**", 0),
    Contender::new::<OurConcurrentByKey>("**decide_key, a slot taken and given back**", 4),
];
/// Two million keys where a hundred thousand have room; the rival has no ceiling and grows.
const AT_CEILING: &[Contender] = &[
    Contender::new::<Governor<IpAddr, RandomState>>("governor, dashmap", 0),
    Contender::new::<OurEvict>("**ours, check, evict**", 0),
    Contender::new::<OurOverflow>("**ours, check, overflow**", 0),
    Contender::new::<OurRefuse>("**ours, check, refuse**", 0),
];

struct Options {
    quick: bool,
    write: bool,
    only: Option<String>,
    date: Option<String>,
}

fn main() {
    let mut options = Options { quick: false, write: false, only: None, date: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--quick" => options.quick = true,
            "--write" => options.write = true,
            "--only" => options.only = words.next(),
            "--date" => options.date = words.next(),
            "--bench" => {}
            "--resident" => return memory::resident_of(words.next().as_deref().unwrap_or_default()),
            other => eprintln!("`{other}` is not known; accepted: --quick, --write, --only WORD, --date DATE"),
        }
    }
    let mut report = report::Report::new(options.date.clone());
    let wanted = |name: &str| options.only.as_ref().is_none_or(|word| name.contains(word.as_str()));
    for threads in [1, 2] {
        for scenario in scenarios(threads, options.quick) {
            let title = format!("{}, {threads} thread{}", scenario.name, if threads == 1 { "" } else { "s" });
            if !wanted(&title) {
                continue;
            }
            for contenders in [BY_ADDRESS, BY_TEXT, TWO_RULES] {
                report.lines(&title, measure::compare(&scenario, contenders));
            }
            if scenario.name.starts_with("hot") {
                report.lines(&title, measure::compare(&scenario, KEYLESS));
            }
        }
        let title = format!("slot taken and given back, {threads} thread{}", if threads == 1 { "" } else { "s" });
        if wanted(&title) {
            let hot = &scenarios(threads, options.quick)[0];
            report.lines(&title, measure::compare(hot, SLOTS));
        }
    }
    for at in [0, 2] {
        let scenario = &scenarios(1, options.quick)[at];
        let title = format!("ours beside ours, {}", scenario.name);
        if wanted(&title) {
            report.lines(&title, measure::compare(scenario, OURS));
        }
    }
    if wanted("new keys at the ceiling") {
        let flood = scenarios(1, options.quick).pop();
        let full = flood.map(|flood| Scenario { room: 100_000, ..flood });
        if let Some(full) = full {
            report.lines("2M new keys at the ceiling of 100k", measure::compare(&full, AT_CEILING));
        }
    }
    if wanted("layer") {
        layer::layers(&mut report, options.quick);
    }
    if wanted("HTTP") {
        http::http(&mut report, options.quick);
    }
    if wanted("memory") {
        memory::bytes(&mut report);
    }
    if wanted("resident") {
        memory::resident(&mut report);
    }
    if wanted("pauses") {
        memory::pauses(&mut report);
    }
    report.finish(options.write);
}

fn scenarios(threads: usize, quick: bool) -> Vec<Scenario> {
    let scenario = |name, known: Keys, visits, refuse| {
        let (decisions, rounds) = if known.visits() > 1000 { (100_000, 45) } else { (20_000, 151) };
        let rounds = if quick { rounds / 3 } else { rounds };
        // The default ceiling, unless what is measured would meet it.
        let room = if known.visits() < 1_000_000 { DEFAULT_CEILING } else { ROOM };
        Scenario { name, known, visits, decisions, rounds, refuse, room, threads, fresh: false }
    };
    vec![
        scenario("hot key, allowed", Keys::hot(), Keys::hot(), false),
        scenario("hot key, refused", Keys::hot(), Keys::hot(), true),
        scenario("1k keys", Keys::each(1000), Keys::uniform(1000, 100_000), false),
        scenario("100k keys", Keys::each(100_000), Keys::uniform(100_000, 1_000_000), false),
        scenario("1M keys", Keys::each(1_000_000), Keys::uniform(1_000_000, 2_000_000), false),
        scenario("1M keys, zipf", Keys::each(1_000_000), Keys::zipf(1_000_000, 2_000_000), false),
        Scenario {
            fresh: true,
            room: ROOM,
            decisions: 2_000_000 / threads,
            rounds: if quick { 5 } else { 9 },
            ..scenario("2M new keys", Keys::each(0), Keys::each(2_000_000), false)
        },
    ]
}
