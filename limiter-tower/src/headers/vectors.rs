//! The behaviour vectors of `tests/vectors/headers.json`, driven through the serialisers from
//! plain numbers. Vectors about configuration are driven through the rules and choices that an
//! application builds.

use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Request, Response};
use limiter_core::quota::QuotaError;
use limiter_core::{Decision, Policy, PolicyError, Quota, Rule};
use serde_json::Value;

use super::view::{Numbers, PolicyView, Row, View, Wait};
use super::{DeniedItems, Family, Legacy, Prefix, Reason, Unit, Wire, expose, write};
use crate::response::{Asked, Body, Detail, respond};

#[test]
fn the_vectors_hold() {
    let file: Value = serde_json::from_str(include_str!("../../tests/vectors/headers.json")).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    let (mut driven, mut previews) = (0, 0);
    for vector in vectors {
        if vector["status"] == "informative" {
            previews += 1;
            continue;
        }
        let (expected, found) = if vector["expect"]["error"].is_string() {
            (vector["expect"]["error"].clone(), config_error(vector).into())
        } else {
            (expectation(vector), outcome(vector))
        };
        assert_eq!(found, expected, "{}", vector["id"]);
        driven += 1;
    }
    assert_eq!((driven, previews), (38, 1));
}

/// Status, sorted lines and body, in one value that compares and prints well.
fn summary(status: u16, mut lines: Vec<(String, String)>, body: &str) -> Value {
    lines.sort();
    serde_json::json!({ "status": status, "headers": lines, "body": body })
}

fn expectation(vector: &Value) -> Value {
    let expect = &vector["expect"];
    let lines = pairs(&expect["headers"]).map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    summary(expect["status"].as_u64().unwrap() as u16, lines, expect["body"].as_str().unwrap())
}

fn outcome(vector: &Value) -> Value {
    let wire = wire(&vector["options"]).unwrap();
    let view = view(vector);
    let parts = request(&vector["request"]);
    let unix = Duration::from_millis(vector["now_unix_ms"].as_u64().unwrap_or(0));
    let jitter = Duration::from_millis(vector["decision"]["jitter_ms"].as_u64().unwrap_or(0));
    if view.refused.is_some() {
        let decision = Decision::default();
        let asked = Asked { decision: &decision, parts: &parts, body: &Body::Problem };
        let response = respond(&wire, &view, asked, unix, jitter);
        let body = without_error_member(response.body());
        return summary(response.status().as_u16(), lines(response.headers()), &body);
    }
    let mut response = inner(&vector["response"]);
    let own: Vec<(String, String)> = lines(response.headers());
    let status = response.status();
    if vector["decision"]["skipped"] != true {
        write(&wire, &view, unix, status, false, response.headers_mut());
        if wire.exposes_to(&parts.headers) {
            expose(&wire, response.headers_mut());
        }
    }
    let mut lines = lines(response.headers());
    if vector["group"] != "stacked-limiters" {
        lines.retain(|line| !own.contains(line));
    }
    summary(status.as_u16(), lines, "handler")
}

fn wire(options: &Value) -> Result<Wire, super::WireError> {
    let mut wire = Wire::new().legacy(Legacy::Off);
    wire = wire.family(match options["family"].as_str() {
        None | Some("ietf-11") => Family::Draft11,
        Some("none") => Family::Off,
        Some(other) => other.parse()?,
    });
    if let Some(legacy) = options["legacy"].as_object() {
        wire = wire.legacy(legacy.get("reset").map_or(Ok(Legacy::Epoch), |form| form.as_str().unwrap().parse())?);
        if let Some(prefix) = legacy.get("prefix") {
            wire = wire.legacy_prefix(Prefix::new(prefix.as_str().unwrap())?);
        }
    }
    if options["emit"] == false {
        wire = wire.private();
    }
    if options["denied_items"] == "all" {
        wire = wire.denied_items(DeniedItems::All);
    }
    if let Some(detail) = options["detail"].as_str() {
        wire = wire.detail(Detail::Text(detail.to_owned().into()));
    }
    if options["cors_expose"] == true {
        wire = wire.expose_headers();
    }
    if options["grpc_details"] == true {
        wire = wire.grpc_retry_info();
    }
    Ok(wire)
}

fn view(vector: &Value) -> View<'_> {
    let decision = &vector["decision"];
    let policies = vector["policies"].as_array().unwrap();
    let items = decision["items"].as_array().unwrap();
    let refused = (decision["allowed"] == false).then(|| match decision["reason"].as_str().unwrap() {
        "abnormal" => Reason::AbnormalUsage,
        "quota" => Reason::QuotaExceeded,
        "reduced" => Reason::ReducedCapacity,
        other => panic!("unknown reason {other}"),
    });
    View { rows: policies.iter().zip(items).map(|(policy, item)| row(policy, item)).collect(), refused }
}

fn row<'a>(policy: &'a Value, item: &Value) -> Row<'a> {
    let window = millis(&policy["window_ms"]);
    Row {
        policy: PolicyView {
            name: policy["name"].as_str().unwrap(),
            quota: policy["limit"].as_u64().unwrap(),
            window,
            unit: policy["unit"].as_str(),
            partition: policy["pk_hex"].as_str().map(|hex| {
                (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
            }),
            written: None,
        },
        numbers: item.is_object().then(|| Numbers {
            remaining: item["remaining"].as_u64().unwrap(),
            pace: millis(&item["t_ms"]),
            reset: millis(&item["reset_ms"]),
        }),
        wait: (item["violated"] == true).then(|| match millis(&item["retry_ms"]) {
            Some(wait) => Wait::After(wait),
            None if window.is_some() => Wait::Never,
            None => Wait::Unknown,
        }),
    }
}

fn millis(value: &Value) -> Option<Duration> {
    value.as_u64().map(Duration::from_millis)
}

fn request(request: &Value) -> Parts {
    let mut builder = Request::builder().method(request["method"].as_str().unwrap_or("GET"));
    for (member, name) in [("origin", "origin"), ("content_type", "content-type"), ("upgrade", "upgrade")] {
        if let Some(value) = request[member].as_str() {
            builder = builder.header(name, value);
        }
    }
    builder.body(()).unwrap().into_parts().0
}

fn inner(response: &Value) -> Response<Bytes> {
    let mut inner = Response::new(Bytes::new());
    if let Some(status) = response["status"].as_u64() {
        *inner.status_mut() = u16::try_from(status).unwrap().try_into().unwrap();
    }
    for (name, value) in pairs(&response["headers"]) {
        inner.headers_mut().append(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
    }
    inner
}

fn pairs(list: &Value) -> impl Iterator<Item = (String, String)> + '_ {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    list.as_array().into_iter().flatten().map(move |pair| (text(&pair[0]), text(&pair[1])))
}

fn lines(headers: &HeaderMap) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
}

/// The vectors were written before the member `error`; ours stands right after `status`.
fn without_error_member(body: &[u8]) -> String {
    let body = String::from_utf8(body.to_vec()).unwrap();
    if body.is_empty() {
        return body;
    }
    let word = if body.contains("\"status\":503") { "over_capacity" } else { "rate_limit_exceeded" };
    let member = format!(",\"error\":\"{word}\"");
    assert_eq!(body.matches(&member).count(), 1, "{body}");
    body.replace(&member, "")
}

/// What an application that configures this would be told.
fn config_error(vector: &Value) -> &'static str {
    let mut rules = Vec::new();
    for policy in vector["policies"].as_array().unwrap() {
        let Some(limit) = policy["limit"].as_u64() else { return "config:limit_range" };
        let mut rule = Rule::concurrent(1);
        if !policy["window_ms"].is_null() {
            let Some(window) = millis(&policy["window_ms"]) else { return "config:window" };
            match Quota::new(limit, window) {
                Ok(quota) => rule = Rule::new(quota),
                Err(QuotaError::CountTooLarge { .. }) => return "config:limit_range",
                Err(_) => return "config:window",
            }
        }
        rules.push(rule.named(policy["name"].as_str().unwrap()));
        if let Some(unit) = policy["unit"].as_str()
            && Unit::new(unit).is_err()
        {
            return "config:unit";
        }
    }
    match Policy::new("vector", rules) {
        Err(PolicyError::Name { .. }) => "config:policy_name",
        Err(PolicyError::DuplicateName { .. }) => "config:duplicate_policy",
        Err(error) => panic!("{error}"),
        Ok(_) if wire(&vector["options"]).is_err() => "config:family",
        Ok(_) => "accepted",
    }
}
