//! Numbers for Prometheus at `/metrics`, with the feature `metrics`.

#[cfg(not(feature = "metrics"))]
pub use nothing::Numbers;
#[cfg(feature = "metrics")]
pub use prometheus::Numbers;

#[cfg(not(feature = "metrics"))]
mod nothing {
    use axum::Router;
    use limiter_tower::Limiter;
    use limiter_tower::limiter::LimiterBuilder;

    use crate::recording::Recording;

    /// Without the feature there are none.
    pub struct Numbers;

    impl Numbers {
        pub fn start() -> Result<Self, String> {
            Ok(Numbers)
        }

        pub fn observe(&self, builder: LimiterBuilder) -> LimiterBuilder {
            builder
        }

        pub fn route(self, _limiter: &Limiter, _recording: Option<&Recording>) -> Router {
            Router::new()
        }
    }
}

#[cfg(feature = "metrics")]
mod prometheus {
    use axum::Router;
    use axum::routing::get;
    use limiter_tower::Limiter;
    use limiter_tower::event::metrics::{Metrics, sample};
    use limiter_tower::limiter::LimiterBuilder;
    use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

    use crate::recording::Recording;

    pub struct Numbers(PrometheusHandle);

    impl Numbers {
        /// Installs the recorder, before any rule is met.
        pub fn start() -> Result<Self, String> {
            let ratios = Matcher::Full("limiter_remaining_ratio".to_owned());
            let waits = Matcher::Full("limiter_retry_after_seconds".to_owned());
            let held = Matcher::Full("limiter_wait_seconds".to_owned());
            let recorder = PrometheusBuilder::new()
                .set_buckets_for_metric(ratios, &[0.0, 0.05, 0.1, 0.2, 0.5, 0.8, 1.0])
                .and_then(|builder| builder.set_buckets_for_metric(waits, &[0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 3600.0]))
                .and_then(|builder| builder.set_buckets_for_metric(held, &[0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0]))
                .and_then(PrometheusBuilder::install_recorder);
            recorder.map(Numbers).map_err(|error| error.to_string())
        }

        pub fn observe(&self, builder: LimiterBuilder) -> LimiterBuilder {
            builder.observer(Metrics::new())
        }

        /// A route that no limit is on. In production, serve it where only the scraper can reach it.
        pub fn route(self, limiter: &Limiter, recording: Option<&Recording>) -> Router {
            let (limiter, sample_records) = (limiter.clone(), recording.map(Recording::sampler));
            let page = move || {
                sample(&limiter);
                if let Some(sample_records) = &sample_records {
                    sample_records();
                }
                std::future::ready(self.0.render())
            };
            Router::new().route("/metrics", get(page))
        }
    }
}
