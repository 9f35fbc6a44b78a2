//! Programs of this workspace, built once and run as a user runs them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command as AsyncCommand};

/// A server of the workspace, stopped when dropped.
pub struct Server {
    pub address: SocketAddr,
    _child: Child,
}

/// Builds a program of the workspace and says where it is.
pub fn build(package: &str, bin: &str) -> PathBuf {
    build_with(package, bin, &[])
}

/// The same, with features that the program has not by default. Tests of one file agree on them, since
/// each build takes the place of the one before.
pub fn build_with(package: &str, bin: &str, features: &[&str]) -> PathBuf {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", package, "--bin", bin, "--features", &features.join(",")])
        .status()
        .expect("cargo runs");
    assert!(status.success(), "{bin} does not build with {features:?}");
    // This test stands in target/PROFILE/deps; programs stand one folder up.
    let mut path = std::env::current_exe().expect("this test has a path");
    path.pop();
    path.pop();
    path.join(bin)
}

/// Runs a program to its end with these variables and no others of its own.
pub fn run(path: &PathBuf, variables: &[(&str, &str)]) -> Output {
    Command::new(path).env("PORT", "0").envs(variables.iter().copied()).output().expect("the program runs")
}

impl Server {
    /// Starts a server on a free port and waits until it says where it listens.
    pub async fn start(path: &PathBuf, variables: &[(&str, &str)]) -> Server {
        let mut child = AsyncCommand::new(path)
            .env("PORT", "0")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the server starts");
        let stdout = child.stdout.take().expect("its output is piped");
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await.expect("its output is text") {
            if let Some((_, address)) = line.split_once("listening on http://") {
                let address = address.trim().parse().expect("an address");
                // Whoever stops reading would make the server's next line fail.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return Server { address, _child: child };
            }
        }
        panic!("the server ended without listening");
    }
}

/// Starts a program and waits until it says `ready` in a line of its output.
pub async fn start_and_wait(path: &PathBuf, variables: &[(&str, &str)], ready: &str) -> Child {
    let mut command = AsyncCommand::new(path);
    command.envs(variables.iter().copied()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
    while let Some(line) = lines.next_line().await.expect("its output is text") {
        if line.contains(ready) {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return child;
        }
    }
    panic!("the program ended without saying {ready:?}");
}
