//! The processes that the example starts, and ends with itself.

use std::env;
use std::io::{self, BufRead, BufReader, Error};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// A Redis that keeps nothing on disk.
pub struct Redis {
    pub address: SocketAddr,
    child: Child,
}

/// One of the fleet.
pub struct Node {
    pub address: SocketAddr,
    child: Child,
}

impl Redis {
    pub fn start() -> io::Result<Self> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        Ok(Redis { address, child: redis(address)? })
    }

    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    pub fn restart(&mut self) -> io::Result<()> {
        self.child = redis(self.address)?;
        Ok(())
    }
}

fn redis(address: SocketAddr) -> io::Result<Child> {
    let child = Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &address.port().to_string(), "--save", "", "--appendonly", "no"])
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| {
            Error::new(error.kind(), format!("redis-server does not start ({error}); install it first"))
        })?;
    for _ in 0..500 {
        if TcpStream::connect(address).is_ok() {
            return Ok(child);
        }
        thread::sleep(Duration::from_millis(10));
    }
    Err(Error::other("redis-server does not listen"))
}

/// Builds the quickstart with its feature `redis`, and says where it is.
pub fn build() -> io::Result<std::path::PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--package", "fleet", "--bin", "fleet-node"]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    if !build.status()?.success() {
        return Err(Error::other("the quickstart does not build"));
    }
    Ok(env::current_exe()?.with_file_name(format!("fleet-node{}", env::consts::EXE_SUFFIX)))
}

impl Node {
    pub fn start(program: &std::path::Path, redis: SocketAddr, size: usize, write: u32) -> io::Result<Self> {
        let mut child = Command::new(program)
            .env("PORT", "0")
            .env("REDIS_URL", format!("redis://{redis}"))
            .env("FLEET_SIZE", size.to_string())
            .env("API_RATE_LIMIT_WRITE", write.to_string())
            // So slow that nothing comes back while the example runs.
            .env("API_RATE_LIMIT_WINDOW_SEC", "3600")
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or_else(|| Error::other("its output is piped"))?;
        let mut lines = BufReader::new(output).lines();
        while let Some(line) = lines.next().transpose()? {
            if let Some((_, address)) = line.split_once("listening on http://") {
                let address = address.trim().parse().map_err(Error::other)?;
                // Whoever stops reading would make its next line fail.
                thread::spawn(move || lines.for_each(drop));
                return Ok(Node { address, child });
            }
        }
        Err(Error::other("the quickstart ended without listening"))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.kill();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
