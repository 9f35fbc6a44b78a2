//! Properties of the client-address rules under arbitrary input: what a stranger writes never matters.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use limiter_core::key::client_ip::{ClientIp, IpKey, OnMalformed, Peer, ResolveError, Resolved, Via, parse_address};
use proptest::prelude::*;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const HEADERS: [&str; 4] = ["x-forwarded-for", "forwarded", "x-real-ip", "cloudfront-viewer-address"];

fn policy(header: &str) -> ClientIp {
    ClientIp::builder().header(header).trusted(["10.0.0.0/8", "fd00::/8"]).build().unwrap()
}

fn resolve(policy: &ClientIp, peer: IpAddr, lines: &[Vec<u8>]) -> Result<Resolved, ResolveError> {
    policy.resolve_lines(Peer::Ip(peer), lines.iter().map(Vec::as_slice))
}

/// Usable addresses of strangers: not unspecified, not trusted.
fn stranger() -> impl Strategy<Value = IpAddr> {
    let v4 = any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits)));
    let v6 = any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits)).to_canonical());
    prop_oneof![v4, v6].prop_filter("is a stranger", |ip| {
        let trusted = match ip {
            IpAddr::V4(v4) => v4.octets()[0] == 10,
            IpAddr::V6(v6) => v6.octets()[0] == 0xfd,
        };
        !trusted && !ip.is_unspecified()
    })
}

fn trusted() -> impl Strategy<Value = IpAddr> {
    let v4 = (0_u32..1 << 24).prop_map(|host| IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | host)));
    let v6 = any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits((bits >> 8) | (0xfd << 120))));
    prop_oneof![v4, v6]
}

/// Bytes that matter to the parsers, mixed with any others.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        3 => prop::sample::select(&b"\",;=\\:[]%_ \t.0123456789abcdef"[..]),
        1 => any::<u8>(),
    ];
    let piece = prop_oneof![
        2 => prop::collection::vec(byte, 0..12),
        1 => prop::sample::select(vec!["for=", "FOR=\"", "unknown", "_x", "10.0.0.2", "fd00::2", "host=\"a,b\"", ", "])
            .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// How a proxy may write `ip`, given whether it uses `Forwarded`.
fn written(ip: IpAddr, forwarded: bool, port: Option<u16>, zone: bool) -> String {
    let zone = if zone && ip.is_ipv6() { "%eth0" } else { "" };
    let text = match (ip, port) {
        (IpAddr::V4(_), Some(port)) => format!("{ip}:{port}"),
        (IpAddr::V6(_), Some(port)) => format!("[{ip}{zone}]:{port}"),
        (_, None) => format!("{ip}{zone}"),
    };
    if forwarded { format!("for=\"{text}\";host=\"a,\\\"b\"") } else { text }
}

proptest! {
    #![proptest_config(common::config())]

    #[test]
    fn an_untrusted_peer_is_the_client_whatever_it_sends(
        header in prop::sample::select(&HEADERS[..]),
        peer in stranger(),
        lines in prop::collection::vec(hostile(), 0..4),
    ) {
        let client = resolve(&policy(header), peer, &lines).unwrap();
        prop_assert_eq!((client.ip(), client.via()), (peer, Via::Peer));
    }

    /// Lines and bytes to the left of the first untrusted entry, be they a list or garbage.
    #[test]
    fn nothing_left_of_the_first_untrusted_entry_matters(
        forwarded in any::<bool>(),
        lines in prop::collection::vec(hostile(), 0..3),
        left in hostile(),
        client in stranger(),
        port in any::<Option<u16>>(),
        zone in any::<bool>(),
        hops in prop::collection::vec((trusted(), any::<bool>()), 0..4),
    ) {
        let header = if forwarded { "forwarded" } else { "x-forwarded-for" };
        let mut all = lines;
        let mut line = left;
        line.extend_from_slice(b" ,");
        line.extend_from_slice(written(client, forwarded, port, zone).as_bytes());
        for (hop, own_line) in hops {
            if own_line {
                all.push(std::mem::take(&mut line));
            } else {
                line.extend_from_slice(b", ");
            }
            line.extend_from_slice(written(hop, forwarded, None, zone).as_bytes());
        }
        all.push(line);
        let found = resolve(&policy(header), PEER, &all).unwrap();
        prop_assert_eq!((found.ip(), found.via()), (client, Via::Header));
    }

    #[test]
    fn counting_never_sees_what_is_left_of_its_target(
        forwarded in any::<bool>(),
        left in hostile(),
        client in stranger(),
        passed in prop::collection::vec(trusted(), 0..3),
    ) {
        let hops = u32::try_from(passed.len()).unwrap() + 1;
        let header = if forwarded { "forwarded" } else { "x-forwarded-for" };
        let policy = ClientIp::builder().header(header).hops(hops).build().unwrap();
        let mut line = left;
        for ip in std::iter::once(client).chain(passed) {
            line.extend_from_slice(b",");
            line.extend_from_slice(written(ip, forwarded, None, false).as_bytes());
        }
        let found = resolve(&policy, PEER, &[line]).unwrap();
        prop_assert_eq!((found.ip(), found.via()), (client, Via::Header));
    }

    /// Whatever arrives, the answer is canonical, and a header that broke off answers with the peer or a
    /// trusted hop, never with an address that only a stranger vouched for.
    #[test]
    fn hostile_lines_get_a_canonical_answer_from_someone_trusted(
        header in prop::sample::select(&HEADERS[..]),
        lines in prop::collection::vec(hostile(), 0..4),
        max_entries in 0_usize..4,
    ) {
        let policy = ClientIp::builder().header(header).trusted(["10.0.0.0/8"]).max_entries(max_entries).build().unwrap();
        let client = resolve(&policy, PEER, &lines).unwrap();
        prop_assert_eq!(client.ip(), client.ip().to_canonical());
        prop_assert!(!client.ip().is_unspecified());
        if client.via() != Via::Header {
            prop_assert!(matches!(client.ip(), IpAddr::V4(ip) if ip.octets()[0] == 10));
        }
    }

    #[test]
    fn refusing_differs_from_the_default_only_where_the_header_broke_off(
        header in prop::sample::select(&HEADERS[..]),
        lines in prop::collection::vec(hostile(), 0..4),
    ) {
        let refusing = ClientIp::builder()
            .header(header)
            .trusted(["10.0.0.0/8", "fd00::/8"])
            .on_malformed(OnMalformed::Refuse)
            .build()
            .unwrap();
        let default = resolve(&policy(header), PEER, &lines).unwrap();
        let expected = match default.via() {
            via @ (Via::Malformed | Via::Opaque | Via::Limit) => Err(ResolveError::Refused(via)),
            _ => Ok(default),
        };
        prop_assert_eq!(resolve(&refusing, PEER, &lines), expected);
    }

    #[test]
    fn a_written_address_is_read_back_with_any_port_bracket_or_zone(
        ip in stranger(),
        port in any::<Option<u16>>(),
        zone in prop::option::of("[A-Za-z0-9._~-]{1,32}"),
        mapped in any::<bool>(),
    ) {
        let zone = zone.map(|zone| format!("%{zone}")).unwrap_or_default();
        let text = match (ip, port) {
            (IpAddr::V4(v4), _) if mapped => format!("[{}{zone}]", v4.to_ipv6_mapped()),
            (IpAddr::V4(_), Some(port)) => format!("{ip}:{port}"),
            (IpAddr::V4(_), None) => ip.to_string(),
            (IpAddr::V6(_), Some(port)) => format!("[{ip}{zone}]:{port}"),
            (IpAddr::V6(_), None) => format!("{ip}{zone}"),
        };
        prop_assert_eq!(parse_address(text.as_bytes()), Some(ip), "{}", text);
    }

    #[test]
    fn any_bytes_are_an_address_only_if_its_text_reads_the_same(text in hostile()) {
        if let Some(ip) = parse_address(&text) {
            prop_assert_eq!(parse_address(ip.to_string().as_bytes()), Some(ip));
        }
    }

    /// Peers are few and networks overlap, so that nested, equal and adjacent ones all occur.
    #[test]
    fn a_peer_is_trusted_exactly_when_some_listed_network_holds_it(
        networks in prop::collection::vec((0_u32..64, 26_u8..=32), 0..8),
        peer in 0_u32..64,
    ) {
        let base = 0x0a00_0000;
        let networks: Vec<ipnet::IpNet> = networks
            .into_iter()
            .map(|(host, prefix)| ipnet::Ipv4Net::new(Ipv4Addr::from_bits(base | host), prefix).unwrap().trunc().into())
            .collect();
        let peer = IpAddr::V4(Ipv4Addr::from_bits(base | peer));
        let policy = ClientIp::builder().header("x-real-ip").trusted_nets(networks.clone()).build().unwrap();
        let via = resolve(&policy, peer, &[b"203.0.113.7".to_vec()]).unwrap().via();
        prop_assert_eq!(via == Via::Header, networks.iter().any(|network| network.contains(&peer)));
    }

    #[test]
    fn addresses_share_a_key_exactly_when_their_first_bits_agree(
        one in any::<u128>(),
        flipped in 0_u32..128,
        prefix in 32_u8..=128,
    ) {
        // Outside ::/16, where the mapped and NAT64 networks have rules of their own.
        let one = one | (1 << 125);
        let other = one ^ (1 << (127 - flipped));
        prop_assume!(other >> 112 != 0);
        prop_assume!(one >> 112 != 0x64 && other >> 112 != 0x64);
        let key = |bits: u128| IpKey::new(IpAddr::V6(Ipv6Addr::from_bits(bits)), prefix);
        prop_assert_eq!(key(one) == key(other), flipped >= u32::from(prefix));
    }
}

proptest! {
    #![proptest_config(common::config())]

    /// However it is read, a dotted quad means what the standard library says.
    #[test]
    fn dotted_quads_are_read_as_by_the_standard_library(text in "[0-9]{0,4}(\\.[0-9]{0,4}){2,4}|[0-9.]{0,17}|(0|1|25[0-6])(\\.(0|00|01|255)){3}") {
        let wanted = text.parse::<Ipv4Addr>().ok().filter(|ip| !ip.is_unspecified()).map(IpAddr::V4);
        prop_assert_eq!(parse_address(text.as_bytes()), wanted);
    }
}
