//! Who was limited, as rows in the database that `DATABASE_URL` names. Needs the feature `postgres`.

#[cfg(not(feature = "postgres"))]
pub use nowhere::Recording;
#[cfg(feature = "postgres")]
pub use postgres::Recording;

#[cfg(not(feature = "postgres"))]
mod nowhere {
    use std::time::Duration;

    use limiter_tower::limiter::LimiterBuilder;

    /// Without the feature there is nothing to record to.
    pub struct Recording;

    impl Recording {
        pub async fn start(_database: &str, _interval: Duration) -> Result<Self, String> {
            Err("DATABASE_URL is set, but this program was built without it; run it with `--features postgres`".into())
        }

        pub fn observe(&self, builder: LimiterBuilder) -> LimiterBuilder {
            builder
        }

        #[cfg(feature = "metrics")]
        pub fn sampler(&self) -> impl Fn() + Clone + Send + Sync + 'static {
            || {}
        }

        pub async fn end(self) {}
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use std::time::Duration;

    use limiter_tower::event::violation::{PostgresSink, ViolationTracker};
    use limiter_tower::limiter::LimiterBuilder;

    pub struct Recording(ViolationTracker);

    impl Recording {
        pub async fn start(database: &str, interval: Duration) -> Result<Self, String> {
            let sink = PostgresSink::new(database).map_err(|error| format!("DATABASE_URL: {error}"))?;
            sink.migrate().await.map_err(|error| format!("DATABASE_URL: {error}"))?;
            let instance = format!("quickstart-{}", std::process::id());
            let tracker = ViolationTracker::builder(&instance).interval(interval).start(sink);
            tracker.map(Recording).map_err(|error| error.to_string())
        }

        pub fn observe(&self, builder: LimiterBuilder) -> LimiterBuilder {
            builder.observer(self.0.clone())
        }

        /// What passes its numbers on when they are read.
        #[cfg(feature = "metrics")]
        pub fn sampler(&self) -> impl Fn() + Clone + Send + Sync + 'static {
            let tracker = self.0.clone();
            move || limiter_tower::event::metrics::sample_tracker(&tracker)
        }

        /// Writes what is left.
        pub async fn end(self) {
            let report = self.0.shutdown().await;
            println!("quickstart: {} violations written at the end, {} lost", report.written, report.lost);
        }
    }
}
