//! The head of a connection in the PROXY protocol, versions 1 and 2. Nothing behind it is touched.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use tokio::io::{AsyncRead, AsyncReadExt};

const SIGNATURE_V2: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1, with its end.
const LONGEST_V1: usize = 107;
/// Addresses and extensions of version 2; the longest that proxies send is a fraction of it.
const LONGEST_V2: usize = 4096;

/// Reads the head; `None` if the proxy speaks for itself or does not say for whom.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    // No head is shorter than the signature of version 2.
    let mut start = [0; SIGNATURE_V2.len()];
    stream.read_exact(&mut start).await?;
    if start == SIGNATURE_V2 { read_v2(stream).await } else { read_v1(stream, &start).await }
}

async fn read_v1(stream: &mut (impl AsyncRead + Unpin), start: &[u8]) -> io::Result<Option<SocketAddr>> {
    let mut line = start.to_vec();
    // Byte by byte, so that nothing of the request behind it is taken.
    while !line.ends_with(b"\r\n") {
        if line.len() == LONGEST_V1 || !line.starts_with(b"PROXY ") {
            return Err(bad("the connection does not start with a PROXY line"));
        }
        line.push(stream.read_u8().await?);
    }
    let text = std::str::from_utf8(&line).map_err(|_| bad("the PROXY line is not text"))?;
    parse_v1(text.trim_end_matches("\r\n")).ok_or_else(|| bad("the PROXY line is malformed"))
}

fn parse_v1(line: &str) -> Option<Option<SocketAddr>> {
    let mut words = line.split(' ');
    if words.next() != Some("PROXY") {
        return None;
    }
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(None);
    }
    let (source, _destination) = match family {
        "TCP4" => (address::<Ipv4Addr>(words.next()?)?, address::<Ipv4Addr>(words.next()?)?),
        "TCP6" => (address::<Ipv6Addr>(words.next()?)?, address::<Ipv6Addr>(words.next()?)?),
        _ => return None,
    };
    let (port, _) = (words.next()?.parse().ok()?, words.next()?.parse::<u16>().ok()?);
    words.next().is_none().then_some(Some(SocketAddr::new(source, port)))
}

fn address<A: FromStr + Into<IpAddr>>(text: &str) -> Option<IpAddr> {
    text.parse::<A>().ok().map(Into::into)
}

async fn read_v2(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let (version_command, family) = (stream.read_u8().await?, stream.read_u8().await?);
    let length = usize::from(stream.read_u16().await?);
    if length > LONGEST_V2 {
        return Err(bad("the PROXY head is too long"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    match version_command {
        // LOCAL: the proxy speaks for itself, whatever else it says.
        0x20 => Ok(None),
        0x21 => parse_v2(family, &body).ok_or_else(|| bad("the PROXY head lacks its addresses")),
        _ => Err(bad("the PROXY head is of an unknown version or command")),
    }
}

fn parse_v2(family: u8, body: &[u8]) -> Option<Option<SocketAddr>> {
    // Source, destination, source port, destination port.
    match family {
        0x11 => {
            let (source, port) = (body.first_chunk::<4>()?, body.get(8..12)?.first_chunk::<2>()?);
            Some(Some(SocketAddr::new(Ipv4Addr::from(*source).into(), u16::from_be_bytes(*port))))
        }
        0x21 => {
            let (source, port) = (body.first_chunk::<16>()?, body.get(32..36)?.first_chunk::<2>()?);
            Some(Some(SocketAddr::new(Ipv6Addr::from(*source).into(), u16::from_be_bytes(*port))))
        }
        // Unspecified, datagrams and Unix sockets name nobody.
        _ => Some(None),
    }
}

fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read, and what is left for the request.
    fn outcome(bytes: &[u8]) -> Result<(Option<String>, usize), io::ErrorKind> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut rest = bytes;
        let found = runtime.block_on(read(&mut rest)).map_err(|error| error.kind())?;
        Ok((found.map(|address| address.to_string()), rest.len()))
    }

    fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&SIGNATURE_V2[..], &[command, family], &length, body, b"GET"].concat()
    }

    #[test]
    fn both_versions_name_the_client_and_leave_the_request() {
        let v4 = [203, 0, 113, 7, 10, 0, 0, 1, 0x12, 0x67, 0, 80];
        let mut v6 = [0_u8; 36];
        v6[..16].copy_from_slice(&"2001:db8::7".parse::<Ipv6Addr>().unwrap().octets());
        v6[32..34].copy_from_slice(&4711_u16.to_be_bytes());
        let with_extension = [&v4[..], &[3, 0, 4, 1, 2, 3, 4]].concat();
        for (bytes, client) in [
            (b"PROXY TCP4 203.0.113.7 10.0.0.1 4711 80\r\nGET".to_vec(), Some("203.0.113.7:4711")),
            (b"PROXY TCP6 2001:db8::7 ::1 4711 80\r\nGET".to_vec(), Some("[2001:db8::7]:4711")),
            (b"PROXY UNKNOWN\r\nGET".to_vec(), None),
            (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\nGET".to_vec(), None),
            (v2(0x21, 0x11, &v4), Some("203.0.113.7:4711")),
            (v2(0x21, 0x11, &with_extension), Some("203.0.113.7:4711")),
            (v2(0x21, 0x21, &v6), Some("[2001:db8::7]:4711")),
            (v2(0x20, 0x11, &v4), None),
            (v2(0x20, 0x00, &[]), None),
            (v2(0x21, 0x00, &[]), None),
            (v2(0x21, 0x31, &[0; 216]), None),
        ] {
            assert_eq!(outcome(&bytes), Ok((client.map(str::to_owned), 3)), "{bytes:?}");
        }
    }

    #[test]
    fn everything_else_ends_the_connection() {
        let long = [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 200]].concat();
        for bytes in [
            &b"GET /ip HTTP/1.1\r\n\r\n"[..],
            b"PROXY TCP4 203.0.113.7 10.0.0.1 4711\r\n",
            b"PROXY TCP4 203.0.113.7 10.0.0.1 4711 80 1\r\n",
            b"PROXY TCP4 2001:db8::7 10.0.0.1 4711 80\r\n",
            b"PROXY TCP6 203.0.113.7 10.0.0.1 4711 80\r\n",
            b"PROXY TCP4 203.0.113.07 10.0.0.1 4711 80\r\n",
            b"PROXY TCP4 203.0.113.7 10.0.0.1 65536 80\r\n",
            b"PROXY UDP4 203.0.113.7 10.0.0.1 4711 80\r\n",
            b"PROXY  TCP4 203.0.113.7 10.0.0.1 4711 80\r\n",
            b"PROXYTCP4 203.0.113.7 10.0.0.1 4711 80\r\n",
            &long,
            &v2(0x21, 0x11, &[1, 2, 3]),
            &v2(0x11, 0x11, &[0; 12]),
            &v2(0x22, 0x11, &[0; 12]),
            &v2(0x21, 0x11, &[0; LONGEST_V2 + 1]),
        ] {
            assert_eq!(outcome(bytes), Err(io::ErrorKind::InvalidData), "{bytes:?}");
        }
        assert_eq!(outcome(b"PROXY"), Err(io::ErrorKind::UnexpectedEof));
    }
}
