//! As much of a client as the example needs.

use std::io::{self, Error, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What a server answered.
pub struct Answer {
    pub status: u16,
    pub remaining: Option<u64>,
}

pub fn send(method: &str, address: SocketAddr) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(
        stream,
        "{method} /api/v1/sessions HTTP/1.1\r\nhost: fleet\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    let remaining = text.lines().find_map(|line| line.strip_prefix("x-ratelimit-remaining: "));
    let remaining = remaining.and_then(|number| number.trim().parse().ok());
    let status = status.ok_or_else(|| Error::other("no status line"))?;
    Ok(Answer { status, remaining })
}
