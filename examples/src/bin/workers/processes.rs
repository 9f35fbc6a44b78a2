//! Workers that are processes: they meet at one Redis, and the ledger is a file.

use std::error::Error;
use std::path::PathBuf;
use std::process::{self, Child, Command};
use std::sync::Arc;
use std::{env, fs, io};

use limiter_core::Limiter;
use limiter_core::store::front::FleetOptions;
use limiter_core::store::redis::RedisStore;

use crate::SHARES;
use crate::office::{Ledger, Office, Page, print};

/// What one process of the pool is to do, as its environment says.
pub struct Duty {
    worker: usize,
    folder: PathBuf,
}

impl Duty {
    const WORKER: &str = "WORKERS_WORKER";
    const FOLDER: &str = "WORKERS_FOLDER";

    /// `None` in the process that a user has started.
    pub fn of_this_process() -> Result<Option<Self>, Box<dyn Error>> {
        let (Ok(worker), Some(folder)) = (env::var(Self::WORKER), env::var_os(Self::FOLDER)) else { return Ok(None) };
        Ok(Some(Duty { worker: worker.parse()?, folder: folder.into() }))
    }

    /// This program once more.
    fn start(&self) -> io::Result<Child> {
        let mut program = Command::new(env::current_exe()?);
        program.env(Self::WORKER, self.worker.to_string()).env(Self::FOLDER, &self.folder).spawn()
    }
}

/// Opens the office, and starts a process for each worker.
pub async fn start(url: &str) -> Result<(), Box<dyn Error>> {
    let ledger = Files::new(env::temp_dir().join(format!("workers-{}", process::id())));
    fs::create_dir(&ledger.folder)?;
    let done = supervise(url, &ledger).await;
    fs::remove_dir_all(&ledger.folder)?;
    print(done?);
    Ok(())
}

async fn supervise(url: &str, ledger: &Files) -> Result<Page, Box<dyn Error>> {
    ledger.write(Page::default())?;
    office(url, ledger.clone()).await?.open().await?;
    println!("each worker is a process of its own, and a Redis is their store\n");
    let duties = (0..SHARES.len()).map(|worker| Duty { worker, folder: ledger.folder.clone() });
    let workers = duties.map(|duty| duty.start()).collect::<Vec<_>>();
    let mut failed = Vec::new();
    for (number, worker) in (1..).zip(workers) {
        let status = worker?.wait()?;
        if !status.success() {
            failed.push(format!("worker {number}: {status}"));
        }
    }
    if failed.is_empty() { Ok(ledger.read()?) } else { Err(failed.join(", ").into()) }
}

/// What one of the processes does.
pub async fn work(url: &str, duty: &Duty) -> Result<(), Box<dyn Error>> {
    let office = office(url, Files::new(duty.folder.clone())).await?;
    let who = format!("process {:>7}  worker {}", process::id(), duty.worker + 1);
    office.work(duty.worker, |text| println!("{who} {text}")).await.map_err(|error| error.to_string().into())
}

async fn office(url: &str, ledger: Files) -> Result<Office<Files>, Box<dyn Error>> {
    let nodes = u32::try_from(SHARES.len())?;
    let store = RedisStore::builder(url).fleet(FleetOptions::new().nodes(nodes)).connect().await?;
    let pool = ledger.folder.display().to_string();
    Office::new(Limiter::builder().store(store.clone()).build(), Arc::new(store), &pool, ledger)
}

/// A ledger in a folder: a file with what stands in it, and one for each worker who is there.
#[derive(Clone)]
struct Files {
    folder: PathBuf,
}

impl Files {
    fn new(folder: PathBuf) -> Self {
        Files { folder }
    }

    fn page(&self) -> PathBuf {
        self.folder.join("page")
    }

    fn seat(&self, worker: usize) -> PathBuf {
        self.folder.join(format!("worker-{worker}"))
    }
}

impl Ledger for Files {
    fn enter(&self, worker: usize) -> io::Result<u32> {
        fs::write(self.seat(worker), "")?;
        let there = (0..SHARES.len()).filter(|other| self.seat(*other).exists()).count();
        u32::try_from(there).map_err(io::Error::other)
    }

    fn read(&self) -> io::Result<Page> {
        let text = fs::read_to_string(self.page())?;
        let mut numbers = text.split(' ').map(|number| number.parse().map_err(io::Error::other));
        let mut next = || numbers.next().unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()));
        Ok(Page { words: next()?, most: next()? })
    }

    fn write(&self, page: Page) -> io::Result<()> {
        fs::write(self.page(), format!("{} {}", page.words, page.most))
    }

    fn leave(&self, worker: usize) -> io::Result<()> {
        fs::remove_file(self.seat(worker))
    }
}
