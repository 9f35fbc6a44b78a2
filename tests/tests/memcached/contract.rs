//! The contract suite, on everything that the store declares.

use limiter_core::store::contract;
use tests::memcached::{Memcached, any};

use crate::fixture::Fixture;

#[test]
fn a_server_keeps_every_promise() {
    let Some((address, server)) = any() else { return };
    contract::assert_keeps(&Fixture::at(&address, server));
}

#[test]
fn a_server_that_can_be_made_to_fail_keeps_every_promise() {
    let Some(fixture) = Fixture::private() else { return };
    contract::assert_keeps(&fixture);
}

#[test]
fn three_servers_keep_every_promise_together() {
    let Some(servers) = (0..3).map(|_| Memcached::start(&[])).collect::<Option<Vec<_>>>() else { return };
    let addresses: Vec<String> = servers.iter().map(|server| server.address.to_string()).collect();
    contract::assert_keeps(&Fixture::with(&addresses, None, |builder| builder.namespace("three")));
    // Each of them had its share.
    for server in &servers {
        let held = server.say("stats items");
        assert!(held.starts_with("STAT items:"), "{} holds nothing: {held}", server.address);
    }
}

#[cfg(unix)]
#[test]
fn a_server_on_a_socket_of_this_machine_keeps_every_promise() {
    use std::process::{Command, Stdio};
    use tests::proxies::Folder;

    let Some(program) = tests::require::program("memcached") else { return };
    let folder = Folder::new();
    let socket = folder.path().join("memcached.sock");
    let mut server =
        Command::new(program).args(["-u", "root", "-t", "1", "-s"]).arg(&socket).stdout(Stdio::null()).spawn().unwrap();
    while !socket.exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let fixture = Fixture::with(&[format!("unix:{}", socket.display())], None, |builder| builder);
    let broken = contract::check(&fixture);
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(broken.is_ok(), "{broken:?}");
}
