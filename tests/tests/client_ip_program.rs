//! The `client_ip` example program: one answer for every line, whatever the line holds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

const VECTORS: &str = include_str!("../vectors/client_ip.json");

struct Program {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Program {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO"))
            .args(["run", "--quiet", "--bin", "client_ip"])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let questions = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, questions, answers }
    }

    /// The answer is read before the next question is asked, so an answer held back would be missed.
    fn ask(&mut self, line: &[u8]) -> Value {
        self.questions.write_all(line).unwrap();
        self.questions.write_all(b"\n").unwrap();
        self.questions.flush().unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    fn finish(mut self) {
        drop(self.questions);
        let mut rest = String::new();
        assert_eq!(self.answers.read_line(&mut rest).unwrap(), 0, "{rest}");
        assert!(self.child.wait().unwrap().success());
    }
}

#[test]
fn the_program_answers_every_vector_as_it_says() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 113);
    let mut program = Program::start();
    for vector in vectors {
        // Members that are not part of the question, such as `id` and `expect`, are passed over.
        assert_eq!(program.ask(vector.to_string().as_bytes()), vector["expect"], "{vector}");
    }
    program.finish();
}

#[test]
fn a_line_that_cannot_be_read_gets_an_error_and_the_next_one_its_answer() {
    let good = br#"{"peer":"fe80::1%eth0","headers":[],"config":{"trusted":[]},"extra":{"a":[1]}}"#;
    let deep = "[".repeat(100_000);
    let mut program = Program::start();
    for bad in [
        &b""[..],
        b"{",
        b"null",
        b"[1,2]",
        b"\xff\xfe",
        b"{\"peer\":7}",
        br#"{"peer":"not an address"}"#,
        br#"{"peer":"10.0.0.1%eth0"}"#,
        br#"{"peer":"10.0.0.1","headers":[["a"]]}"#,
        "{\"peer\":\"10.0.0.1\",\"headers\":[[\"a\",\"\u{100}\"]]}".as_bytes(),
        br#"{"peer":"10.0.0.1","config":{"trusted":"10.0.0.0/8"}}"#,
        deep.as_bytes(),
    ] {
        let answer = program.ask(bad);
        let text = answer["error"].as_str().unwrap();
        assert!(text.starts_with("input: "), "{text}");
        assert_eq!(program.ask(good), json!({ "ip": "fe80::1", "key": "fe80::/64", "via": "peer" }));
    }
    program.finish();
}

#[test]
fn numbers_that_do_not_fit_are_configuration_errors() {
    let mut program = Program::start();
    for (setting, code) in [
        (r#""hops":-1"#, "config:hops"),
        (r#""hops":4294967296"#, "config:hops"),
        (r#""hops":1.5"#, "config:hops"),
        (r#""ipv6_prefix":256"#, "config:ipv6_prefix"),
        (r#""ipv6_prefix":-64"#, "config:ipv6_prefix"),
    ] {
        let line = format!(r#"{{"peer":"10.0.0.1","config":{{"header":"forwarded",{setting}}}}}"#);
        assert_eq!(program.ask(line.as_bytes()), json!({ "error": code }), "{setting}");
    }
    program.finish();
}

#[test]
fn header_values_that_no_http_library_accepts_are_still_answered() {
    let mut program = Program::start();
    let line = r#"{"peer":"10.0.0.1","headers":[["X-Forwarded-For","\u0000\n, 203.0.113.7"],["X-Forwarded-For","\u007f, 10.0.0.2"]],
        "config":{"header":"X-Forwarded-For","trusted":["10.0.0.0/8"]}}"#
        .replace('\n', " ");
    assert_eq!(program.ask(line.as_bytes()), json!({ "ip": "10.0.0.2", "key": "10.0.0.2", "via": "malformed" }));
    program.finish();
}
