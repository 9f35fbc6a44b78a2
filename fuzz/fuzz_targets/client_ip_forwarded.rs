//! `Forwarded`: no open quote, backslash or separator of a stranger reaches the entry on its right, and
//! headers that are well formed read the same from the left.
#![no_main]

use std::net::IpAddr;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use limiter_core::key::client_ip::{ClientIp, Peer, Via};

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
const STRANGER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7));

static WALKING: LazyLock<ClientIp> = LazyLock::new(|| policy(None));
static COUNTING: LazyLock<ClientIp> = LazyLock::new(|| policy(Some(1)));

fn policy(hops: Option<u32>) -> ClientIp {
    let builder = ClientIp::builder().header("forwarded");
    match hops {
        Some(hops) => builder.hops(hops),
        None => builder.trusted(["10.0.0.0/8", "fd00::/8"]),
    }
    .build()
    .expect("is valid")
}

fn resolve(policy: &ClientIp, peer: IpAddr, lines: &[&[u8]]) -> (IpAddr, Via) {
    let found = policy
        .resolve_lines(Peer::Ip(peer), lines.iter().copied())
        .expect("has a peer");
    assert_eq!(found.ip(), found.ip().to_canonical());
    assert!(!found.ip().is_unspecified());
    (found.ip(), found.via())
}

fuzz_target!(|text: &[u8]| {
    let lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
    assert_eq!(resolve(&WALKING, STRANGER, &lines), (STRANGER, Via::Peer));

    let (ip, via) = resolve(&WALKING, PEER, &lines);
    assert!(
        via == Via::Header || is_trusted(ip),
        "{ip} was believed as {via}"
    );
    if let Some(entry) = rightmost_from_the_left(lines[lines.len() - 1]) {
        assert_eq!(
            resolve(&COUNTING, PEER, &lines),
            resolve(&COUNTING, PEER, &[entry])
        );
    }

    for entry in [
        &b"for=203.0.113.7"[..],
        b"for=\"203.0.113.7:_x\";host=\"a,\\\"b;for=1.2.3.4\"",
        b"proto=%;FOR=\"[::ffff:203.0.113.7%eth0]:80\"",
    ] {
        let appended = [text, b",", entry].concat();
        let mut same_line: Vec<&[u8]> = appended.split(|&byte| byte == b'\n').collect();
        let mut own_line = lines.clone();
        own_line.push(entry);
        for lines in [&mut same_line, &mut own_line] {
            assert_eq!(resolve(&COUNTING, PEER, lines), (STRANGER, Via::Header));
            assert_eq!(resolve(&WALKING, PEER, lines), (STRANGER, Via::Header));
            lines.push(b"for=\"[fd00::2]\";by=_x, for=10.0.0.2");
            assert_eq!(resolve(&WALKING, PEER, lines), (STRANGER, Via::Header));
        }
    }
});

fn is_trusted(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.octets()[0] == 10,
        IpAddr::V6(v6) => v6.octets()[0] == 0xfd,
    }
}

/// The last non-empty entry of a line whose quotes pair up and whose backslashes are all inside them;
/// only then do both directions have to agree.
fn rightmost_from_the_left(line: &[u8]) -> Option<&[u8]> {
    let mut rightmost: Option<&[u8]> = None;
    let (mut quoted, mut escaped, mut start) = (false, false, 0);
    for (at, &byte) in line.iter().chain(b",").enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted && at < line.len() => escaped = true,
            b'\\' => return None,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                let entry = &line[start..at];
                if entry.iter().any(|byte| !b" \t".contains(byte)) {
                    rightmost = Some(entry);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    if quoted || escaped { None } else { rightmost }
}
