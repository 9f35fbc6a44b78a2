//! `X-Forwarded-For`: the walk agrees with one that first makes a list, and no stranger's bytes reach
//! past the entry that a proxy wrote.
#![no_main]

use std::net::IpAddr;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use limiter_core::key::client_ip::{ClientIp, Peer, Via, parse_address};

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
const STRANGER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7));
const MAX_ENTRIES: usize = 4;

static WALKING: LazyLock<ClientIp> = LazyLock::new(|| {
    ClientIp::behind_nginx(["10.0.0.0/8", "fd00::/8"])
        .max_entries(MAX_ENTRIES)
        .build()
        .expect("is valid")
});
static COUNTING: LazyLock<ClientIp> =
    LazyLock::new(|| ClientIp::hops(2).build().expect("is valid"));

fuzz_target!(|text: &[u8]| {
    let lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();

    let direct = WALKING
        .resolve_lines(Peer::Ip(STRANGER), lines.clone())
        .expect("has a peer");
    assert_eq!((direct.ip(), direct.via()), (STRANGER, Via::Peer));

    let entries = entries(&lines);
    let walked = WALKING
        .resolve_lines(Peer::Ip(PEER), lines.clone())
        .expect("has a peer");
    assert_eq!((walked.ip(), walked.via()), walk(&entries));
    let counted = COUNTING
        .resolve_lines(Peer::Ip(PEER), lines.clone())
        .expect("has a peer");
    assert_eq!((counted.ip(), counted.via()), count(&entries, 2));

    // What our proxies append, on the same line or on one of its own.
    let appended = [text, b" , 203.0.113.7"].concat();
    let mut same_line: Vec<&[u8]> = appended.split(|&byte| byte == b'\n').collect();
    let mut own_line = lines;
    own_line.push(b"203.0.113.7:80");
    for lines in [&mut same_line, &mut own_line] {
        for _ in 0..MAX_ENTRIES {
            let found = WALKING
                .resolve_lines(Peer::Ip(PEER), lines.iter().copied())
                .expect("has a peer");
            assert_eq!((found.ip(), found.via()), (STRANGER, Via::Header));
            lines.push(b"10.0.0.2");
        }
    }
});

/// All entries, from the left.
fn entries<'a>(lines: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
    lines
        .iter()
        .flat_map(|line| line.split(|&byte| byte == b','))
        .filter_map(|entry| {
            let first = entry.iter().position(|byte| !blank(byte))?;
            let last = entry.iter().rposition(|byte| !blank(byte))?;
            Some(&entry[first..=last])
        })
        .collect()
}

fn is_trusted(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.octets()[0] == 10,
        IpAddr::V6(v6) => v6.octets()[0] == 0xfd,
    }
}

fn walk(entries: &[&[u8]]) -> (IpAddr, Via) {
    let hops: Vec<Option<IpAddr>> = entries.iter().map(|entry| parse_address(entry)).collect();
    let trusted: Vec<IpAddr> = hops
        .iter()
        .rev()
        .map_while(|hop| hop.filter(|ip| is_trusted(*ip)))
        .take(MAX_ENTRIES)
        .collect();
    let last = trusted.last().copied().unwrap_or(PEER);
    match hops.len().checked_sub(trusted.len() + 1) {
        None if hops.is_empty() => (PEER, Via::Peer),
        None => (last, Via::AllTrusted),
        Some(_) if trusted.len() == MAX_ENTRIES => (last, Via::Limit),
        Some(at) => hops[at].map_or((last, Via::Malformed), |ip| (ip, Via::Header)),
    }
}

fn count(entries: &[&[u8]], hops: usize) -> (IpAddr, Via) {
    match entries.len().checked_sub(hops) {
        None if entries.is_empty() => (PEER, Via::Peer),
        None => (PEER, Via::ShortChain),
        Some(at) => {
            parse_address(entries[at]).map_or((PEER, Via::Malformed), |ip| (ip, Via::Header))
        }
    }
}
