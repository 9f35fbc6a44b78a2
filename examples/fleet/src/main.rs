//! One budget over three processes, and what becomes of it while Redis is gone.
//!
//! `cargo run -p fleet` starts a Redis and three quickstarts that share it, sends requests to all
//! three, kills Redis, goes on, and starts it again. It needs `redis-server`.

mod http;
mod processes;

use std::error::Error;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use http::send;
use processes::{Node, Redis, build};

const NODES: usize = 3;
/// Writes an hour, for each client, over all three.
const WRITES: u32 = 12;
/// Redis is used again by then.
const BACK_WITHIN: Duration = Duration::from_secs(4);

type Told = Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fleet: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Told {
    let program = build()?;
    let mut redis = Redis::start()?;
    let nodes = (0..NODES).map(|_| Node::start(&program, redis.address, NODES, WRITES));
    let nodes = nodes.collect::<Result<Vec<Node>, _>>()?;
    let ports: Vec<String> = nodes.iter().map(|node| node.address.port().to_string()).collect();
    println!("fleet: three processes on ports {} share one Redis", ports.join(", "));

    one_budget(&nodes)?;
    redis.kill()?;
    println!("\nRedis is killed. Requests go on: each process counts its third of every quota by itself.");
    without_redis(&nodes)?;
    redis.restart()?;
    println!("\nRedis is back, and empty.");
    together_again(&nodes)
}

/// Every process takes from the same twelve.
fn one_budget(nodes: &[Node]) -> Told {
    println!("\n{} writes of one client, in turns; {WRITES} an hour are allowed, wherever they arrive:", WRITES + 3);
    let mut admitted = 0;
    for (turn, node) in nodes.iter().cycle().take(WRITES as usize + 3).enumerate() {
        let answer = send("POST", node.address)?;
        let left = answer.remaining.map_or_else(|| "?".to_owned(), |left| left.to_string());
        println!("  {:>2}  port {:>5}  {}  remaining {left:>2}", turn + 1, node.address.port(), answer.status);
        admitted += u32::from(answer.status == 201);
    }
    println!("  admitted: {admitted} of {}", WRITES + 3);
    if admitted == WRITES { Ok(()) } else { Err(format!("{admitted} were admitted, not {WRITES}").into()) }
}

/// Nobody sees an error, and nobody waits.
#[allow(clippy::disallowed_methods, reason = "how long an answer takes is shown")]
fn without_redis(nodes: &[Node]) -> Told {
    let mut slowest = Duration::ZERO;
    let mut counted = [0u32; 2];
    for node in nodes.iter().cycle().take(90) {
        let began = Instant::now();
        let answer = send("GET", node.address)?;
        slowest = slowest.max(began.elapsed());
        match answer.status {
            200 => counted[0] += 1,
            429 => counted[1] += 1,
            other => return Err(format!("a request was answered {other}").into()),
        }
    }
    println!(
        "  90 reads: {} answered 200, {} answered 429; the slowest took {} ms",
        counted[0],
        counted[1],
        slowest.as_millis()
    );
    let spent = nodes.iter().map(|node| send("POST", node.address)).collect::<Result<Vec<_>, _>>()?;
    let spent: Vec<String> = spent.iter().map(|answer| answer.status.to_string()).collect();
    println!("  writes, spent before, on each port: {}", spent.join(", "));
    if spent.iter().all(|status| status == "429") { Ok(()) } else { Err("an outage handed out a fresh budget".into()) }
}

/// What one process counts, the next one knows.
#[allow(clippy::disallowed_methods, reason = "how long it takes is shown")]
fn together_again(nodes: &[Node]) -> Told {
    let began = Instant::now();
    while began.elapsed() < BACK_WITHIN {
        let told = nodes.iter().map(|node| send("GET", node.address)).collect::<Result<Vec<_>, _>>()?;
        let left: Vec<u64> = told.iter().filter_map(|answer| answer.remaining).collect();
        // A unit may have come back in between.
        let one_by_one = left.windows(2).all(|pair| pair[0] == pair[1] + 1 || pair[0] == pair[1]);
        if left.len() == nodes.len() && one_by_one && left[0] > left[left.len() - 1] {
            let left: Vec<String> = left.iter().map(u64::to_string).collect();
            println!(
                "  after {} ms the ports count together again: remaining {}",
                began.elapsed().as_millis(),
                left.join(", ")
            );
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
    Err("the processes do not count together again".into())
}
