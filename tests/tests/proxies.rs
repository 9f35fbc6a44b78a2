//! Real proxies in front of a server of ours: the address that the app sees, and that nobody can
//! choose it, in each set-up that the documentation names.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::OnceLock;

use tests::client::Request;
use tests::program::{self, Server};
use tests::proxies::{Folder, Proxy};
use tests::require;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// All proxies connect from 127.0.0.1 and are trusted; clients connect from 127.0.0.5 and are not.
const CLIENT: u8 = 5;
const SEEN: &str = "127.0.0.5";
const PROXY: &str = "127.0.0.1";

const APPEND: &str = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";
const XFF: &str = "x-forwarded-for";

fn echo() -> &'static PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| program::build("examples", "behind_proxy"))
}

fn proxy_protocol() -> &'static PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| program::build("examples", "proxy_protocol"))
}

/// The app behind trusted proxies on this machine, reading `header`.
async fn app(header: &str) -> Server {
    Server::start(echo(), &[("HEADER", header), ("TRUSTED", PROXY)]).await
}

fn pass(to: SocketAddr, settings: &str) -> String {
    format!("proxy_pass http://{to}; {settings}")
}

/// Every way to lie about an address, alone and together.
fn lies() -> Vec<Vec<(&'static str, &'static str)>> {
    let lies = [
        (XFF, "198.51.100.66"),
        (XFF, "198.51.100.66, 127.0.0.1"),
        (XFF, "not an address"),
        ("forwarded", "for=198.51.100.66"),
        ("forwarded", "for=\"198.51.100.66"),
        ("x-real-ip", "198.51.100.66"),
        ("cf-connecting-ip", "198.51.100.66"),
        ("x_forwarded_for", "198.51.100.66"),
    ];
    let mut all: Vec<_> = lies.into_iter().map(|lie| vec![lie]).collect();
    all.push(vec![(XFF, "198.51.100.66"), (XFF, "198.51.100.67")]);
    all.push(lies.into_iter().filter(|(name, _)| !name.contains('_')).collect());
    all
}

async fn ask(at: SocketAddr, headers: &[(&str, &str)]) -> String {
    let request =
        headers.iter().fold(Request::new("GET", "/ip").from(CLIENT), |r, (name, value)| r.header(name, value));
    let answer = request.send(at).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    // Proxies that speak HTTP/1.1 may cut the body into chunks.
    match answer.header("transfer-encoding") {
        Some(_) => answer.body.lines().nth(1).unwrap_or_default().to_owned(),
        None => answer.body,
    }
}

fn address(answer: &str) -> &str {
    answer.split(' ').next().unwrap()
}

/// The app sees the client, whatever the client says.
async fn sees_the_client(set_up: &str, at: SocketAddr) {
    let answer = ask(at, &[]).await;
    assert_eq!(answer, format!("{SEEN} header"), "{set_up}");
    for lie in lies() {
        assert_eq!(address(&ask(at, &lie).await), SEEN, "{set_up}: {lie:?}");
    }
    // A proxy may take this for an order to drop the header. The client is then the proxy: coarse, not forged.
    let dropped = ask(at, &[("connection", "x-forwarded-for"), (XFF, "198.51.100.66")]).await;
    assert!([SEEN, PROXY].contains(&address(&dropped)), "{set_up}: {dropped}");
}

/// The app sees the proxy, whatever the client says: coarse, and not forged.
async fn sees_the_proxy(set_up: &str, at: SocketAddr) {
    for lie in lies().into_iter().chain([vec![]]) {
        assert_eq!(ask(at, &lie).await, format!("{PROXY} peer"), "{set_up}: {lie:?}");
    }
}

#[tokio::test]
async fn past_the_proxy_the_client_is_itself_whatever_it_says() {
    let app = app(XFF).await;
    for lie in lies().into_iter().chain([vec![]]) {
        assert_eq!(ask(app.address, &lie).await, format!("{SEEN} peer"), "{lie:?}");
    }
}

#[tokio::test]
async fn nginx_that_appends_or_replaces() {
    if require::program("nginx").is_none() {
        return;
    }
    for (header, settings) in [
        (XFF, APPEND),
        (XFF, "proxy_set_header X-Forwarded-For $remote_addr;"),
        ("x-real-ip", "proxy_set_header X-Real-IP $remote_addr;"),
        ("forwarded", "proxy_set_header Forwarded \"for=$remote_addr;proto=http\";"),
    ] {
        let app = app(header).await;
        let nginx = Proxy::nginx(&pass(app.address, settings), false).await;
        sees_the_client(settings, nginx.address).await;
    }
}

#[tokio::test]
async fn nginx_that_passes_headers_on_needs_a_policy_that_reads_none() {
    if require::program("nginx").is_none() {
        return;
    }
    let app = Server::start(echo(), &[]).await;
    let nginx = Proxy::nginx(&pass(app.address, ""), false).await;
    sees_the_proxy("nginx passes", nginx.address).await;
    // Why: with the header read, the client's own line is believed.
    let trap = self::app(XFF).await;
    let nginx = Proxy::nginx(&pass(trap.address, ""), false).await;
    assert_eq!(address(&ask(nginx.address, &[(XFF, "198.51.100.66")]).await), "198.51.100.66");
}

#[tokio::test]
async fn haproxy_that_adds_a_line_or_passes_headers_on() {
    if require::program("haproxy").is_none() {
        return;
    }
    let app = app(XFF).await;
    let server = app.address.to_string();
    for frontend in ["mode http\n option forwardfor", "mode http\n http-request set-header X-Forwarded-For %[src]"] {
        let haproxy = Proxy::haproxy("", frontend, &server_in_http(&server)).await;
        sees_the_client(frontend, haproxy.address).await;
    }
    let peer_only = Server::start(echo(), &[]).await;
    let haproxy = Proxy::haproxy("", "mode http", &server_in_http(&peer_only.address.to_string())).await;
    sees_the_proxy("haproxy passes", haproxy.address).await;
}

/// The mode stands in the section of the server, which is the last.
fn server_in_http(server: &str) -> String {
    format!("{server}\n mode http")
}

#[tokio::test]
async fn caddy_that_replaces_or_appends_for_those_it_trusts() {
    if require::program("caddy").is_none() {
        return;
    }
    let app = app(XFF).await;
    let caddy = Proxy::caddy(&app.address.to_string(), "").await;
    sees_the_client("caddy replaces", caddy.address).await;
    // It trusts the client, and appends all the same what it saw.
    let caddy = Proxy::caddy(&app.address.to_string(), "trusted_proxies 127.0.0.0/24").await;
    sees_the_client("caddy appends", caddy.address).await;
    // Caddy passes a client's copy of this one on, so it is no header to read here.
    let trap = self::app("x-real-ip").await;
    let caddy = Proxy::caddy(&trap.address.to_string(), "").await;
    assert_eq!(address(&ask(caddy.address, &[("x-real-ip", "198.51.100.66")]).await), "198.51.100.66");
}

#[tokio::test]
async fn two_proxies_in_a_row_in_every_order() {
    if ["nginx", "haproxy", "caddy"].into_iter().any(|name| require::program(name).is_none()) {
        return;
    }
    let by_trust = app(XFF).await;
    let by_count = Server::start(echo(), &[("HEADER", XFF), ("HOPS", "2"), ("TRUSTED", PROXY)]).await;
    let forwardfor = "mode http\n option forwardfor";
    for app in [&by_trust, &by_count] {
        let upstream = app.address.to_string();
        let nginx = Proxy::nginx(&pass(app.address, APPEND), false).await;
        let haproxy = Proxy::haproxy("", forwardfor, &server_in_http(&upstream)).await;
        // The inner Caddy has to trust the outer proxy, else it replaces what that wrote.
        let caddy = Proxy::caddy(&upstream, "trusted_proxies 127.0.0.1").await;
        for (inner, at) in [("nginx", nginx.address), ("haproxy", haproxy.address), ("caddy", caddy.address)] {
            let outer = Proxy::nginx(&pass(at, APPEND), false).await;
            sees_the_client(&format!("nginx, {inner}"), outer.address).await;
            let outer = Proxy::haproxy("", forwardfor, &server_in_http(&at.to_string())).await;
            sees_the_client(&format!("haproxy, {inner}"), outer.address).await;
            let outer = Proxy::caddy(&at.to_string(), "").await;
            sees_the_client(&format!("caddy, {inner}"), outer.address).await;
        }
    }
}

#[tokio::test]
async fn http2_to_the_proxy_changes_nothing() {
    if ["nginx", "haproxy", "caddy", "curl"].into_iter().any(|name| require::program(name).is_none()) {
        return;
    }
    let app = app(XFF).await;
    let upstream = app.address.to_string();
    let nginx = Proxy::nginx(&pass(app.address, APPEND), true).await;
    let haproxy = Proxy::haproxy("proto h2", "mode http\n option forwardfor", &server_in_http(&upstream)).await;
    let caddy = Proxy::caddy(&upstream, "").await;
    for (name, at) in [("nginx", nginx.address), ("haproxy", haproxy.address), ("caddy", caddy.address)] {
        for lie in lies().into_iter().chain([vec![]]) {
            let mut curl = tokio::process::Command::new("curl");
            curl.args(["-sS", "--http2-prior-knowledge", "--interface", SEEN, "-w", " %{http_version}"]);
            for (header, value) in &lie {
                curl.arg("-H").arg(format!("{header}: {value}"));
            }
            let output = curl.arg(format!("http://{at}/ip")).output().await.unwrap();
            let answer = String::from_utf8(output.stdout).unwrap();
            let error = String::from_utf8_lossy(&output.stderr);
            assert_eq!(answer, format!("{SEEN} header 2"), "{name} {lie:?} {error}");
        }
    }
}

#[tokio::test]
async fn a_unix_socket_upstream_is_trusted_when_the_app_says_so_and_nobody_is_known_otherwise() {
    if ["nginx", "haproxy", "caddy"].into_iter().any(|name| require::program(name).is_none()) {
        return;
    }
    let folder = Folder::new();
    for (trust, expect) in [("1", format!("{SEEN} header")), ("0", "none unix_peer_untrusted".to_owned())] {
        let socket = folder.path().join(format!("app-{trust}"));
        let (at, listen) = (socket.display(), format!("unix:{}", socket.display()));
        let variables = [("HEADER", XFF), ("TRUSTED", PROXY), ("TRUST_UNIX", trust), ("LISTEN", &listen)];
        let _app = program::start_and_wait(echo(), &variables, "listening on unix:").await;
        let nginx = Proxy::nginx(&format!("proxy_pass http://unix:{at}; {APPEND}"), false).await;
        let haproxy = Proxy::haproxy("", "mode http\n option forwardfor", &server_in_http(&format!("unix@{at}"))).await;
        let caddy = Proxy::caddy(&format!("unix/{at}"), "").await;
        for (name, at) in [("nginx", nginx.address), ("haproxy", haproxy.address), ("caddy", caddy.address)] {
            assert_eq!(ask(at, &[]).await, expect, "{name}");
            for lie in lies() {
                assert_eq!(address(&ask(at, &lie).await), address(&expect), "{name} {lie:?}");
            }
        }
    }
}

#[tokio::test]
async fn the_proxy_protocol_names_the_client_in_both_versions() {
    if require::program("haproxy").is_none() {
        return;
    }
    let app = Server::start(proxy_protocol(), &[("PROXIES", PROXY)]).await;
    for version in ["send-proxy", "send-proxy-v2"] {
        for mode in ["mode tcp", "mode http"] {
            let server = format!("{} {version}\n {mode}", app.address);
            let haproxy = Proxy::haproxy("", mode, &server).await;
            for lie in lies().into_iter().chain([vec![]]) {
                assert_eq!(ask(haproxy.address, &lie).await, format!("{SEEN} peer"), "{version} {mode} {lie:?}");
            }
        }
    }
}

#[tokio::test]
async fn the_proxy_protocol_is_believed_from_trusted_peers_alone_who_may_speak_for_themselves() {
    let app = Server::start(proxy_protocol(), &[("PROXIES", PROXY)]).await;
    let raw = async |from: u8, head: &[u8]| {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, from], 0))).unwrap();
        let mut stream: TcpStream = socket.connect(app.address).await.unwrap();
        let mut bytes = head.to_vec();
        bytes.extend_from_slice(b"GET /ip HTTP/1.1\r\nhost: app\r\nconnection: close\r\n\r\n");
        stream.write_all(&bytes).await.unwrap();
        let mut answer = Vec::new();
        // A connection that is cut off is an answer too.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    let lie = b"PROXY TCP4 198.51.100.66 127.0.0.1 4711 80\r\n";
    assert!(raw(1, lie).await.ends_with("198.51.100.66 peer"));
    assert!(raw(1, b"PROXY UNKNOWN\r\n").await.ends_with("127.0.0.1 peer"));
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00";
    assert!(raw(1, local).await.ends_with("127.0.0.1 peer"));
    // A trusted peer that does not speak it gets nothing.
    assert_eq!(raw(1, b"").await, "");
    // A stranger's head is not HTTP, and without it the stranger is itself.
    let refused = raw(CLIENT, lie).await;
    assert!(!refused.contains("198.51.100.66") && !refused.starts_with("HTTP/1.1 200"), "{refused}");
    assert!(raw(CLIENT, b"").await.ends_with("127.0.0.5 peer"));
}

#[tokio::test]
async fn two_ipv4_clients_of_a_listener_for_both_families_have_a_budget_each() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: this machine has no IPv6");
        return;
    }
    let app = Server::start(echo(), &[("LISTEN", "[::]:0")]).await;
    let at = SocketAddr::from(([127, 0, 0, 1], app.address.port()));
    for client in [5, 6] {
        let answer = Request::new("GET", "/ip").from(client).send(at).await;
        assert_eq!(answer.body, format!("127.0.0.{client} peer"));
        assert_eq!(answer.number("x-ratelimit-remaining"), Some(999));
    }
}
