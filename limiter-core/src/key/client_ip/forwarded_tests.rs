//! Single entries and splitting; whole walks are in the vectors.

use super::*;

fn address(text: &str) -> Entry {
    Entry::Address(text.parse().unwrap())
}

fn entries(line: &str) -> Vec<String> {
    entries_from_right(line.as_bytes()).map(|entry| String::from_utf8(entry.to_vec()).unwrap()).collect()
}

#[test]
fn every_readable_spelling_of_for_gives_the_address() {
    for entry in [
        "for=203.0.113.7",
        "For=203.0.113.7",
        "FOR=\"203.0.113.7\"",
        "for=203.0.113.7:80",
        "for=\"203.0.113.7:80\"",
        "for=\"203.0.113.7:_p.o-r_t\"",
        "for=\"203.0.113\\.7\"",
        "for=\"::ffff:203.0.113.7\"",
        "proto=%%%;for=203.0.113.7;;=;host",
        "for=203.0.113.7;host=\"x,for=1.2.3.4;a\"",
        "for=203.0.113.7;host=\"x;for=1.2.3.4\"",
        "for=203.0.113.7;host=\"\\\";for=1.2.3.4;x=\\\"\"",
        "for=203.0.113.7\t; \tproto=http ",
        "by=_x;for=203.0.113.7;forx=1.2.3.4",
    ] {
        assert_eq!(read(entry.as_bytes()), address("203.0.113.7"), "{entry}");
    }
    for entry in [
        "for=\"[2001:db8::7]\"",
        "for=\"[2001:db8::7]:80\"",
        "for=\"[2001:db8::7]:_x\"",
        "for=[2001:db8::7]",
        "for=[2001:db8::7]:80",
        "for=\"2001:db8::7\"",
        "for=\"2001:db8::7%eth0\"",
    ] {
        assert_eq!(read(entry.as_bytes()), address("2001:db8::7"), "{entry}");
    }
}

#[test]
fn a_hop_that_hides_its_client_is_opaque() {
    for entry in [
        "for=unknown",
        "for=UnKnown",
        "for=\"unknown:80\"",
        "for=\"unknown:_x\"",
        "for=_gazonk",
        "for=\"_a.b-c_d:_x\"",
        "for=_SEVKISEK:80",
        "proto=https;by=10.0.0.2",
        "proto",
        ";",
        "\"for=203.0.113.7\"",
    ] {
        assert_eq!(read(entry.as_bytes()), Entry::Opaque, "{entry}");
    }
}

#[test]
fn anything_else_is_malformed() {
    for entry in [
        "for=",
        "for",
        "for=\"\"",
        "for=\"",
        "for= 203.0.113.7",
        "for =203.0.113.7",
        "for=\" 203.0.113.7\"",
        "for=\"203.0.113.7 \"",
        "for=203.0.113.7;for=203.0.113.7",
        "for=203.0.113.7;FOR=_x",
        "for=\"203.0.113.7",
        "for=203.0.113.7\"",
        "for=\"203.0.113.7\"x",
        "for=x\"203.0.113.7\"",
        "for=\"203\".\"0.113.7\"",
        "for=\"203.0.113.7\\\"",
        "for=203.0.113\\.7",
        "for='203.0.113.7'",
        "for=\"203.0.113.7:99999\"",
        "for=\"203.0.113.7:_\"",
        "for=\"203.0.113.7:_p:80\"",
        "for=2001:db8::7",
        "for=_",
        "for=\"_a b\"",
        "for=\"_a:\"",
        "for=unknown:99999",
        "for=unknownx",
        "for=0.0.0.0",
        "for=\"[::]\"",
        "for=localhost",
        "for=\"[203.0.113.7]\"",
        "host=\"open;for=203.0.113.7",
    ] {
        assert_eq!(read(entry.as_bytes()), Entry::Malformed, "{entry}");
    }
    assert_eq!(read(b"for=\xff"), Entry::Malformed);
}

#[test]
fn commas_and_quotes_of_a_stranger_do_not_reach_the_entry_on_the_right() {
    for left in ["for=\"", "for=\\", "for=\\\"", "\"\"\"", "a\"b", "host=\"x\\", ",,\"", "\\\\\""] {
        for right in ["for=203.0.113.7", "for=\"203.0.113.7\"", "for=\"[2001:db8::7]:80\";host=\"a,\\\"b\""] {
            assert_eq!(entries(&format!("{left}, {right}"))[0], right, "{left}");
        }
    }
}

#[test]
fn an_open_quote_swallows_what_is_left_of_it() {
    assert_eq!(entries("a=1, b=\"2, c=3"), ["c=3", "a=1, b=\"2"]);
    assert_eq!(entries("a=\"1,2\", , b=\"3\\\",4\""), ["b=\"3\\\",4\"", "a=\"1,2\""]);
}

#[test]
fn a_quote_ends_a_string_only_after_an_even_number_of_backslashes() {
    for count in 0..8 {
        let entry = format!("for=203.0.113.7;x=\"{}\"", "\\".repeat(count));
        let expected = if count % 2 == 0 { address("203.0.113.7") } else { Entry::Malformed };
        assert_eq!(read(entry.as_bytes()), expected, "{entry}");
    }
}

#[test]
fn a_value_too_long_to_unescape_is_malformed_and_a_long_plain_one_is_read() {
    let long = "a".repeat(500);
    assert_eq!(read(format!("for=\"_{long}\"").as_bytes()), Entry::Opaque);
    assert_eq!(read(format!("for=\"_\\{long}\"").as_bytes()), Entry::Malformed);
}
