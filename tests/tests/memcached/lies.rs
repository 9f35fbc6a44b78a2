//! Servers that dribble, break off, say too much or say nonsense. An answer never reaches whoever
//! asked something else.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use limiter_core::algorithm::Algorithm;
use limiter_core::store::contract::{StoreUnderTest, block_on};
use limiter_core::store::{Answer, Decide, Mode, Operation, Reply, Store};
use smallvec::SmallVec;

use crate::fixture::{Fixture, item, params};

/// A server that knows additions alone: a key's first addition is told as the sum.
fn server(play: impl Fn(&mut TcpStream, Vec<u64>) -> bool + Send + 'static) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            stream.set_nodelay(true).unwrap();
            let mut unread = Vec::new();
            let mut chunk = [0; 4096];
            'connection: while let Ok(read @ 1..) = stream.read(&mut chunk) {
                unread.extend_from_slice(&chunk[..read]);
                let mut sums = Vec::new();
                while let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = unread.drain(..=end).collect();
                    let line = String::from_utf8(line).unwrap();
                    if line.starts_with("mn") {
                        if stream.write_all(b"MN\r\n").is_err() {
                            break 'connection;
                        }
                    } else if line.starts_with("mg") {
                        // Somebody looks whether it is there.
                        let first = core::mem::take(&mut sums);
                        if (!first.is_empty() && !play(&mut stream, first)) || stream.write_all(b"EN\r\n").is_err() {
                            break 'connection;
                        }
                    } else if line.starts_with("ma") {
                        let by = line.split(" J").nth(1).unwrap().split_whitespace().next().unwrap();
                        sums.push(by.parse().unwrap());
                    }
                }
                if !sums.is_empty() && !play(&mut stream, sums) {
                    break;
                }
            }
        }
    });
    address
}

fn line(sum: u64) -> String {
    format!("VA {}\r\n{sum}\r\n", sum.to_string().len())
}

/// Asks for 1, 2, 3 .. units of as many keys at once. Of each, what the answer says was used.
fn ask(fixture: &Fixture, count: u64) -> Vec<(u64, Result<u64, String>)> {
    let params = params(Algorithm::Fixed, "100000/h");
    let asked: Vec<_> = (1..=count)
        .map(|cost| {
            let items = SmallVec::from_iter([item(&format!("key {cost}"), params, cost, Mode::Charge)]);
            (cost, fixture.store.submit(Operation::Decide(Decide { now: fixture.now(), items })))
        })
        .collect();
    asked
        .into_iter()
        .map(|(cost, reply)| {
            let answer = match reply {
                Reply::Later(answer) => block_on(answer),
                Reply::Now(answer) => answer,
            };
            let used = answer.map_err(|error| format!("{error}: {:?}", std::error::Error::source(&error)));
            let used = used.map(|answer| match answer {
                Answer::Decided(decided) => 100_000 - params.remaining(decided.items[0].state, fixture.now()),
                other => panic!("{other:?}"),
            });
            (cost, used)
        })
        .collect()
}

fn fixture(address: &str) -> Fixture {
    Fixture::with(&[address.to_owned()], None, |builder| builder.reply_timeout(Duration::from_millis(200)))
}

/// Whoever was answered was answered truly.
fn assert_not_crossed(answers: &[(u64, Result<u64, String>)]) {
    for (cost, used) in answers {
        if let Ok(used) = used {
            assert_eq!(used, cost, "an answer of another");
        }
    }
}

#[test]
fn a_server_that_dribbles_is_understood() {
    let address = server(|stream, sums| {
        sums.into_iter().map(line).flat_map(String::into_bytes).all(|byte| stream.write_all(&[byte]).is_ok())
    });
    let answers = ask(&fixture(&address), 200);
    assert_not_crossed(&answers);
    assert!(answers.iter().all(|(_, used)| used.is_ok()));
}

#[test]
fn a_reply_that_breaks_off_fails_it_and_all_that_follow() {
    let address = server(|stream, sums| {
        for sum in sums {
            let whole = line(sum);
            if sum == 20 {
                let _ = stream.write_all(&whole.as_bytes()[..whole.len() - 3]);
                return false;
            }
            let _ = stream.write_all(whole.as_bytes());
        }
        true
    });
    let fixture = fixture(&address);
    let answers = ask(&fixture, 40);
    assert_not_crossed(&answers);
    assert!(answers[19..].iter().all(|(_, used)| used.is_err()), "{answers:?}");
    // The next connection begins with a clean slate.
    fixture.recover();
    let answers = ask(&fixture, 5);
    assert_not_crossed(&answers);
    assert!(answers.iter().all(|(_, used)| used.is_ok()), "{answers:?}");
}

#[test]
fn a_reply_that_does_not_come_fails_in_time_and_late_ones_reach_nobody() {
    let address = server(|stream, sums| {
        for sum in sums {
            if sum == 10 {
                // The server has more to do than this one.
                std::thread::sleep(Duration::from_secs(5));
            }
            let _ = stream.write_all(line(sum).as_bytes());
        }
        true
    });
    let fixture = fixture(&address);
    let began = std::time::Instant::now();
    let answers = ask(&fixture, 20);
    assert_not_crossed(&answers);
    assert!(answers.iter().any(|(_, used)| used.is_err()));
    assert!(began.elapsed() < Duration::from_secs(4), "it took {:?}", began.elapsed());
}

#[test]
fn what_nobody_asked_for_ends_the_connection() {
    let address = server(|stream, sums| {
        let replies: String =
            sums.into_iter().map(|sum| if sum == 7 { format!("{}HD\r\n", line(sum)) } else { line(sum) }).collect();
        let _ = stream.write_all(replies.as_bytes());
        true
    });
    // The extra reply stands where the next one's is expected: it makes no sense there.
    let answers = ask(&fixture(&address), 30);
    let crossed = answers.iter().filter(|(cost, used)| used.as_ref().is_ok_and(|used| used != cost)).count();
    assert_eq!(crossed, 0, "{answers:?}");
}

#[test]
fn nonsense_is_no_answer() {
    for nonsense in [
        "ERROR\r\n",
        "\r\n",
        "VA 5\r\n12\r\n\r\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "VA 2 c\r\n12\r\n",
        "HD\r\n",
        "EN\r\n",
        "VA 99999999999\r\n",
    ] {
        let address = server(move |stream, _| stream.write_all(nonsense.as_bytes()).is_ok());
        let fixture = fixture(&address);
        let answers = ask(&fixture, 1);
        assert!(answers[0].1.is_err(), "{nonsense:?} was taken for {answers:?}");
    }
}
