//! The codec, against the bytes of a real server and against whatever else may come.

use proptest::prelude::*;

use super::*;
use crate::time::Nanos;

fn bytes_of(command: Command<'_>) -> String {
    let mut out = Vec::new();
    command.encode(&mut out);
    String::from_utf8(out).unwrap()
}

const NEW_YEAR_2025: Nanos = Nanos::new(1_735_689_600_000_000_000);

fn seconds(seconds: u64) -> Nanos {
    Nanos::new(seconds * 1_000_000_000)
}

#[test]
fn commands_are_written_as_the_server_expects_them() {
    let expiry = Expiry::after(seconds(60), NEW_YEAR_2025);
    let set = |condition| Command::Set { key: b"k", value: b"ab", expiry, condition };
    for (command, expected) in [
        (Command::NoOp, "mn\r\n"),
        (Command::Get { key: b"k" }, "mg k v c\r\n"),
        (set(None), "ms k 2 T62 c\r\nab\r\n"),
        (set(Some(Condition::Absent)), "ms k 2 T62 ME c\r\nab\r\n"),
        (set(Some(Condition::Unchanged(7))), "ms k 2 T62 C7 c\r\nab\r\n"),
        (Command::Add { key: b"k", by: 3, expiry }, "ma k N62 J3 D3 v\r\n"),
        (Command::Add { key: b"k", by: 1, expiry }, "ma k N62 J1 v\r\n"),
        (Command::Subtract { key: b"k", by: u64::MAX }, "ma k MD D18446744073709551615 v\r\n"),
        (Command::Delete { key: b"k", unchanged: None }, "md k\r\n"),
        (Command::Delete { key: b"k", unchanged: Some(0) }, "md k C0\r\n"),
    ] {
        assert_eq!(bytes_of(command), expected);
    }
}

#[test]
fn terms_are_rounded_up_and_long_ones_become_dates() {
    let number = |term| Expiry::after(term, NEW_YEAR_2025).number();
    assert_eq!(number(Nanos::new(1)), 3, "a second may pass at once");
    assert_eq!(number(seconds(10)), 12);
    assert_eq!(number(seconds(2_591_998)), 2_592_000, "thirty days");
    assert_eq!(number(seconds(2_591_999)), 1_735_689_600 + 2_592_001);
    assert_eq!(number(seconds(500_000_000)), 0, "beyond the last date the server knows");
    assert_eq!(number(Nanos::MAX), 0);
}

/// What Memcached 1.6.18 was seen to answer, and what it means.
fn transcript() -> Vec<(&'static str, Reply)> {
    let value = |data: &str, token| Reply::Value { data: data.as_bytes().into(), token };
    vec![
        ("MN\r\n", Reply::Done { token: None }),
        ("VA 1 c1\r\n3\r\n", value("3", Some(1))),
        ("VA 1\r\n0\r\n", value("0", None)),
        ("VA 1 c3 t10\r\n0\r\n", value("0", Some(3))),
        ("VA 20\r\n4                   \r\n", value("4                   ", None)),
        ("VA 4\r\n\r\n\r\n\r\n", value("\r\n\r\n", None)),
        ("EN\r\n", Reply::Absent),
        ("NF\r\n", Reply::Absent),
        ("NF c0\r\n", Reply::Absent),
        ("EX\r\n", Reply::Exists),
        ("NS c0\r\n", Reply::Exists),
        ("HD\r\n", Reply::Done { token: None }),
        ("HD c4\r\n", Reply::Done { token: Some(4) }),
        ("CLIENT_ERROR bad command line format\r\n", Reply::Mistaken("bad command line format".into())),
        ("SERVER_ERROR out of memory\r\n", Reply::Failed("out of memory".into())),
    ]
}

#[test]
fn replies_of_a_real_server_are_understood() {
    for (bytes, expected) in transcript() {
        assert_eq!(decode(bytes.as_bytes()), Ok(Some((expected, bytes.len()))), "{bytes:?}");
    }
}

#[test]
fn what_is_no_reply_is_not_taken_for_one() {
    assert_eq!(decode(b"ERROR\r\n"), Err(Malformed::UnknownCommand));
    for bytes in
        ["\r\n", "HD\n", "hello\r\n", "VA\r\n", "VA x\r\n", "VA -1\r\n", "VA 1\r\nab\r\n", "HD cx\r\n", "\u{ff}\r\n"]
    {
        assert_eq!(decode(bytes.as_bytes()), Err(Malformed::Reply), "{bytes:?}");
    }
    assert_eq!(decode(b"VA 99999999\r\n"), Err(Malformed::Reply), "it would have to be kept");
    assert_eq!(decode(&[b'x'; 4096]), Err(Malformed::Reply), "nor is a line read for ever");
}

proptest! {
    #[test]
    fn a_stream_means_the_same_however_it_is_cut(which in prop::collection::vec(0..15usize, 1..40), cuts in prop::collection::vec(1..9usize, 1..40)) {
        let transcript = transcript();
        let expected: Vec<Reply> = which.iter().map(|at| transcript[*at].1.clone()).collect();
        let stream: Vec<u8> = which.iter().flat_map(|at| transcript[*at].0.bytes()).collect();
        let (mut buffer, mut found, mut rest, mut cuts) = (Vec::new(), Vec::new(), stream.as_slice(), cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            buffer.extend_from_slice(piece);
            rest = later;
            while let Some((reply, taken)) = decode(&buffer).unwrap() {
                buffer.drain(..taken);
                found.push(reply);
            }
        }
        prop_assert!(buffer.is_empty());
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_part_of_a_reply_is_never_an_answer(which in 0..15usize, share in 0.0..1.0f64) {
        let (bytes, _) = &transcript()[which];
        let part = (bytes.len() as f64 * share) as usize;
        prop_assert_eq!(decode(&bytes.as_bytes()[..part]), Ok(None));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(Some((_, taken))) = decode(&bytes) {
            prop_assert!(taken <= bytes.len());
        }
    }
}
