//! Real proxies in front of our servers: nginx, HAProxy and Caddy, each one process on a port of its
//! own, with all its files in a folder of its own, stopped by its id when dropped.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::require;

fn command(program: &str) -> Command {
    Command::new(require::program(program).expect("the test has asked whether it is here"))
}

/// A port that nobody listens on.
pub fn free_port() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address")
}

/// A folder that is removed when dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("limiter-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a folder of our own");
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind is in the folder for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running proxy.
pub struct Proxy {
    pub address: SocketAddr,
    _child: Child,
    _folder: Folder,
}

impl Proxy {
    /// nginx; `location` is what its only location holds. Speaks HTTP/2 to those who start with it
    /// if `http2` says so.
    pub async fn nginx(location: &str, http2: bool) -> Proxy {
        let (address, folder) = (free_port(), Folder::new());
        let at = folder.path().display();
        let protocol = if http2 { " http2" } else { "" };
        // One process, so that stopping it stops everything.
        let config = format!(
            "daemon off; master_process off; pid {at}/pid; error_log {at}/error.log;
             events {{ }}
             http {{
               access_log off;
               client_body_temp_path {at}/1; proxy_temp_path {at}/2; fastcgi_temp_path {at}/3;
               uwsgi_temp_path {at}/4; scgi_temp_path {at}/5;
               server {{ listen {address}{protocol}; location / {{ {location} }} }}
             }}"
        );
        Self::start(address, folder, &config, |file| {
            let mut command = self::command("nginx");
            command.arg("-c").arg(file).arg("-e").arg(file.with_extension("early"));
            command
        })
        .await
    }

    /// HAProxy; `frontend` and `server` are added to the sections of that name.
    pub async fn haproxy(bind: &str, frontend: &str, server: &str) -> Proxy {
        let (address, folder) = (free_port(), Folder::new());
        let config = format!(
            "defaults\n timeout client 10s\n timeout server 10s\n timeout connect 10s\n\
             frontend in\n bind {address} {bind}\n {frontend}\n default_backend out\n\
             backend out\n server app {server}\n"
        );
        Self::start(address, folder, &config, |file| {
            let mut command = self::command("haproxy");
            command.arg("-db").arg("-f").arg(file);
            command
        })
        .await
    }

    /// Caddy; `proxy` is what its `reverse_proxy` holds.
    pub async fn caddy(upstream: &str, proxy: &str) -> Proxy {
        let (address, folder) = (free_port(), Folder::new());
        let config = format!(
            "{{\n admin off\n auto_https off\n servers {{\n  protocols h1 h2c\n }}\n}}\n\
             http://:{} {{\n bind 127.0.0.1\n reverse_proxy {upstream} {{\n{proxy}\n }}\n}}\n",
            address.port()
        );
        let home = folder.path().to_owned();
        Self::start(address, folder, &config, |file| {
            let mut command = self::command("caddy");
            command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
            command.env("XDG_DATA_HOME", &home).env("XDG_CONFIG_HOME", &home).env("HOME", &home);
            command
        })
        .await
    }

    async fn start(address: SocketAddr, folder: Folder, config: &str, command: impl FnOnce(&Path) -> Command) -> Proxy {
        let (file, log) = (folder.path().join("config"), folder.path().join("log"));
        std::fs::write(&file, config).expect("the configuration is written");
        let output = std::fs::File::create(&log).expect("a log");
        let mut child = command(&file)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second handle"))
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .expect("the proxy starts");
        let mut patience = 2000;
        while TcpStream::connect(address).await.is_err() {
            let ended = child.try_wait().expect("its state").is_some();
            let log = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(!ended && patience > 0, "the proxy does not listen:\n{config}\n{}", log());
            patience -= 1;
            // It has no way to say that it is ready but to accept.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Proxy { address, _child: child, _folder: folder }
    }
}
