//! The client-address vectors, case by case, through the public API.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use http::{HeaderMap, HeaderName, HeaderValue};
use limiter_core::key::client_ip::{ClientIp, ClientIpError, Peer};
use serde_json::{Value, json};

const VECTORS: &str = include_str!("../../tests/vectors/client_ip.json");

fn vectors() -> Vec<Value> {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn policy(config: &Value) -> Result<ClientIp, ClientIpError> {
    let mut builder = ClientIp::builder();
    for (name, value) in config.as_object().unwrap() {
        builder = match name.as_str() {
            "trusted" => builder.trusted(value.as_array().unwrap().iter().map(|text| text.as_str().unwrap())),
            "header" => builder.header(value.as_str().unwrap()),
            "hops" => builder.hops(u32::try_from(value.as_u64().unwrap()).unwrap()),
            "trust_unix" => builder.trust_unix(value.as_bool().unwrap()),
            "max_entries" => builder.max_entries(usize::try_from(value.as_u64().unwrap()).unwrap()),
            "ipv6_prefix" => builder.ipv6_prefix(u8::try_from(value.as_u64().unwrap()).unwrap()),
            _ => panic!("setting {name} is not known"),
        };
    }
    builder.build()
}

fn peer(value: &Value) -> Peer {
    match value.as_str() {
        None => Peer::Unknown,
        Some("unix") => Peer::Unix,
        Some(text) => Peer::Ip(text.split('%').next().unwrap().parse().unwrap()),
    }
}

/// Each character of a vector's header is one byte.
fn latin1(value: &Value) -> Vec<u8> {
    value.as_str().unwrap().chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

fn headers(value: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in value.as_array().unwrap() {
        headers.append(
            HeaderName::from_bytes(&latin1(&line[0])).unwrap(),
            HeaderValue::from_bytes(&latin1(&line[1])).unwrap(),
        );
    }
    headers
}

fn answer(vector: &Value) -> Value {
    let policy = match policy(&vector["config"]) {
        Ok(policy) => policy,
        Err(error) => return json!({ "error": error.code() }),
    };
    match policy.resolve(peer(&vector["peer"]), &headers(&vector["headers"])) {
        Ok(client) => json!({
            "ip": client.ip().to_string(),
            "key": client.key().to_string(),
            "via": client.via().as_str(),
        }),
        Err(error) => json!({ "error": error.code() }),
    }
}

#[test]
fn every_vector_is_answered_as_it_says() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 113);
    let wrong: Vec<String> = vectors
        .iter()
        .filter(|vector| answer(vector) != vector["expect"])
        .map(|vector| format!("{vector}\n  got {}", answer(vector)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn lines_given_by_hand_are_answered_like_a_header_map() {
    for vector in vectors() {
        let Ok(policy) = policy(&vector["config"]) else {
            continue;
        };
        let (peer, headers) = (peer(&vector["peer"]), headers(&vector["headers"]));
        let lines: Vec<&[u8]> = policy
            .header()
            .map(|name| headers.get_all(name).iter().map(HeaderValue::as_bytes).collect())
            .unwrap_or_default();
        assert_eq!(policy.resolve_lines(peer, lines), policy.resolve(peer, &headers), "{vector}");
    }
}
