//! Draws what each algorithm makes of the same requests, under the same quota.
//!
//! ```text
//! $ cargo run -p examples --bin algorithms                   # writes docs/algorithms.svg
//! $ cargo run -p examples --bin algorithms -- elsewhere.svg
//! ```

mod picture;
mod traffic;

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let place = std::env::args_os().nth(1).map_or_else(default_place, PathBuf::from);
    let runs = traffic::run_all()?;
    println!("{} requests under a limit of 10 in 10 seconds", traffic::arrivals().len());
    for run in &runs {
        let (admitted, sent) = (run.admitted(), run.requests.len());
        println!("  {:<10}  {admitted} of {sent} admitted, {} {}", run.algorithm.name(), run.most(), run.of_what());
    }
    std::fs::write(&place, picture::draw(&runs)?)?;
    println!("drawn in {}", place.display());
    Ok(())
}

fn default_place() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "docs", "algorithms.svg"].iter().collect()
}
