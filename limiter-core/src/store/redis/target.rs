//! Which server a connection leads to: one that is known, or whichever the sentinels name.

use core::fmt;

use ::redis::aio::{ConnectionLike, MultiplexedConnection};
use ::redis::{ConnectionAddr, ConnectionInfo, Value};

use super::failure::Failure;
use super::node::open;
use super::settings::Settings;

pub(super) enum Target {
    Fixed(ConnectionInfo),
    /// The primary of this name, asked for anew with each connection.
    Sentinel {
        sentinels: Vec<ConnectionInfo>,
        name: String,
        /// Whether the servers themselves are reached over TLS.
        tls: bool,
    },
}

impl Target {
    pub(super) fn host(&self) -> &str {
        match self {
            Target::Fixed(info) => match info.addr() {
                ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host,
                _ => "",
            },
            Target::Sentinel { .. } => "",
        }
    }

    pub(super) async fn resolve(&self, settings: &Settings) -> Result<ConnectionInfo, Failure> {
        let (sentinels, name, tls) = match self {
            Target::Fixed(info) => return Ok(info.clone()),
            Target::Sentinel { sentinels, name, tls } => (sentinels, name, *tls),
        };
        let mut last = Failure::Down;
        for sentinel in sentinels {
            // A sentinel that hangs must not use up the time of the next.
            let share = settings.connect_within / u32::try_from(sentinels.len() + 1).unwrap_or(1);
            match tokio::time::timeout(share, primary(sentinel, name, settings)).await {
                Ok(Ok((host, port))) => return Ok(info(address(host, port, tls), settings)?),
                Ok(Err(error)) => last = error,
                Err(_) => last = Failure::Timeout,
            }
        }
        Err(last)
    }

    /// A sentinel may still name the old primary.
    pub(super) async fn verify(&self, mut connection: MultiplexedConnection) -> Result<(), Failure> {
        if matches!(self, Target::Fixed(_)) {
            return Ok(());
        }
        match connection.req_packed_command(&::redis::cmd("ROLE")).await?.extract_error()? {
            Value::Array(role) if role.first().and_then(text).is_some_and(|role| role == "master") => Ok(()),
            _ => Err(Failure::Down),
        }
    }
}

async fn primary(sentinel: &ConnectionInfo, name: &str, settings: &Settings) -> Result<(String, u16), Failure> {
    let mut connection = open(sentinel.clone(), settings).await?;
    let mut ask = ::redis::cmd("SENTINEL");
    ask.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
    match connection.req_packed_command(&ask).await?.extract_error()? {
        Value::Array(values) => {
            let mut values = values.iter().filter_map(text);
            let (host, port) = (values.next(), values.next().and_then(|port| port.parse().ok()));
            host.zip(port).ok_or(Failure::Unreadable)
        }
        _ => Err(Failure::Down),
    }
}

/// What is known of a server whose address was found out.
pub(super) fn info(address: ConnectionAddr, settings: &Settings) -> Result<ConnectionInfo, ::redis::RedisError> {
    use ::redis::IntoConnectionInfo;
    Ok(address.into_connection_info()?.set_redis_settings(settings.login.clone()))
}

pub(super) fn address(host: String, port: u16, tls: bool) -> ConnectionAddr {
    if tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    }
}

pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::SimpleString(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Passwords stay unseen.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Fixed(info) => write!(f, "{}", info.addr()),
            Target::Sentinel { name, .. } => write!(f, "the primary `{name}`"),
        }
    }
}
