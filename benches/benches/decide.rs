//! The operations of the table in criterion's form.

use std::hash::RandomState;
use std::hint::black_box;
use std::net::IpAddr;

use benches::keys::{FromId, Keys};
use benches::rivals::*;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime};

fn one<R: Rival>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, known: &Keys, visits: &Keys, refuse: bool) {
    let rival = R::new(refuse);
    for key in R::Key::of(known) {
        rival.check(key);
    }
    let mut keys = R::Key::of(visits).iter().cycle();
    group.bench_function(name, |bencher| bencher.iter(|| keys.next().map(|key| rival.check(black_box(key)))));
}

fn all(group: &mut BenchmarkGroup<'_, WallTime>, known: &Keys, visits: &Keys, refuse: bool) {
    one::<Governor<IpAddr, RandomState>>(group, "governor", known, visits, refuse);
    one::<Governor<IpAddr, foldhash::quality::RandomState>>(group, "governor-foldhash", known, visits, refuse);
    one::<OurStore>(group, "store", known, visits, refuse);
    one::<OurCheck>(group, "check", known, visits, refuse);
    one::<OurDecideKey>(group, "decide_key", known, visits, refuse);
    one::<OurTwoRules>(group, "two-rules", known, visits, refuse);
    one::<OurFixed>(group, "fixed", known, visits, refuse);
    one::<Governor<String, RandomState>>(group, "governor-text", known, visits, refuse);
    one::<OurText>(group, "text", known, visits, refuse);
}

fn decide(criterion: &mut Criterion) {
    all(&mut criterion.benchmark_group("hot-allowed"), &Keys::hot(), &Keys::hot(), false);
    all(&mut criterion.benchmark_group("hot-refused"), &Keys::hot(), &Keys::hot(), true);
    for count in [1_000, 100_000, 1_000_000] {
        let group = &mut criterion.benchmark_group(format!("{count}-keys"));
        all(group, &Keys::each(count), &Keys::uniform(count, 1_000_000), false);
    }
    let slots = &mut criterion.benchmark_group("slot");
    one::<Semaphore>(slots, "tokio-semaphore", &Keys::hot(), &Keys::hot(), false);
    one::<OurConcurrent>(slots, "concurrent", &Keys::hot(), &Keys::hot(), false);
}

criterion_group!(benches, decide);
criterion_main!(benches);
