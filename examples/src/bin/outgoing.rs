//! Calls of somebody else's API, which allows so many a second and so many at once: each waits for its
//! turn, and one that would wait for too long is told when to try again.
//!
//! ```text
//! $ cargo run -p examples --bin outgoing
//! ```
//!
//! It shows `#[throttle]` on the function that calls, with an error type of the program's own.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use limiter_tower::{RateLimitExceeded, throttle};
use tokio::net::TcpListener;

/// What can go wrong when a place is looked up.
#[derive(Debug)]
enum LookUpError {
    Busy(RateLimitExceeded),
    Http(reqwest::Error),
}

impl From<RateLimitExceeded> for LookUpError {
    fn from(refused: RateLimitExceeded) -> Self {
        LookUpError::Busy(refused)
    }
}

impl From<reqwest::Error> for LookUpError {
    fn from(error: reqwest::Error) -> Self {
        LookUpError::Http(error)
    }
}

impl fmt::Display for LookUpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LookUpError::Busy(refused) => write!(f, "not now: {:?}", refused.reason()),
            LookUpError::Http(error) => write!(f, "no answer: {error}"),
        }
    }
}

impl Error for LookUpError {}

/// The API allows 20 calls a second and two at once. Eight may wait for their turn.
#[throttle("20/s burst 1", concurrent = 2, max_wait = "2s", queue = 8, name = "places")]
async fn look_up(client: &reqwest::Client, api: &str, place: &str) -> Result<String, LookUpError> {
    Ok(client.get(format!("{api}/{place}")).send().await?.text().await?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (api, most_at_once) = start_api().await?;
    let client = reqwest::Client::new();
    let calls: Vec<_> = (0..12)
        .map(|number| {
            let (client, api) = (client.clone(), api.clone());
            tokio::spawn(async move { look_up(&client, &api, &format!("place-{number}")).await })
        })
        .collect();
    let mut refused = 0;
    println!("twelve calls at once");
    for call in calls {
        match call.await? {
            Ok(found) => println!("  {found}"),
            Err(LookUpError::Busy(_)) => refused += 1,
            Err(error) => return Err(error.into()),
        }
    }
    println!("  {refused} found the queue full");
    println!("the API saw at most {} at once", most_at_once.load(Ordering::SeqCst));
    Ok(())
}

/// Somebody else's API, on this machine: where it is, and how many calls it ever saw at once.
async fn start_api() -> Result<(String, Arc<AtomicUsize>), Box<dyn Error>> {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let find = async move |Path(place): Path<String>| {
        seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(80)).await;
        now.fetch_sub(1, Ordering::SeqCst);
        format!("{place} is found")
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let api = Router::new().route("/{place}", get(find));
    tokio::spawn(async move { axum::serve(listener, api).await });
    Ok((format!("http://{address}"), most))
}
