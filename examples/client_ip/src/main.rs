//! Answers who the client is, for requests given as JSON lines.
//!
//! Each line of standard input is an object with `peer` (an address, `"unix"` or null), `headers` (pairs
//! of name and value, one character a byte) and `config` (`header`, `trusted`, `hops`, `trust_unix`,
//! `max_entries`, `ipv6_prefix`). Each gets one line: `{"ip","key","via"}` or `{"error"}`.
//!
//! ```text
//! $ echo '{"peer":"10.0.0.1","headers":[["X-Forwarded-For","203.0.113.7"]],
//!   "config":{"header":"x-forwarded-for","trusted":["10.0.0.1"]}}' | tr -d '\n' | cargo run --bin client_ip
//! {"ip":"203.0.113.7","key":"203.0.113.7","via":"header"}
//! ```

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::net::IpAddr;

use limiter_core::key::client_ip::{ClientIp, ClientIpError, Peer};
use serde::Deserialize;
use serde_json::{Number, Value, json};

#[derive(Deserialize)]
struct Question {
    peer: Option<String>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    config: Config,
}

#[derive(Default, Deserialize)]
struct Config {
    header: Option<String>,
    #[serde(default)]
    trusted: Vec<String>,
    hops: Option<Number>,
    trust_unix: Option<bool>,
    max_entries: Option<usize>,
    ipv6_prefix: Option<Number>,
}

fn main() -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut output = io::stdout().lock();
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        let answer = answer(&line).unwrap_or_else(|error| json!({ "error": format!("input: {error}") }));
        writeln!(output, "{answer}")?;
        output.flush()?;
        line.clear();
    }
    Ok(())
}

/// An error here means that the question could not be read; what the library answers is never one.
fn answer(line: &[u8]) -> Result<Value, Box<dyn Error>> {
    let question: Question = serde_json::from_slice(line)?;
    let peer = read_peer(question.peer.as_deref())?;
    let headers: Vec<(Vec<u8>, Vec<u8>)> = question
        .headers
        .iter()
        .map(|(name, value)| Ok((read_bytes(name)?, read_bytes(value)?)))
        .collect::<Result<_, Box<dyn Error>>>()?;
    let policy = match build_policy(&question.config) {
        Ok(policy) => policy,
        Err(error) => return Ok(json!({ "error": error.code() })),
    };

    // Lines go in as bytes rather than through an `http::HeaderMap`, which cannot hold every byte.
    let name = policy.header().map_or("", |name| name.as_str());
    let lines: Vec<&[u8]> = headers
        .iter()
        .filter(|(other, _)| other.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, value)| value.as_slice())
        .collect();
    Ok(match policy.resolve_lines(peer, lines) {
        Ok(client) => json!({
            "ip": client.ip().to_string(),
            "key": client.key().to_string(),
            "via": client.via().as_str(),
        }),
        Err(error) => json!({ "error": error.code() }),
    })
}

fn build_policy(config: &Config) -> Result<ClientIp, ClientIpError> {
    let mut builder = ClientIp::builder().trusted(&config.trusted);
    if let Some(header) = &config.header {
        builder = builder.header(header);
    }
    // Numbers that do not fit become 0, which the builder refuses in both places.
    if let Some(hops) = &config.hops {
        builder = builder.hops(hops.as_u64().and_then(|hops| hops.try_into().ok()).unwrap_or(0));
    }
    if let Some(bits) = &config.ipv6_prefix {
        builder = builder.ipv6_prefix(bits.as_u64().and_then(|bits| bits.try_into().ok()).unwrap_or(0));
    }
    if let Some(trust) = config.trust_unix {
        builder = builder.trust_unix(trust);
    }
    if let Some(entries) = config.max_entries {
        builder = builder.max_entries(entries);
    }
    builder.build()
}

fn read_peer(text: Option<&str>) -> Result<Peer, Box<dyn Error>> {
    let Some(text) = text else {
        return Ok(Peer::Unknown);
    };
    if text == "unix" {
        return Ok(Peer::Unix);
    }
    // A scope id belongs to IPv6 alone.
    let address = match text.split_once('%') {
        Some((address, _)) if address.contains(':') => address,
        _ => text,
    };
    let ip: IpAddr = address.parse().map_err(|_| format!("peer {text:?} is not an address, `unix` or null"))?;
    Ok(Peer::Ip(ip))
}

/// One character is one byte.
fn read_bytes(text: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    text.chars()
        .map(|c| {
            u8::try_from(u32::from(c)).map_err(|_| format!("header text {text:?} holds {c:?}, which is no byte").into())
        })
        .collect()
}
