//! Refusals of gRPC calls.

use limiter_core::Rule;

use super::{call, field, full, limiter, policy, rule, spent};
use crate::headers::Wire;
use crate::response::denied;

#[test]
fn grpc_calls_get_a_status_of_their_own() {
    let (limiter, _) = limiter();
    let decision = spent(&limiter, &policy([rule("2/3s")]), 1);
    for content_type in ["application/grpc", "application/grpc+proto", "application/grpc-web-text", "Application/gRPC"]
    {
        let response = denied(&Wire::new(), &decision, &call(content_type), &limiter);
        assert_eq!(response.status(), 200);
        assert!(response.body().is_empty());
        for (name, value) in [
            ("content-type", Some(content_type)),
            ("grpc-status", Some("8")),
            ("grpc-message", Some("Quota Exceeded")),
            ("grpc-retry-pushback-ms", Some("1500")),
            ("grpc-status-details-bin", None),
            ("ratelimit", Some("\"api\";r=0;t=2")),
            ("retry-after", None),
            ("cache-control", None),
        ] {
            assert_eq!(field(&response, name), value, "{name}");
        }
    }
    let response = denied(&Wire::new(), &decision, &call("application/json"), &limiter);
    assert_eq!(response.status(), 429);
}

#[test]
fn grpc_calls_to_a_service_that_is_short_are_unavailable() {
    let (limiter, _) = limiter();
    let decision = full(&limiter, Rule::concurrent(1));
    let response = denied(&Wire::new().grpc_retry_info(), &decision, &call("application/grpc"), &limiter);
    assert_eq!(field(&response, "grpc-status"), Some("14"));
    assert_eq!(field(&response, "grpc-retry-pushback-ms"), None, "the client backs off as it likes");
    assert_eq!(field(&response, "grpc-status-details-bin"), None);
}
