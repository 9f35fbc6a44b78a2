//! Servers of the bench's own, on ports of this machine alone, ended when dropped.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub(crate) struct Server {
    pub(crate) port: u16,
    child: Child,
}

impl Server {
    /// `None` where the program is not installed.
    pub(crate) fn redis() -> Option<Server> {
        Self::start("redis-server", &["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--port"])
    }

    /// One thread, as the other has.
    pub(crate) fn memcached() -> Option<Server> {
        Self::start("memcached", &["-u", "nobody", "-l", "127.0.0.1", "-t", "1", "-m", "256", "-p"])
    }

    /// Which process it is.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn start(program: &str, arguments: &[&str]) -> Option<Server> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok()?.local_addr().ok()?.port();
        let mut command = Command::new(program);
        command.args(arguments).arg(port.to_string()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Server { port, child: command.spawn().ok()? };
        for _ in 0..500 {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Some(server);
            }
            // It has no way to say that it is ready but to accept.
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
