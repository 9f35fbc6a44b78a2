//! A pool of workers behind a mutex and a barrier that also hold between processes.
//!
//! Four workers count the words of their share of a book side by side, wait for each other, enter what
//! they found into one ledger, one at a time, and wait again before the sum is read. The mutex is a
//! concurrent limit of 1 and the barrier is known by its name: with a store that processes share,
//! the workers may run anywhere.
//!
//! ```text
//! $ cargo run -p examples --bin workers
//! ```

use std::error::Error;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use limiter_core::key::Key;
use limiter_core::store::Waited;
use limiter_core::store::memory::MemoryBarriers;
use limiter_core::time::TokioClock;
use limiter_core::{Barrier, Limiter, Policy, Rule, Wait};
use tokio::time::{Instant, sleep};

/// Words in the share of each worker. Counting takes a millisecond a word.
const SHARES: [u32; 4] = [40, 10, 30, 20];
const PATIENCE: Duration = Duration::from_secs(1);

/// What the workers have in common.
struct Office {
    limiter: Limiter,
    mutex: Policy,
    counted: Barrier,
    entered: Barrier,
    ledger: AtomicU32,
    /// How many are at the ledger, and how many were at most.
    at_ledger: (AtomicU32, AtomicU32),
    began: Instant,
    notes: Mutex<Vec<String>>,
}

impl Office {
    async fn open() -> Result<Self, Box<dyn Error>> {
        let store = Arc::new(MemoryBarriers::new());
        let counted = Barrier::shared(store.clone(), "counted");
        let entered = Barrier::shared(store, "entered");
        let parties = NonZeroU32::new(4).ok_or("four workers")?;
        counted.create(parties).await?;
        entered.create(parties).await?;
        Ok(Office {
            limiter: Limiter::builder().clock(TokioClock::new()).build(),
            mutex: Policy::new("ledger", [Rule::concurrent(1)])?,
            counted,
            entered,
            ledger: AtomicU32::new(0),
            at_ledger: (AtomicU32::new(0), AtomicU32::new(0)),
            began: Instant::now(),
            notes: Mutex::default(),
        })
    }

    fn note(&self, text: &str) {
        if let Ok(mut notes) = self.notes.lock() {
            notes.push(format!("{:>3} ms  {text}", self.began.elapsed().as_millis()));
        }
    }

    /// Waits for the others, who may be late, but not for ever.
    async fn meet(&self, barrier: &Barrier, worker: usize) -> Result<(), Box<dyn Error + Send + Sync>> {
        match barrier.wait(&format!("worker {worker}"), PATIENCE).await? {
            Waited::Cleared => Ok(()),
            waited => Err(format!("worker {worker} at barrier `{}`: {waited:?}", barrier.name()).into()),
        }
    }

    async fn work(&self, worker: usize, words: u32) -> Result<(), Box<dyn Error + Send + Sync>> {
        sleep(Duration::from_millis(words.into())).await;
        self.note(&format!("worker {worker} has counted {words} words"));
        self.meet(&self.counted, worker).await?;

        let held = self.limiter.acquire(&self.mutex, &Key::everyone(), Wait::up_to(PATIENCE)).await?;
        let (now, most) = &self.at_ledger;
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        // Reads, thinks, and writes: two at once would lose one.
        let sum = self.ledger.load(Ordering::SeqCst);
        sleep(Duration::from_millis(5)).await;
        self.ledger.store(sum + words, Ordering::SeqCst);
        self.note(&format!("worker {worker} has made it {}", sum + words));
        now.fetch_sub(1, Ordering::SeqCst);
        drop(held);

        self.meet(&self.entered, worker).await
    }
}

// Paused time leaps to the next timer, so that the program is done at once.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let office = Arc::new(Office::open().await?);
    let workers: Vec<_> = (1..)
        .zip(SHARES)
        .map(|(worker, words)| {
            let office = Arc::clone(&office);
            tokio::spawn(async move { office.work(worker, words).await })
        })
        .collect();
    for worker in workers {
        worker.await?.map_err(|error| error.to_string())?;
    }
    for note in office.notes.lock().map_err(|_| "a worker panicked")?.iter() {
        println!("{note}");
    }
    let most = office.at_ledger.1.load(Ordering::SeqCst);
    println!("\n{} words in all; at most {most} at the ledger at a time", office.ledger.load(Ordering::SeqCst));
    Ok(())
}
