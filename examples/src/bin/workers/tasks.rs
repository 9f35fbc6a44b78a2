//! Workers that are tasks of this process.

use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use limiter_core::Limiter;
use limiter_core::store::memory::MemoryBarriers;
use limiter_core::time::TokioClock;
use tokio::time::Instant;

use crate::SHARES;
use crate::office::{Ledger, Office, Page, print};

pub async fn run() -> Result<(), Box<dyn Error>> {
    let limiter = Limiter::builder().clock(TokioClock::new()).build();
    let office = Arc::new(Office::new(limiter, Arc::new(MemoryBarriers::new()), "pool", InMemory::default())?);
    office.open().await?;
    let began = Instant::now();
    let workers: Vec<_> = (0..SHARES.len())
        .map(|worker| {
            let office = Arc::clone(&office);
            let note = move |text| println!("{:>3} ms  worker {} {text}", began.elapsed().as_millis(), worker + 1);
            tokio::spawn(async move { office.work(worker, note).await })
        })
        .collect();
    for worker in workers {
        worker.await?.map_err(|error| error.to_string())?;
    }
    print(office.ledger.read()?);
    Ok(())
}

#[derive(Default)]
struct InMemory {
    page: Mutex<Page>,
    there: Mutex<u32>,
}

impl Ledger for InMemory {
    fn enter(&self, _: usize) -> io::Result<u32> {
        let mut there = self.there.lock().unwrap_or_else(PoisonError::into_inner);
        *there += 1;
        Ok(*there)
    }

    fn read(&self) -> io::Result<Page> {
        Ok(*self.page.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, page: Page) -> io::Result<()> {
        *self.page.lock().unwrap_or_else(PoisonError::into_inner) = page;
        Ok(())
    }

    fn leave(&self, _: usize) -> io::Result<()> {
        *self.there.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        Ok(())
    }
}
