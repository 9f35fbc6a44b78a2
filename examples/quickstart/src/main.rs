//! A small sessions API with one line of rate limiting over it.
//!
//! `cargo run --bin quickstart` serves it on 127.0.0.1. Environment: `PORT` (default 3000, 0 picks
//! one), `API_RATE_LIMIT_READ`, `API_RATE_LIMIT_WRITE`, `API_RATE_LIMIT_WINDOW_SEC`,
//! `TRUSTED_PROXIES` (comma-separated CIDRs), `LIMITER_ENFORCE` (`on`, `shadow` or a percentage of clients).
//!
//! With `--features postgres`: who was limited goes to the database that `DATABASE_URL` names, every
//! `VIOLATIONS_INTERVAL_SEC` (default 60). With `--features metrics`: numbers for Prometheus at `/metrics`.
//! With `--features redis`: `REDIS_URL` is where several processes keep their budgets together, and
//! `FLEET_SIZE` is how many they are; they count each other unless it is set.

mod api;
mod numbers;
mod recording;
mod settings;

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use axum::Router;
use limiter_tower::LimiterLayer;
use tokio::net::TcpListener;

use crate::numbers::Numbers;
use crate::recording::Recording;
use crate::settings::Settings;

#[tokio::main]
async fn main() -> ExitCode {
    let served = match Settings::from_env() {
        Ok(settings) => serve(settings).await,
        Err(error) => Err(error.to_string().into()),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(settings: Settings) -> Result<(), Box<dyn Error>> {
    let (mut builder, numbers) = (settings.limiter, Numbers::start()?);
    builder = numbers.observe(builder);
    let mut recording = None;
    if let Some(database) = &settings.database {
        let started = Recording::start(database, settings.flush_every).await?;
        builder = started.observe(builder);
        recording = Some(started);
    }
    #[cfg(feature = "redis")]
    if let Some(shared) = settings.shared {
        use limiter_tower::store::front::FleetOptions;
        let fleet = shared.processes.map_or_else(FleetOptions::new, |size| FleetOptions::new().nodes(size));
        builder = builder.store(limiter_tower::RedisStore::builder(shared.url).fleet(fleet).connect().await?);
    }
    let limiter = builder.build();
    let app = api::app().layer(LimiterLayer::new(limiter.clone())).merge(numbers.route(&limiter, recording.as_ref()));
    let served = listen(app, settings.port).await;
    if let Some(recording) = recording {
        recording.end().await;
    }
    Ok(served?)
}

async fn listen(app: Router, port: u16) -> std::io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let at = listener.local_addr()?;
    println!("quickstart: listening on http://{at}");
    println!("try:");
    println!("  curl -i http://{at}/api/v1/sessions");
    println!(
        "  for i in $(seq 11); do curl -s -o /dev/null -w '%{{http_code}} ' -X POST http://{at}/api/v1/sessions; done; echo"
    );
    println!("  curl -i -X POST http://{at}/api/v1/sessions");
    // The address of the peer is what clients are told apart by.
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(async {
            if let Err(error) = tokio::signal::ctrl_c().await {
                eprintln!("quickstart: cannot wait for ctrl-c: {error}");
                std::future::pending::<()>().await;
            }
        })
        .await?;
    Ok(())
}
