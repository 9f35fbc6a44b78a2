//! What a server on this machine answers in a second, with and without a layer, to clients that are let
//! in and to clients that are refused.
//!
//! Rounds of all servers take turns. Client and server share the cores, so a server that needs less
//! leaves more for the client: ratios are what counts.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use limiter_tower::headers::Wire;
use limiter_tower::{Limiter, RateLimitLayer};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tower_governor::GovernorLayer;
use tower_governor::governor::GovernorConfigBuilder;

use crate::measure::median;
use crate::report::Report;

const CONNECTIONS: usize = 8;
const ROUND: Duration = Duration::from_millis(200);
const ROUNDS: usize = 15;

struct Server {
    name: &'static str,
    status: &'static str,
    connections: Vec<BufReader<TcpStream>>,
    per_second: Vec<f64>,
}

pub(crate) fn http(report: &mut Report, quick: bool) {
    let head = "| | requests a second | ratio | to |\n|---|---|---|---|";
    report.table("HTTP on loopback, 8 connections", head);
    let mut servers = match servers() {
        Ok(servers) => servers,
        Err(error) => return report.say(&format!("| not measured: {error} | - | - | - |")),
    };
    for round in 0..=if quick { ROUNDS / 3 } else { ROUNDS } {
        for server in &mut servers {
            match server.round() {
                // The first is for warming up.
                Ok(_) if round == 0 => {}
                Ok(per_second) => server.per_second.push(per_second),
                Err(error) => return report.say(&format!("| {}: {error} | - | - | - |", server.name)),
            }
        }
    }
    let bare = median(servers.first().map(|server| server.per_second.clone()).unwrap_or_default());
    for server in servers {
        let per_second = median(server.per_second);
        report.say(&format!("| {} | {per_second:.0} | {:.2} | bare |", server.name, per_second / bare));
    }
}

fn servers() -> io::Result<Vec<Server>> {
    let app = || Router::new().route("/", get(|| async { "hello" }));
    let ours = |quota: &str, wire: Wire| {
        let layer = RateLimitLayer::builder().quota(quota).limiter(Limiter::in_memory()).wire(wire).build();
        layer.map_err(io::Error::other)
    };
    let theirs = |burst: u32, period: Duration| {
        let mut builder = GovernorConfigBuilder::default();
        let config = builder.period(period).burst_size(burst).finish();
        config.map(GovernorLayer::new).ok_or_else(|| io::Error::other("no quota"))
    };
    let (plenty, none, hour) = ("1000000/s", "1/h", Duration::from_secs(3600));
    let (ok, refused) = ("200", "429");
    Ok(vec![
        serve("bare", ok, app())?,
        serve("**ours, allowed, no fields**", ok, app().layer(ours(plenty, Wire::new().private())?))?,
        serve("**ours, allowed, default fields**", ok, app().layer(ours(plenty, Wire::new())?))?,
        serve("tower_governor, allowed", ok, app().layer(theirs(1_000_000, Duration::from_micros(1))?))?,
        serve("**ours, refused, default fields**", refused, app().layer(ours(none, Wire::new())?))?,
        serve("tower_governor, refused", refused, app().layer(theirs(1, hour)?))?,
    ])
}

/// Serves on a thread of its own for as long as the process lives.
fn serve(name: &'static str, status: &'static str, app: Router) -> io::Result<Server> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    thread::spawn(move || runtime.block_on(async { axum::serve(listener, service).await }));
    let connect = |_| {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(BufReader::new(stream))
    };
    let connections = (0..CONNECTIONS).map(connect).collect::<io::Result<_>>()?;
    let mut server = Server { name, status, connections, per_second: Vec::new() };
    // A quota of one is spent by this.
    server.ask(None)?;
    Ok(server)
}

impl Server {
    #[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
    fn round(&mut self) -> io::Result<f64> {
        let start = Instant::now();
        let mut answered = 0;
        while start.elapsed() < ROUND {
            self.ask(Some(self.status))?;
            answered += CONNECTIONS;
        }
        Ok(answered as f64 / start.elapsed().as_secs_f64())
    }

    /// A request on every connection, then all the answers.
    fn ask(&mut self, expected: Option<&str>) -> io::Result<()> {
        for connection in &mut self.connections {
            connection.get_mut().write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
        }
        for connection in &mut self.connections {
            let status = answer(connection)?;
            if expected.is_some_and(|expected| status != expected) {
                return Err(io::Error::other(format!("answered {status}")));
            }
        }
        Ok(())
    }
}

/// Reads one answer and says its status.
fn answer(connection: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    connection.read_line(&mut line)?;
    let status = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        line.clear();
        connection.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().unwrap_or(0),
            Some(_) => {}
            None => break,
        }
    }
    io::copy(&mut connection.take(length), &mut io::sink())?;
    Ok(status)
}
