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
        Self::start_with_file("", arguments).await
    }

    /// As [`start`](Self::start), with a configuration file.
    async fn start_with_file(config: &str, arguments: &[&str]) -> Server {
        let (address, folder) = (free_port(), Folder::new());
        let file = folder.path().join("redis.conf");
        std::fs::write(&file, config).expect("the configuration is written");
        let mut arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        arguments.insert(0, file.display().to_string());
        let child = spawn(address, &folder, &arguments);
        let server = Server { address, arguments, child, folder };
        server.wait_until_ready().await;
        server
    }

    /// A cluster of this server alone, which does not even know its own address.
    pub async fn start_as_cluster() -> Server {
        let server = Self::start(&["--cluster-enabled", "yes"]).await;
        server.command::<String>("CLUSTER ADDSLOTSRANGE 0 16383").await;
        until("the cluster is complete", async || {
            server.command::<String>("CLUSTER INFO").await.contains("cluster_state:ok")
        })
        .await;
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
    let mut command = Command::new(require::program("redis-server").expect("the test has asked whether it is here"));
    let (file, arguments) = arguments.split_first().expect("a file");
    command.arg(file);
    if !arguments.iter().any(|argument| argument == "--sentinel") {
        command.args(["--save", "", "--appendonly", "no"]);
    }
    command
        .args(["--port", &address.port().to_string(), "--bind", "127.0.0.1"])
        .args(["--daemonize", "no", "--dir"])
        .arg(folder.path())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the server starts")
}

/// Six servers, three of them primaries, each with a replica.
pub struct Cluster {
    pub servers: Vec<Server>,
}

impl Cluster {
    pub async fn start() -> Cluster {
        let mut servers = Vec::new();
        for _ in 0..6 {
            let bus = free_port().port().to_string();
            let mut arguments = vec!["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
            arguments.extend(["--cluster-port", &bus, "--repl-diskless-sync-delay", "0"]);
            servers.push(Server::start(&arguments).await);
        }
        let mut create = Command::new(require::program("redis-cli").expect("it comes with the server"));
        create.args(["--cluster", "create", "--cluster-replicas", "1", "--cluster-yes"]);
        create.args(servers.iter().map(|server| server.address.to_string()));
        let output = tokio::task::spawn_blocking(move || create.output()).await.expect("it runs").expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let cluster = Cluster { servers };
        for server in &cluster.servers {
            until("the cluster is complete", async || {
                // A replica that never had all the data does not take its primary's place.
                let info: String = server.command("INFO replication").await;
                let follows = info.contains("role:master") || info.contains("master_link_status:up");
                follows && server.command::<String>("CLUSTER INFO").await.contains("cluster_state:ok")
            })
            .await;
        }
        cluster
    }

    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.servers.iter().take(3).map(|server| server.address.to_string()).collect();
        format!("redis-cluster://{}", hosts.join(","))
    }
}

/// A primary, a replica, and three sentinels that watch them under the name `limits`.
pub struct Sentinels {
    pub primary: Server,
    pub replica: Server,
    pub sentinels: Vec<Server>,
}

impl Sentinels {
    pub async fn start() -> Sentinels {
        let primary = Server::start(&[]).await;
        let of = primary.address.port().to_string();
        let replica = Server::start(&["--replicaof", "127.0.0.1", &of]).await;
        until("the replica follows", async || {
            replica.command::<String>("INFO replication").await.contains("master_link_status:up")
        })
        .await;
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            let config = format!(
                "sentinel monitor limits 127.0.0.1 {of} 2\nsentinel down-after-milliseconds limits 500\n\
                 sentinel failover-timeout limits 3000\n"
            );
            sentinels.push(Server::start_with_file(&config, &["--sentinel"]).await);
        }
        until("the sentinels know the replica and each other", async || {
            let known: Vec<::redis::Value> = sentinels[0].command("SENTINEL REPLICAS limits").await;
            let others: Vec<::redis::Value> = sentinels[0].command("SENTINEL SENTINELS limits").await;
            known.len() == 1 && others.len() == 2
        })
        .await;
        Sentinels { primary, replica, sentinels }
    }

    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.sentinels.iter().map(|server| server.address.to_string()).collect();
        format!("redis-sentinel://{}/limits", hosts.join(","))
    }
}

/// Asks until it is so, for at most half a minute.
pub async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    for _ in 0..1500 {
        if holds().await {
            return;
        }
        // Another process gets there in its own time.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never happened that {what}");
}
