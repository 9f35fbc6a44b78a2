//! PostgreSQL for tests: a database of one's own, on the server that `tests/run.sh` started, or a whole
//! server of one's own that can be killed.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio_postgres::{Client, NoTls};

use crate::proxies::{Folder, free_port};
use crate::require;

/// A database that nobody else uses.
pub struct Database {
    /// How to connect to it.
    pub url: String,
    _server: Option<Server>,
}

impl Database {
    /// A new database; `None` where there is no PostgreSQL.
    pub async fn fresh() -> Option<Database> {
        let Ok(shared) = env::var("LIMITER_TESTS_POSTGRES") else {
            let server = Server::start().await?;
            return Some(Database { url: server.url(), _server: Some(server) });
        };
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("limiter_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let client = connect(&shared).await.expect("the server of the tests answers");
        client.batch_execute(&format!("create database {name}")).await.expect("a new database");
        let (server, _) = shared.rsplit_once('/').expect("an address with a database");
        Some(Database { url: format!("{server}/{name}"), _server: None })
    }

    /// A connection to it.
    pub async fn connect(&self) -> Client {
        connect(&self.url).await.expect("the database answers")
    }
}

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// A server with all its files in a folder of its own, killed when dropped.
pub struct Server {
    address: SocketAddr,
    folder: Folder,
    programs: PathBuf,
    owner: Option<u32>,
}

impl Server {
    /// A new server; `None` where there is no PostgreSQL.
    pub async fn start() -> Option<Server> {
        let programs = programs_or_skipped()?;
        let (address, folder) = (free_port(), Folder::new());
        // It refuses to run as root.
        let mut owner = None;
        if fs::metadata(folder.path()).expect("our folder").uid() == 0 {
            let id = Command::new("id").args(["-u", "postgres"]).output().expect("id runs").stdout;
            let id: u32 = String::from_utf8_lossy(&id).trim().parse().expect("a user called postgres");
            std::os::unix::fs::chown(folder.path(), Some(id), None).expect("a folder for that user");
            owner = Some(id);
        }
        let server = Server { address, folder, programs, owner };
        let made = server
            .command("initdb")
            .args(["-U", "postgres", "--auth=trust", "--no-sync"])
            .stdout(Stdio::null())
            .status()
            .expect("initdb runs");
        assert!(made.success(), "initdb failed");
        server.up().await;
        Some(server)
    }

    /// How to connect to it.
    pub fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.address)
    }

    /// Starts it again, and waits until it answers.
    pub async fn up(&self) {
        let log = fs::File::create(self.folder.path().join("log"));
        let options = format!(
            "-k {} -p {} -c listen_addresses=127.0.0.1 -c fsync=off",
            self.folder.path().display(),
            self.address.port()
        );
        let started = self
            .command("pg_ctl")
            .args(["start", "-w", "-s", "-o", &options])
            .stdout(log.map_or_else(|_| Stdio::null(), Stdio::from))
            .stderr(Stdio::null())
            .status()
            .expect("pg_ctl runs");
        assert!(started.success(), "the server does not start");
        let mut patience = 200;
        while let Err(error) = connect(&self.url()).await {
            assert!(patience > 0, "the server does not answer: {error}");
            patience -= 1;
            // It has no way to say that it is ready but to answer.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends it at once, in the middle of whatever it is doing.
    pub fn kill(&self) {
        let ended = self.command("pg_ctl").args(["stop", "-w", "-s", "-m", "immediate"]).stderr(Stdio::null()).status();
        assert!(ended.is_ok_and(|status| status.success()), "the server does not end");
    }

    /// Kills it as the system does when memory is short: it learns nothing of it.
    pub fn kill_outright(&self) {
        let pid = fs::read_to_string(self.folder.path().join("data/postmaster.pid")).expect("a server that runs");
        let pid = pid.lines().next().expect("its id comes first");
        let killed = Command::new("kill").args(["-KILL", pid]).status();
        assert!(killed.is_ok_and(|status| status.success()), "the server is not there");
    }

    fn command(&self, program: &str) -> Command {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new(self.programs.join(program));
        command.arg("-D").arg(self.folder.path().join("data")).current_dir(self.folder.path());
        if let Some(owner) = self.owner {
            command.uid(owner);
        }
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.command("pg_ctl").args(["stop", "-w", "-s", "-m", "immediate"]).stderr(Stdio::null()).status();
    }
}

/// Where the programs are; as for others, a test says so if it is skipped for want of them.
pub fn programs_or_skipped() -> Option<PathBuf> {
    require::there_or_skipped("PostgreSQL", programs())
}

/// Where the programs of the newest version are. Debian keeps them off everybody's path.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path().join("bin"));
    versions.filter(|folder: &PathBuf| Path::is_file(&folder.join("initdb"))).max()
}
