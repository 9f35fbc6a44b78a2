//! Memcached servers: the one that `tests/run.sh` started, and private ones that a test may break.

use std::env;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::proxies::free_port;
use crate::require;

/// A server of a test's own, on a port of its own, gone when dropped.
pub struct Memcached {
    pub address: SocketAddr,
    options: Vec<String>,
    child: Child,
}

/// The address of a server that the test only talks to; `None`, and a word about it, where there is
/// none. The second is a private server, if that is what it is.
pub fn any() -> Option<(String, Option<Memcached>)> {
    if let Ok(address) = env::var("LIMITER_TESTS_MEMCACHED") {
        return Some((address, None));
    }
    let server = Memcached::start(&[])?;
    Some((server.address.to_string(), Some(server)))
}

impl Memcached {
    /// Starts a server with these options; `None`, and a word about it, where none is installed.
    pub fn start(options: &[&str]) -> Option<Self> {
        require::program("memcached")?;
        let (address, options) = (free_port(), options.iter().map(ToString::to_string).collect::<Vec<_>>());
        let child = spawn(address, &options);
        Some(Memcached { address, options, child })
    }

    /// Kills the server as a crash does, and waits until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Starts it again at the same address, as empty as a new one.
    pub fn restart(&mut self) {
        self.child = spawn(self.address, &self.options);
    }

    /// Stops it where it stands: it still lets others connect, and answers nothing.
    pub fn freeze(&self) {
        self.signal("STOP");
        // The signal is sent, and takes each thread when it next looks.
        let threads = format!("/proc/{}/task", self.child.id());
        let stopped = |thread: std::io::Result<std::fs::DirEntry>| {
            let status = std::fs::read_to_string(thread.expect("a thread").path().join("status"));
            status.is_ok_and(|status| status.contains("State:\tT"))
        };
        while !std::fs::read_dir(&threads).expect("its threads").all(stopped) {
            std::thread::yield_now();
        }
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([&format!("-{signal}"), &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{signal} was not sent");
    }

    /// Says something to it on a connection of its own, and returns the first line of the answer.
    pub fn say(&self, command: &str) -> String {
        say(&self.address.to_string(), command)
    }

    /// The keys that it holds.
    pub fn keys(&self) -> Vec<String> {
        use std::io::{BufRead, BufReader, Write};
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        stream.write_all(b"lru_crawler metadump all\r\n").expect("it is sent");
        let lines = BufReader::new(stream).lines().map(|line| line.expect("it answers"));
        let keys = lines.take_while(|line| line != "END");
        keys.filter_map(|line| Some(line.strip_prefix("key=")?.split(' ').next()?.replace("%3A", ":"))).collect()
    }
}

/// Says something to a server on a connection of its own, and returns the first line of the answer.
pub fn say(address: &str, command: &str) -> String {
    use std::io::{BufRead, BufReader, Write};
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(format!("{command}\r\n").as_bytes()).expect("it is sent");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("it answers");
    line.trim_end().to_owned()
}

fn spawn(address: SocketAddr, options: &[String]) -> Child {
    let mut child = Command::new(require::program("memcached").expect("the test has asked whether it is here"))
        .args(["-u", "nobody", "-l", &address.ip().to_string(), "-p", &address.port().to_string(), "-t", "1"])
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("memcached starts");
    let mut patience = 2000;
    while TcpStream::connect(address).is_err() {
        let ended = child.try_wait().expect("its state").is_some();
        assert!(!ended && patience > 0, "memcached does not listen on {address}");
        patience -= 1;
        // It has no way to say that it is ready but to accept.
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

impl Drop for Memcached {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
