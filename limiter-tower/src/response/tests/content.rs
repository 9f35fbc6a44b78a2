//! What a refusal says.

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use limiter_core::Algorithm;

use super::{field, get, limiter, policy, rule, spent, text};
use crate::headers::{Family, Legacy, Wire};
use crate::response::{Body, Choices, Content, Detail, denied};

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

#[test]
fn of_several_bodies_a_request_gets_the_one_it_wants_most() {
    let (limiter, _) = limiter();
    let decision = spent(&limiter, &policy([rule("5/s")]), 1);
    let wire = Wire::new().negotiate(Choices::new().html(|denial| format!("<p>{}", denial.error())));
    let asked = |method: &str, accept: Option<&str>| {
        let request = Request::builder().method(method).uri("/");
        let request = accept.into_iter().fold(request, |request, accept| request.header("accept", accept));
        denied(&wire, &decision, &request.body(()).unwrap().into_parts().0, &limiter)
    };
    let (problem, json, plain, html) =
        ("application/problem+json", "application/json", "text/plain; charset=utf-8", "text/html; charset=utf-8");
    for (accept, content_type) in [
        (None, problem),
        (Some(""), problem),
        (Some("*/*"), problem),
        (Some("application/*"), problem),
        (Some("application/json"), json),
        (Some("application/json;q=0.5, application/problem+json;q=0.4"), json),
        (Some("application/json;q=0.4, application/problem+json;q=0.4"), problem),
        (Some("text/*"), plain),
        (Some("text/*, text/plain;q=0"), html),
        (Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), html),
        (Some("*/*, application/problem+json;q=0, application/json;q=0"), plain),
        // Nothing that it accepts is there.
        (Some("image/png"), problem),
        (Some("*/*;q=0"), problem),
        (Some("nonsense"), problem),
    ] {
        let response = asked("GET", accept);
        assert_eq!(field(&response, "content-type"), Some(content_type), "{accept:?}");
        assert_eq!(field(&response, "vary"), Some("accept"));
        assert_eq!((response.status().as_u16(), field(&response, "retry-after")), (429, Some("1")));
        assert!(!response.body().is_empty());
        let head = asked("HEAD", accept);
        assert_eq!(head.headers(), response.headers(), "{accept:?}");
        assert!(head.body().is_empty());
    }
    assert_eq!(text(&asked("GET", Some("text/html"))), "<p>rate_limit_exceeded");
    assert_eq!(field(&denied(&Wire::new(), &decision, &get(), &limiter), "vary"), None, "nothing depends on it");
}

#[test]
fn several_lines_of_accept_are_one_list() {
    let (limiter, _) = limiter();
    let decision = spent(&limiter, &policy([rule("5/s")]), 1);
    let wire = Wire::new().negotiate(Choices::new());
    let request = Request::get("/").header("accept", "text/plain;q=0.5").header("accept", "application/json");
    let response = denied(&wire, &decision, &request.body(()).unwrap().into_parts().0, &limiter);
    assert_eq!(field(&response, "content-type"), Some("application/json"));
}

#[test]
fn bodies_of_ones_own_are_added_replaced_and_put_first() {
    let choices = Choices::new()
        .or("Text/Plain", |_| {
            let mut response = Response::<Bytes>::from(Content::text("later"));
            response.headers_mut().insert("vary", "accept-language".parse().unwrap());
            response
        })
        .unwrap()
        .first("text/plain");
    let types: Vec<_> = choices.media_types().map(str::to_owned).collect();
    assert_eq!(types, ["text/plain", "application/problem+json", "application/json"]);
    let (limiter, _) = limiter();
    let decision = spent(&limiter, &policy([rule("5/s")]), 1);
    let response = denied(&Wire::new().negotiate(choices), &decision, &get(), &limiter);
    assert_eq!(text(&response), "later");
    assert_eq!(response.headers().get_all("vary").iter().collect::<Vec<_>>(), ["accept-language", "accept"]);
    for wrong in ["", "text", "text/", "/plain", "text/*", "*/*", "text/plain; charset=utf-8", "text/plain/x"] {
        let error = Choices::new().or(wrong, |_| Content::text("")).unwrap_err().to_string();
        assert_eq!(error, format!("`{wrong}` is not a media type; accepted: a type and a subtype, such as text/html"));
    }
}
