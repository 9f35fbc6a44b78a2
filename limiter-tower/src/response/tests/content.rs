//! What a refusal says.

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use limiter_core::Algorithm;

use super::{field, get, limiter, policy, rule, spent, text};
use crate::headers::{Family, Legacy, Wire};
use crate::response::{Body, Content, Detail, denied};

#[test]
fn a_spent_quota_is_answered_in_full() {
    let (limiter, _) = limiter();
    let decision = spent(&limiter, &policy([rule("100/min").algorithm(Algorithm::Fixed)]), 1);
    let response = denied(&Wire::new(), &decision, &get(), &limiter);
    assert_eq!(response.status(), 429);
    assert_eq!(
        text(&response),
        "{\"type\":\"https://iana.org/assignments/http-problem-types#quota-exceeded\",\"title\":\"Quota Exceeded\",\
         \"status\":429,\"error\":\"rate_limit_exceeded\",\"violated-policies\":[\"api\"]}"
    );
    for (name, value) in [
        ("content-type", "application/problem+json"),
        ("cache-control", "no-store"),
        ("retry-after", "60"),
        ("ratelimit-policy", "\"api\";q=100;w=60"),
        ("ratelimit", "\"api\";r=0;t=60"),
        ("x-ratelimit-limit", "100"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "1735689660"),
    ] {
        assert_eq!(field(&response, name), Some(value), "{name}");
    }
    assert_eq!(response.headers().len(), 8);
}

#[test]
fn a_head_request_gets_the_same_fields_and_no_body() {
    let (limiter, _) = limiter();
    let decision = spent(&limiter, &policy([rule("5/s")]), 1);
    let head = Request::head("/").body(()).unwrap().into_parts().0;
    let to_get = denied(&Wire::new(), &decision, &get(), &limiter);
    let to_head = denied(&Wire::new(), &decision, &head, &limiter);
    assert_eq!(to_head.headers(), to_get.headers());
    assert_eq!(to_head.status(), to_get.status());
    assert!(to_head.body().is_empty() && !to_get.body().is_empty());
}

#[test]
fn private_limits_keep_the_basics_of_a_refusal() {
    let (limiter, _) = limiter();
    let decision = spent(&limiter, &policy([rule("5/s")]), 1);
    let response = denied(&Wire::new().private(), &decision, &get(), &limiter);
    let names: Vec<&str> = response.headers().keys().map(|name| name.as_str()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!(field(&response, "retry-after"), Some("1"));
}

#[test]
fn bodies_can_be_chosen() {
    let (limiter, _) = limiter();
    let decision = spent(&limiter, &policy([rule("2/5s").algorithm(Algorithm::Fixed)]), 1);
    let with = |body: Body, detail: Detail| {
        let response = denied(&Wire::new().body(body).detail(detail), &decision, &get(), &limiter);
        assert_eq!(response.status(), 429);
        assert_eq!(field(&response, "retry-after"), Some("5"));
        (field(&response, "content-type").map(str::to_owned), text(&response).to_owned())
    };
    let said = |content_type: &str, body: &str| (Some(content_type.to_owned()), body.to_owned());
    let plain = "text/plain; charset=utf-8";
    assert_eq!(with(Body::PlainJson, Detail::Wait), said("application/json", "{\"error\":\"rate_limit_exceeded\"}"));
    assert_eq!(with(Body::Text, Detail::Off), said(plain, "Quota Exceeded"));
    assert_eq!(with(Body::Text, Detail::Wait), said(plain, "Quota Exceeded. Try again in 5 seconds."));
    assert_eq!(with(Body::None, Detail::Wait), (None, String::new()));
    let (_, problem) = with(Body::Problem, Detail::Text("Ask \"sales\".".into()));
    assert!(problem.contains("\"rate_limit_exceeded\",\"detail\":\"Ask \\\"sales\\\".\",\"violated-policies\""));
}

#[test]
fn an_answer_of_ones_own_keeps_the_fields() {
    let (limiter, _) = limiter();
    let decision = spent(&limiter, &policy([rule("5/s")]), 1);
    let wire = Wire::new().respond_with(|denial| denial.problem("https://acme.example/problems/slow-down"));
    let response = denied(&wire, &decision, &get(), &limiter);
    assert_eq!(response.status(), 429);
    assert!(text(&response).starts_with("{\"type\":\"https://acme.example/problems/slow-down\",\"title\""));
    assert_eq!(field(&response, "ratelimit"), Some("\"api\";r=0;t=1"));

    let wire = Wire::new().respond_with(|denial| {
        assert_eq!(denial.violated().collect::<Vec<_>>(), ["api"]);
        assert_eq!(denial.decision().usages().len(), 1);
        let mut response = Response::<Bytes>::from(Content::html(format!("<p>{}", denial.request().uri)));
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
        response
    });
    let response = denied(&wire, &decision, &get(), &limiter);
    assert_eq!((response.status().as_u16(), text(&response)), (418, "<p>/"));
    assert_eq!(field(&response, "retry-after"), Some("1"));
    assert_eq!(field(&response, "cache-control"), Some("no-store"));
}

#[test]
fn scripts_of_other_origins_may_read_the_fields_where_that_is_asked_for() {
    let (limiter, _) = limiter();
    let decision = spent(&limiter, &policy([rule("5/s")]), 1);
    let cross = Request::get("/").header("origin", "https://app.example").body(()).unwrap().into_parts().0;
    let exposed = |wire: &Wire, parts: &Parts| {
        field(&denied(wire, &decision, parts, &limiter), "access-control-expose-headers").map(str::to_owned)
    };
    let wire = Wire::new().expose_headers();
    assert_eq!(
        exposed(&wire, &cross).as_deref(),
        Some("RateLimit-Policy, RateLimit, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After")
    );
    assert_eq!(exposed(&wire.clone().family(Family::Off).legacy(Legacy::Off), &cross).as_deref(), Some("Retry-After"));
    assert_eq!(exposed(&wire, &get()), None);
    assert_eq!(exposed(&Wire::new(), &cross), None);
}
