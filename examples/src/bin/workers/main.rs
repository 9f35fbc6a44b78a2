//! A pool of workers behind a mutex and a barrier that hold between processes.
//!
//! Four workers count the words of their share of a book side by side, wait for each other, enter what
//! they found into one ledger, one at a time, and wait again before the sum is read. The mutex is a
//! concurrent limit of 1 and the barrier is known by its name. With a store that processes share, each
//! worker is a process of its own:
//!
//! ```text
//! $ REDIS_URL=redis://localhost cargo run -p examples --bin workers
//! ```
//!
//! Without one they are tasks of this process, and nothing else changes:
//!
//! ```text
//! $ cargo run -p examples --bin workers
//! ```
//!
//! | file | role |
//! |---|---|
//! | `office.rs` | what a worker does, wherever it runs |
//! | `tasks.rs` | workers that are tasks, on time that leaps |
//! | `processes.rs` | workers that are processes: this program starts itself once for each |

mod office;
mod processes;
mod tasks;

use std::env;
use std::error::Error;

use tokio::runtime::Builder;

/// Words in the share of each worker. Counting takes a millisecond a word.
const SHARES: [u32; 4] = [40, 10, 30, 20];

fn main() -> Result<(), Box<dyn Error>> {
    let mut runtime = Builder::new_current_thread();
    runtime.enable_all();
    match (env::var("REDIS_URL"), processes::Duty::of_this_process()?) {
        (Ok(url), Some(duty)) => runtime.build()?.block_on(processes::work(&url, &duty)),
        (Ok(url), None) => runtime.build()?.block_on(processes::start(&url)),
        (Err(_), _) => {
            println!("REDIS_URL is not set: the workers are tasks of one process, and its memory is their store.\n");
            // Paused time leaps to the next timer, so that the program is done at once.
            runtime.start_paused(true).build()?.block_on(tasks::run())
        }
    }
}
