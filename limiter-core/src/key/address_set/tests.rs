use super::*;

fn set(networks: &[&str]) -> AddressSet {
    AddressSet::parse(networks).unwrap()
}

fn refusal(text: &str) -> &'static str {
    parse_network(text).unwrap_err().code()
}

#[test]
fn edges_of_networks_are_inside_and_their_neighbours_are_not() {
    let set = set(&["10.0.0.0/8", "10.1.0.0/16", "192.0.2.4/31", "192.0.2.9", "fd00::/8", "2001:db8::1"]);
    for inside in ["10.0.0.0", "10.255.255.255", "192.0.2.4", "192.0.2.5", "192.0.2.9", "fd00::", "2001:db8::1"] {
        assert!(set.contains(inside.parse().unwrap()), "{inside}");
    }
    for outside in ["9.255.255.255", "11.0.0.0", "192.0.2.3", "192.0.2.6", "192.0.2.8", "fe00::", "2001:db8::", "::"] {
        assert!(!set.contains(outside.parse().unwrap()), "{outside}");
    }
}

#[test]
fn a_network_listed_beside_its_parts_is_trusted_whole_in_any_order() {
    let mut networks = ["10.0.0.0", "10.0.0.0/8", "10.0.0.0/16", "10.255.0.0/16", "10.0.0.0"];
    for _ in 0..networks.len() {
        networks.rotate_left(1);
        let set = set(&networks);
        for inside in ["10.0.0.0", "10.0.255.255", "10.1.0.0", "10.255.255.255"] {
            assert!(set.contains(inside.parse().unwrap()), "{inside} in {networks:?}");
        }
        assert!(!set.contains("11.0.0.0".parse().unwrap()));
    }
}

#[test]
fn a_long_list_answers_as_a_short_one() {
    let long: Vec<String> = (0..100).map(|net| format!("198.51.{net}.0/25")).collect();
    let set = AddressSet::parse(&long).unwrap();
    for net in 0..100 {
        for (host, inside) in [(0, true), (127, true), (128, false), (255, false)] {
            let ip = format!("198.51.{net}.{host}").parse().unwrap();
            assert_eq!(set.contains(ip), inside, "{ip}");
            assert_eq!(set.find(ip).is_some(), inside, "{ip}");
        }
    }
    assert!(!set.contains("198.50.255.255".parse().unwrap()));
}

#[test]
fn families_do_not_trust_each_other() {
    assert!(!set(&["::/8"]).contains("10.0.0.1".parse().unwrap()));
    assert!(set(&["::ffff:10.0.0.0/104"]).contains("10.0.0.1".parse().unwrap()));
    assert!(!set(&["10.0.0.0/8"]).contains("::a00:1".parse().unwrap()));
}

#[test]
fn the_empty_set_holds_nobody_and_a_set_gives_its_networks_back() {
    assert!(!AddressSet::default().contains("127.0.0.1".parse().unwrap()));
    assert!(AddressSet::default().is_empty());
    let set = set(&["fd00::/8", "10.1.0.0/16", "192.0.2.9", "::ffff:10.0.0.0/104", "::1"]);
    let networks: Vec<String> = set.networks().map(|network| network.to_string()).collect();
    assert_eq!(networks, ["10.0.0.0/8", "192.0.2.9/32", "::1/128", "fd00::/8"]);
}

#[test]
fn dangerous_networks_are_refused_by_name() {
    for (code, texts) in [
        ("mapped_prefix_too_short", &["::ffff:10.0.0.0/8", "::ffff:0:0/95", "::ffff:0:0/0"][..]),
        ("prefix_zero", &["0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96", "::ffff:10.0.0.0/96", "10.0.0.0/0"]),
        ("host_bits", &["10.0.0.1/8", "fd00::1/8", "::ffff:10.0.0.1/104", "192.0.2.5/31"]),
        ("zone", &["fe80::%eth0/10", "fe80::1%eth0", "fe80::/10%eth0"]),
        (
            "bad_cidr",
            &[
                "",
                " ",
                "/",
                "/8",
                "10.0.0.0/",
                "10.0.0.0/33",
                "fd00::/129",
                "10.0.0.0/-1",
                "10.0.0.0/+8",
                "10.0.0.0/08",
                "10.0.0.0/00",
                "10.0.0.0/8/8",
                "10.0.0.0/255.0.0.0",
                "10.0.0/24",
                "010.0.0.0/8",
                " 10.0.0.0/8",
                "10.0.0.0/8 ",
                "10.0.0.0 /8",
                "10.0.0.0/ 8",
                "10.0.0.0,10.0.0.1",
                "10.0.0.0-10.0.0.9",
                "localhost",
                "*",
                "[fd00::]/8",
                "10.0.0.1:80",
                "10.0.0.0/256",
                "10.0.0.0/8\n",
                "10.0.0.*",
                "0x0a.0.0.0/8",
            ],
        ),
    ] {
        for text in texts {
            assert_eq!(refusal(text), code, "{text:?}");
        }
    }
}

#[test]
fn the_refusal_names_the_network_that_was_probably_meant() {
    let error = parse_network("10.1.2.3/8").unwrap_err().to_string();
    assert!(error.contains("\"10.1.2.3/8\"") && error.contains("`10.0.0.0/8`"), "{error}");
}
