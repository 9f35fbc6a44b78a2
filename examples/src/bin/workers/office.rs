//! What a worker does, wherever it runs.

use std::error::Error;
use std::io;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use limiter_core::key::Key;
use limiter_core::store::{Barriers, Waited};
use limiter_core::{Barrier, Limiter, Policy, Rule, Wait};
use tokio::time::sleep;

use crate::SHARES;

/// A worker waits for the others, who may be late, but not for ever.
const PATIENCE: Duration = Duration::from_secs(10);

/// What stands in the ledger.
#[derive(Clone, Copy, Default)]
pub struct Page {
    pub words: u32,
    /// How many workers were at the ledger at the same time, at most.
    pub most: u32,
}

/// Where workers enter what they found. Nothing here keeps two of them apart.
pub trait Ledger {
    /// Comes in, and tells how many are there now.
    fn enter(&self, worker: usize) -> io::Result<u32>;
    fn read(&self) -> io::Result<Page>;
    fn write(&self, page: Page) -> io::Result<()>;
    fn leave(&self, worker: usize) -> io::Result<()>;
}

/// What the workers have in common.
pub struct Office<L> {
    limiter: Limiter,
    mutex: Policy,
    /// Pools that run at the same time do not meet.
    pool: Key,
    counted: Barrier,
    entered: Barrier,
    pub ledger: L,
}

impl<L: Ledger> Office<L> {
    pub fn new(limiter: Limiter, barriers: Arc<dyn Barriers>, pool: &str, ledger: L) -> Result<Self, Box<dyn Error>> {
        Ok(Office {
            limiter,
            mutex: Policy::new("ledger", [Rule::concurrent(1)])?,
            pool: Key::from(pool),
            counted: Barrier::shared(Arc::clone(&barriers), &format!("{pool} counted")),
            entered: Barrier::shared(barriers, &format!("{pool} entered")),
            ledger,
        })
    }

    /// Makes the barriers; whoever opens the office does it once.
    pub async fn open(&self) -> Result<(), Box<dyn Error>> {
        let parties = u32::try_from(SHARES.len()).ok().and_then(NonZeroU32::new).ok_or("there are no workers")?;
        self.counted.create(parties).await?;
        self.entered.create(parties).await?;
        Ok(())
    }

    pub async fn work(&self, worker: usize, note: impl Fn(String)) -> Result<(), Box<dyn Error + Send + Sync>> {
        let words = SHARES.get(worker).copied().ok_or("there is no such worker")?;
        sleep(Duration::from_millis(words.into())).await;
        note(format!("has counted {words} words"));
        self.meet(&self.counted, worker).await?;

        let held = self.limiter.acquire(&self.mutex, &self.pool, Wait::up_to(PATIENCE)).await?;
        let there = self.ledger.enter(worker)?;
        // Reads, thinks, and writes: two at once would lose one.
        let page = self.ledger.read()?;
        sleep(Duration::from_millis(5)).await;
        let words = page.words + words;
        self.ledger.write(Page { words, most: page.most.max(there) })?;
        note(format!("has made it {words}"));
        self.ledger.leave(worker)?;
        // Dropping it would do; but a process may end before the store has heard of that.
        held.release().await?;

        self.meet(&self.entered, worker).await
    }

    async fn meet(&self, barrier: &Barrier, worker: usize) -> Result<(), Box<dyn Error + Send + Sync>> {
        match barrier.wait(&format!("worker {worker}"), PATIENCE).await? {
            Waited::Cleared => Ok(()),
            waited => Err(format!("worker {worker} at barrier `{}`: {waited:?}", barrier.name()).into()),
        }
    }
}

/// What has come of it.
pub fn print(page: Page) {
    println!("\n{} words in all; at most {} at the ledger at a time", page.words, page.most);
}
