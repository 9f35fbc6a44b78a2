//! What requests feel of it when the database of violations goes: five thousand refusals a second, with a
//! server that is killed outright in the middle. `cargo bench -p benches --bench outage`.
//!
//! One run has three parts: with the server, without it, and with it again. What is told of each is how long a
//! refusal took, and the ratio to the first part; the load pauses between ticks as callers do.

use std::error::Error;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use limiter_core::event::violation::{PostgresSink, ViolationTracker};
use limiter_core::{Key, Limiter, Policy, Quota, Rule};

const TICK: Duration = Duration::from_millis(10);
const EACH_TICK: u64 = 50;
const CLIENTS: u64 = 2_000;
const CAP: usize = 1_000;

fn main() -> ExitCode {
    // Under `cargo test --benches` it is enough that it runs.
    let measured = std::env::args().any(|argument| argument == "--bench");
    let ran = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(run(Duration::from_secs(if measured { 30 } else { 1 }))));
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("outage: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(part: Duration) -> Result<(), Box<dyn Error + Send + Sync>> {
    let Some(mut server) = Server::new()? else {
        println!("PostgreSQL is not installed");
        return Ok(());
    };
    server.up()?;
    let sink = PostgresSink::new(&server.url())?;
    let mut patience = 200;
    while let Err(error) = sink.migrate().await {
        patience -= 1;
        if patience == 0 {
            return Err(error.into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let tracker = ViolationTracker::builder("bench").cap(CAP).interval(Duration::from_secs(1)).start(sink)?;
    let limiter = Limiter::builder().observer(tracker.clone()).build();
    let policy = Policy::new("login", [Rule::new(Quota::per_hour(1))])?;
    let mut refused = 0;
    // One round unmeasured: every client has had its one request.
    let _ = load(&limiter, &policy, part / 10, &mut refused).await;
    println!("| | p50, ns | p99, ns | p99.9, ns | ratio of p50 | ratio of p99 |\n|---|---|---|---|---|---|");
    let first = load(&limiter, &policy, part, &mut refused).await;
    told("before", &first, &first);
    server.kill()?;
    told("while the server is gone", &load(&limiter, &policy, part, &mut refused).await, &first);
    let held = tracker.stats();
    server.up()?;
    told("after", &load(&limiter, &policy, part, &mut refused).await, &first);
    let report = tracker.shutdown().await;
    println!(
        "\n{refused} violations, {} written, {} lost; at the end of the outage {} pairs were held of {} violations, and {} attempts had failed",
        tracker.stats().written,
        report.lost,
        held.pending_pairs,
        held.pending,
        held.failures
    );
    Ok(())
}

/// Asks at an even pace, and hands out how long each decision took, in order of length.
#[expect(clippy::disallowed_methods, reason = "a bench measures the machine's time")]
async fn load(limiter: &Limiter, policy: &Policy, length: Duration, refused: &mut u64) -> Vec<u64> {
    let (mut took, mut next) = (Vec::new(), 0u64);
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    for _ in 0..(length.as_millis() / TICK.as_millis()).max(60) {
        ticks.tick().await;
        for _ in 0..EACH_TICK {
            let key = Key::from(next % CLIENTS);
            next += 1;
            let began = Instant::now();
            let decision = limiter.check(policy, &key);
            took.push(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX));
            *refused += u64::from(!decision.is_allowed());
        }
    }
    took.sort_unstable();
    took
}

fn told(name: &str, took: &[u64], first: &[u64]) {
    let at = |of: &[u64], share: f64| of.get((of.len() as f64 * share) as usize).copied().unwrap_or_default() as f64;
    let ratio = |share| at(took, share) / at(first, share);
    println!(
        "| {name} | {} | {} | {} | {:.2} | {:.2} |",
        at(took, 0.5),
        at(took, 0.99),
        at(took, 0.999),
        ratio(0.5),
        ratio(0.99)
    );
}

/// A server of the bench's own, with all its files in one folder; both end with it.
struct Server {
    programs: PathBuf,
    folder: PathBuf,
    user: Option<u32>,
    port: u16,
    child: Option<Child>,
}

impl Server {
    /// `None` where PostgreSQL is not installed.
    fn new() -> Result<Option<Server>, Box<dyn Error + Send + Sync>> {
        let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") else { return Ok(None) };
        let versions = versions.flatten().map(|version| version.path().join("bin"));
        let Some(programs) = versions.filter(|folder| Path::is_file(&folder.join("initdb"))).max() else {
            return Ok(None);
        };
        let folder = std::env::temp_dir().join(format!("limiter-outage-{}", std::process::id()));
        std::fs::create_dir(&folder)?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut server = Server { programs, folder, user: None, port, child: None };
        // It refuses to run as root.
        if std::fs::metadata(&server.folder)?.uid() == 0 {
            let id = Command::new("id").args(["-u", "postgres"]).output()?.stdout;
            let id = String::from_utf8_lossy(&id).trim().parse()?;
            std::os::unix::fs::chown(&server.folder, Some(id), None)?;
            server.user = Some(id);
        }
        let made = server.command("initdb").args(["-U", "postgres", "--auth=trust", "--no-sync"]).status()?;
        if made.success() { Ok(Some(server)) } else { Err("initdb failed".into()) }
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn up(&mut self) -> std::io::Result<()> {
        let (folder, port) = (self.folder.display().to_string(), self.port.to_string());
        let options = ["-k", &folder, "-p", &port, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"];
        self.child = Some(self.command("postgres").args(options).spawn()?);
        Ok(())
    }

    /// It learns nothing of it.
    fn kill(&mut self) -> std::io::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        child.kill()?;
        child.wait().map(|_| ())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.arg("-D").arg(self.folder.join("data")).current_dir(&self.folder);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        if let Some(user) = self.user {
            command.uid(user);
        }
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whatever is left of it goes with its folder.
        let _ = self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
