//! Redis servers of a test's own: each one process on a port of this machine alone, with its files in a
//! folder of its own, ended by its id when dropped. Also a cluster of them, and sentinels over them.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, FromRedisValue};

use crate::proxies::{Folder, free_port};
use crate::require;

/// A running server.
pub struct Server {
    pub address: SocketAddr,
    arguments: Vec<String>,
    child: Child,
    folder: Folder,
}

/// Whether servers can be started here; says so if not.
pub fn there() -> bool {
    require::program("redis-server").is_some()
}

impl Server {
    /// Starts a server that keeps nothing on disk, with `arguments` as on its command line.
    pub async fn start(arguments: &[&str]) -> Server {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let (address, folder) = (free_port(), Folder::new());
        let child = spawn(address, &folder, &arguments);
        let server = Server { address, arguments, child, folder };
        server.wait_until_ready().await;
        server
    }

    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends the process as a crash would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again on the same port.
    pub async fn restart(&mut self) {
        self.kill();
        self.child = spawn(self.address, &self.folder, &self.arguments);
        self.wait_until_ready().await;
    }

    /// Stops the process where it stands, or lets it go on.
    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(signal).arg(self.pid().to_string()).status();
        assert!(status.expect("kill runs").success(), "{signal} reaches the server");
    }

    /// A connection for looking at what is in the server and for breaking it.
    pub async fn connection(&self) -> MultiplexedConnection {
        let client = ::redis::Client::open(self.url()).expect("an address");
        let config = ::redis::AsyncConnectionConfig::new().set_response_timeout(None);
        client.get_multiplexed_async_connection_with_config(&config).await.expect("the server is there")
    }

    /// Runs a command written as in a shell.
    pub async fn command<T: FromRedisValue>(&self, command: &str) -> T {
        let mut words = command.split(' ');
        let mut built: Cmd = ::redis::cmd(words.next().unwrap_or_default());
        words.for_each(|word| _ = built.arg(word));
        built.query_async(&mut self.connection().await).await.expect("the command works")
    }

    async fn wait_until_ready(&self) {
        let client = ::redis::Client::open(self.url()).expect("an address");
        for _ in 0..1000 {
            if let Ok(mut connection) = client.get_multiplexed_async_connection().await
                && ::redis::cmd("PING").query_async::<String>(&mut connection).await.is_ok()
            {
                return;
            }
            // It has no way to say that it is ready but to answer.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the server does not answer");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(address: SocketAddr, folder: &Folder, arguments: &[String]) -> Child {
    Command::new(require::program("redis-server").expect("the test has asked whether it is here"))
        .args(["--port", &address.port().to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .args(["--daemonize", "no", "--dir"])
        .arg(folder.path())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the server starts")
}
