//! How a store at Memcached is configured.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::MemcachedStore;
use super::engine::Engine;
use super::fault::Fault;
use super::line::{Address, AddressError, Patience, open};
use super::name::{NAMESPACE, is_namespace};
use super::ring::Ring;
use crate::store::front::{FleetOptions, Front};
use crate::time::{Clock, ClockHandle, SystemClock};

/// Configures a [`MemcachedStore`].
///
/// ```no_run
/// use limiter_core::store::memcached::MemcachedStore;
/// use std::time::Duration;
///
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemcachedStore::builder()
///     .namespace("shop")
///     .lease(Duration::from_secs(20))
///     .connect(["unix:/run/memcached/limits.sock"])
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct MemcachedBuilder {
    namespace: String,
    connect_timeout: Duration,
    reply_timeout: Option<Duration>,
    lease: Duration,
    fleet: FleetOptions,
    clock: Option<Arc<dyn Clock>>,
}

impl Default for MemcachedBuilder {
    fn default() -> Self {
        MemcachedBuilder {
            namespace: NAMESPACE.to_owned(),
            connect_timeout: Duration::from_secs(1),
            reply_timeout: None,
            lease: Duration::from_secs(10),
            fleet: FleetOptions::new(),
            clock: None,
        }
    }
}

impl MemcachedBuilder {
    /// What all keys begin with, so that several applications can share a server. `limiter` unless
    /// stated.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// How long a server may take to accept a connection. A second unless stated.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a server may take to reply. A connection on which a reply is overdue is given up and
    /// made anew, and everybody who waits on it fails. Twice the [deadline](FleetOptions::deadline) unless stated.
    pub fn reply_timeout(mut self, timeout: Duration) -> Self {
        self.reply_timeout = Some(timeout);
        self
    }

    /// How long the slots of a concurrent limit are held unless they are renewed, which happens three
    /// times as often. 10 seconds unless stated, and no less than one.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.max(Duration::from_secs(1));
        self
    }

    /// What stands before the servers: how long anybody waits, how many processes share them, what is set
    /// aside for these.
    pub fn fleet(mut self, options: FleetOptions) -> Self {
        self.fleet = options;
        self
    }

    /// Tells the time by another clock, such as a manual one in tests: that of the limiter.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Connects to servers: `host`, `host:port` or `unix:/path` each.
    ///
    /// # Errors
    ///
    /// When none is given, an address or the namespace cannot be read, this is not called within a tokio
    /// runtime, or a server does not answer.
    ///
    /// # Panics
    ///
    /// Within a tokio runtime whose timer or sockets are not enabled.
    pub async fn connect(
        self,
        servers: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<MemcachedStore, ConnectError> {
        if !is_namespace(&self.namespace) {
            return Err(ConnectError(Kind::Namespace(self.namespace)));
        }
        let runtime = Handle::try_current().map_err(|_| ConnectError(Kind::NoRuntime))?;
        let reply = self.reply_timeout.unwrap_or_else(|| self.fleet.deadline.saturating_mul(2));
        let patience = Patience { connect: self.connect_timeout, reply };
        let addresses: Result<Vec<Address>, _> = servers.into_iter().map(|server| server.into().parse()).collect();
        let mut lines = Vec::new();
        for address in addresses.map_err(|error| ConnectError(Kind::Address(error)))? {
            lines.push(open(address, patience).await.map_err(|fault| ConnectError(Kind::Fault(fault)))?);
        }
        let Some(last) = lines.pop() else { return Err(ConnectError(Kind::NoServers)) };
        let ring = Ring::new(last, lines);
        let clock = self.clock.map_or_else(|| ClockHandle::System(SystemClock::new()), ClockHandle::guarded);
        let engine = Engine::new(ring, self.namespace.into(), clock, self.lease, runtime);
        Ok(MemcachedStore { front: Front::before_servers(engine, self.fleet) })
    }
}

/// Why a store could not be made.
#[derive(Clone, Debug)]
pub struct ConnectError(Kind);

#[derive(Clone, Debug)]
enum Kind {
    NoRuntime,
    NoServers,
    Address(AddressError),
    Namespace(String),
    Fault(Fault),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::NoRuntime => f.write_str("a store is connected within a tokio runtime, and there is none"),
            Kind::NoServers => f.write_str("no memcached server was named; accepted: one or more addresses"),
            Kind::Address(error) => error.fmt(f),
            Kind::Namespace(text) => {
                write!(f, "`{text}` cannot be a namespace; accepted: 1 to 64 visible ASCII characters")
            }
            Kind::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for ConnectError {}

#[cfg(test)]
mod tests {
    use core::pin::pin;
    use core::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn without_a_runtime_it_says_so() {
        let connecting = pin!(MemcachedBuilder::default().connect(["127.0.0.1:1"]));
        let Poll::Ready(Err(error)) = connecting.poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("it is known at once");
        };
        assert!(error.to_string().contains("tokio runtime"), "{error}");
    }
}
