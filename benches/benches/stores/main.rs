//! Decisions a second at shared stores, over one connection with 1 and with 64 tasks, beside the plainest commands
//! of the same server in the same run. `cargo bench -p benches --bench stores`.
//!
//! Rounds of all contenders take turns, so that whatever else the machine does meets all of them; what is told is
//! the median of the rounds, and its ratio to that of the plain increment; and, which the neighbours of a busy machine
//! alter less, the processor time that one decision of the 64 tasks takes in this process and in the server. Servers are started here; what is not
//! installed is left out. For numbers that mean something the machine has to be quiet, with a core for the server.
//! Words after `--` leave only the servers of these names, and only the contenders with these words in theirs.

mod pipe;
mod servers;

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use limiter_core::key::Key;
use limiter_core::store::front::FleetOptions;
use limiter_core::store::memcached::MemcachedStore;
use limiter_core::store::redis::RedisStore;
use limiter_core::{Algorithm, Limiter, Policy, Reply, Rule, Store};
use pipe::Pipe;
use servers::Server;

const KEYS: u64 = 1_000;
const TASKS: [usize; 2] = [1, 64];
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(300);

/// How a server is started, if it is installed.
type Start = fn() -> Option<Server>;
/// Nothing where there was an answer at once.
type Asked = Option<Pin<Box<dyn Future<Output = ()>>>>;

/// The scripts of the commonest decisions, as the store calls them: what is left to gain on this side.
const SCRIPTS: [(&str, &str, &[&str]); 3] = [
    ("script: bucket", LEAN_BUCKET, &["100", "1000000"]),
    ("script: bucket, with the clock", LEAN_BUCKET, &["100", "1000000", ""]),
    ("script: fixed", LEAN_FIXED, &["1000", "10001000", "1000000", ""]),
];
const LEAN_BUCKET: &str = include_str!("../../../limiter-core/src/store/redis/scripts/lean_bucket.lua");
const LEAN_FIXED: &str = include_str!("../../../limiter-core/src/store/redis/scripts/lean_fixed.lua");

/// One way to ask, and how often it was done a second, in each round.
struct Contender {
    name: String,
    ask: Rc<dyn Fn(u64) -> Asked>,
    rates: [Vec<f64>; TASKS.len()],
    /// Processor time of this process and of the server for one, in microseconds, with the most tasks.
    costs: [Vec<f64>; 2],
}

fn main() {
    // Under `cargo test --benches` it is enough that it runs.
    let measured = std::env::args().any(|argument| argument == "--bench");
    let (rounds, round) = if measured { (ROUNDS, ROUND) } else { (1, Duration::from_millis(20)) };
    let words = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let servers: [(_, Start); 2] = [("Redis", Server::redis), ("Memcached", Server::memcached)];
        let (at, parts): (Vec<String>, Vec<String>) =
            words.partition(|word| servers.iter().any(|(name, _)| name == word));
        for (name, start) in servers {
            if !at.is_empty() && !at.iter().any(|at| at == name) {
                continue;
            }
            let Some(server) = start() else {
                println!("{name} is not installed");
                continue;
            };
            let mut contenders = match name {
                "Redis" => at_redis(server.port).await,
                _ => at_memcached(server.port).await,
            };
            if !parts.is_empty() {
                let mut first = true;
                let named = |name: &str| parts.iter().any(|part| name.contains(part));
                contenders.retain(|contender| core::mem::take(&mut first) || named(&contender.name));
            }
            for _ in 0..rounds {
                for contender in &mut contenders {
                    for (tasks, rates) in TASKS.into_iter().zip(&mut contender.rates) {
                        let before = [used(std::process::id()), used(server.id())];
                        let (rate, answered) = rate(&contender.ask, tasks, round).await;
                        rates.push(rate);
                        if tasks > 1 {
                            let after = [used(std::process::id()), used(server.id())];
                            for ((cost, after), before) in contender.costs.iter_mut().zip(after).zip(before) {
                                cost.push((after - before) / answered as f64);
                            }
                        }
                    }
                }
            }
            print(name, &mut contenders);
        }
    });
}

/// So many tasks ask one question after the other; how many were answered in a second.
async fn rate(ask: &Rc<dyn Fn(u64) -> Asked>, tasks: usize, during: Duration) -> (f64, u64) {
    let (answered, began) = (Rc::new(Cell::new(0u64)), now());
    let asking: Vec<_> = (0..tasks)
        .map(|task| {
            let (ask, answered) = (Rc::clone(ask), Rc::clone(&answered));
            tokio::task::spawn_local(async move {
                let mut key = task as u64 * 17;
                while began.elapsed() < during {
                    // The clock is read once for several, and whoever answers at once lets others have a turn.
                    for _ in 0..8 {
                        key += 1;
                        if let Some(answer) = ask(key % KEYS) {
                            answer.await;
                        }
                    }
                    answered.set(answered.get() + 8);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for one in asking {
        one.await.expect("no task fails");
    }
    (answered.get() as f64 / began.elapsed().as_secs_f64(), answered.get())
}

/// Processor time that the threads of a process have used, in microseconds; 0 where that is not told.
fn used(process: u32) -> f64 {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let told = threads.map(|thread| std::fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default());
    told.filter_map(|told| told.split(' ').next()?.parse::<f64>().ok()).sum::<f64>() / 1000.0
}

async fn at_redis(port: u16) -> Vec<Contender> {
    let url = format!("redis://127.0.0.1:{port}");
    let client = redis::Client::open(url.as_str()).expect("an address");
    let connection = client.get_multiplexed_async_connection().await.expect("the server is there");
    let plain = |name: &'static str| {
        let connection = connection.clone();
        contender(name, move |key| {
            let mut connection = connection.clone();
            Some(Box::pin(async move {
                let mut command = redis::cmd(name);
                command.arg(key);
                let _: Option<u64> = command.query_async(&mut connection).await.expect("an answer");
            }))
        })
    };
    let mut contenders = vec![plain("INCR"), plain("GET")];
    let exact = FleetOptions::new().deadline(Duration::from_secs(2));
    let store = async |fleet: FleetOptions| RedisStore::builder(&url).fleet(fleet).connect().await.expect("a server");
    for (name, code, arguments) in SCRIPTS {
        contenders.push(script(name, code, arguments, connection.clone()).await);
    }
    for algorithm in Algorithm::ALL {
        contenders.push(decisions(algorithm.name(), store(exact).await, algorithm, "10000/s", false));
    }
    contenders.push(decisions(
        "bucket, refused",
        store(exact.without_denial_cache()).await,
        Algorithm::Bucket,
        "1/h",
        false,
    ));
    contenders.push(decisions("bucket, one key", store(exact).await, Algorithm::Bucket, "1000000/s", true));
    contenders.push(decisions("bucket, one key over its limit", store(exact).await, Algorithm::Bucket, "1/h", true));
    let aside = exact.set_aside(5, Duration::from_secs(1));
    contenders.push(decisions("bucket, 5 % set aside", store(aside).await, Algorithm::Bucket, "10000/s", false));
    contenders
}

async fn at_memcached(port: u16) -> Vec<Contender> {
    let pipe = Pipe::connect(port).await;
    let increment = contender("increment", move |key| {
        let pipe = pipe.clone();
        Some(Box::pin(async move { pipe.increment(key).await }))
    });
    let mut contenders = vec![increment];
    let exact = FleetOptions::new().deadline(Duration::from_secs(2));
    for algorithm in Algorithm::ALL {
        let store = MemcachedStore::builder().fleet(exact).connect([format!("127.0.0.1:{port}")]);
        let quota = if algorithm == Algorithm::Log { "100/s" } else { "10000/s" };
        contenders.push(decisions(algorithm.name(), store.await.expect("a server"), algorithm, quota, false));
    }
    contenders
}

/// Decisions by a limiter: of a thousand keys, or of one.
fn decisions(name: &str, store: impl Store, algorithm: Algorithm, quota: &str, one_key: bool) -> Contender {
    let limiter = Limiter::builder().store(store).build();
    let rule = match algorithm {
        Algorithm::Concurrent => Rule::concurrent(32),
        _ => Rule::new(quota.parse().expect("a quota")).algorithm(algorithm),
    };
    // Each row has budgets of its own.
    let policy = Policy::new(format!("bench-{}", name.replace([' ', ',', '%'], "-")), [rule]).expect("a policy");
    contender(name, move |key| match limiter.decide_key(&policy, &Key::from(if one_key { 0 } else { key }), 1) {
        Reply::Now(ruling) => {
            assert!(!ruling.decision.is_degraded(), "the store decides");
            None
        }
        Reply::Later(ruling) => Some(Box::pin(async move {
            assert!(!ruling.await.decision.is_degraded(), "the store decides");
        })),
    })
}

/// A script by itself, without anything of ours around it.
async fn script(
    name: &str,
    code: &str,
    arguments: &'static [&'static str],
    mut connection: redis::aio::MultiplexedConnection,
) -> Contender {
    let mut load = redis::cmd("SCRIPT");
    let hash: String = load.arg("LOAD").arg(code).query_async(&mut connection).await.expect("a script");
    let row = name.replace([' ', ',', ':'], "-");
    contender(name, move |key| {
        let mut connection = connection.clone();
        let mut command = redis::cmd("EVALSHA");
        command.arg(&hash).arg(1).arg(format!("{row}{key}")).arg(arguments);
        Some(Box::pin(async move {
            let _: redis::Value = command.query_async(&mut connection).await.expect("an answer");
        }))
    })
}

fn contender(name: &str, ask: impl Fn(u64) -> Asked + 'static) -> Contender {
    let ask = Rc::new(ask);
    Contender { name: name.to_owned(), ask, rates: Default::default(), costs: Default::default() }
}

#[expect(clippy::disallowed_methods, reason = "a bench measures the machine's time")]
fn now() -> Instant {
    Instant::now()
}

fn print(server: &str, contenders: &mut [Contender]) {
    println!(
        "{server:32} {:>12} {:>7} {:>12} {:>7} {:>10} {:>10}",
        "1 task", "ratio", "64 tasks", "ratio", "us here", "us there"
    );
    let mut plain = None;
    let median = |several: &mut Vec<f64>| {
        several.sort_by(f64::total_cmp);
        several[several.len() / 2]
    };
    for Contender { name, rates, costs, .. } in contenders {
        let medians = rates.each_mut().map(median);
        let ([alone, many], [here, there]) = (medians, costs.each_mut().map(median));
        let [plain_alone, plain_many] = *plain.get_or_insert(medians);
        println!(
            "{name:32} {alone:12.0} {:7.2} {many:12.0} {:7.2} {here:10.2} {there:10.2}",
            alone / plain_alone,
            many / plain_many
        );
    }
}
