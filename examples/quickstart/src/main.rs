//! A small sessions API with one line of rate limiting over it.
//!
//! `cargo run --bin quickstart` serves it on 127.0.0.1. Environment: `PORT` (default 3000, 0 picks
//! one), `API_RATE_LIMIT_READ`, `API_RATE_LIMIT_WRITE`, `API_RATE_LIMIT_WINDOW_SEC`,
//! `TRUSTED_PROXIES` (comma-separated CIDRs). With the feature `redis` also `REDIS_URL`, where several
//! processes keep their budgets together, and `FLEET_SIZE`, how many they are.

mod api;
mod settings;

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use limiter_tower::LimiterLayer;
use tokio::net::TcpListener;

use crate::settings::Settings;

#[tokio::main]
async fn main() -> ExitCode {
    let served = match Settings::from_env() {
        Ok(settings) => serve(settings).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
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
    #[cfg_attr(not(feature = "redis"), expect(unused_mut, reason = "another store is what the feature adds"))]
    let mut limiter = settings.limiter;
    #[cfg(feature = "redis")]
    if let Some(shared) = settings.shared {
        use limiter_tower::store::front::FleetOptions;
        let fleet = FleetOptions::new().nodes(shared.processes);
        limiter = limiter.store(limiter_tower::RedisStore::builder(shared.url).fleet(fleet).connect().await?);
    }
    let limiter = limiter.build();
    let app = api::app().layer(LimiterLayer::new(limiter));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port)).await?;
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
