//! How a store is configured.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::address::{Address, AddressError, Place};
use super::clock::Distance;
use super::cluster::Cluster;
use super::desk::Desk;
use super::engine::{Inner, RedisEngine};
use super::kept::Kept;
use super::leases::Leases;
use super::names::Names;
use super::node::Node;
use super::presence::Presence;
use super::route::Route;
use super::settings::{Counts, Settings};
use super::target::Target;
use super::{ConnectError, RedisStore};
use crate::store::Store;
use crate::store::front::FleetOptions;

/// Configures a [`RedisStore`].
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use limiter_core::store::redis::RedisStore;
/// use std::time::Duration;
///
/// let store = RedisStore::builder("redis-cluster://10.0.0.1,10.0.0.2")
///     .namespace("shop")
///     .deadline(Duration::from_millis(20))
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RedisStoreBuilder {
    url: String,
    namespace: String,
    shared_tag: Option<String>,
    fleet: FleetOptions,
    connect_within: Duration,
    kept: Kept,
    lease: Duration,
    heartbeat: Duration,
    wait_for_server: bool,
    callers_clock: bool,
}

impl RedisStoreBuilder {
    pub(super) fn new(url: impl Into<String>) -> Self {
        RedisStoreBuilder {
            url: url.into(),
            namespace: "limiter".to_owned(),
            shared_tag: None,
            fleet: FleetOptions::new(),
            connect_within: Duration::from_secs(1),
            kept: Kept::Scripts,
            lease: Duration::from_secs(30),
            heartbeat: Duration::from_secs(3),
            wait_for_server: true,
            callers_clock: false,
        }
    }

    /// What the names of all keys begin with; `limiter` unless stated. Applications that share a server
    /// but no limits take one each. Braces are left out.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into().replace(['{', '}'], "");
        self
    }

    /// Keeps all keys in one slot of a cluster, so that rules with different keys can be decided at
    /// once. One server then does all the work. Braces are left out.
    pub fn shared_tag(mut self, tag: impl Into<String>) -> Self {
        self.shared_tag = Some(tag.into().replace(['{', '}'], ""));
        self
    }

    /// How long an answer may take; 50 ms unless stated. What takes longer is an error, and the rule
    /// says what then.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.fleet = self.fleet.deadline(deadline);
        self
    }

    /// What stands before the store, the deadline among it: how many processes share it, what is set
    /// aside for them.
    pub fn fleet(mut self, options: FleetOptions) -> Self {
        self.fleet = options;
        self
    }

    /// How long making a connection may take; one second unless stated. No decision waits for it.
    pub fn connect_within(mut self, within: Duration) -> Self {
        self.connect_within = within;
        self
    }

    /// Keeps what the server runs as functions instead of scripts: replicas have them and a restart keeps them,
    /// so that nothing is loaded after a failover. Each is in a library of its own, named `limiter_v1_` and a
    /// part of its hash; those of versions that are no longer used stay until they are deleted.
    ///
    /// Unlike scripts, functions are not run at all by a server that is out of memory under `noeviction`: what
    /// would have been refused is an error too then. The user of an ACL needs `FCALL` and `FUNCTION LOAD`
    /// instead of `EVALSHA` and `SCRIPT LOAD`.
    pub fn functions(mut self) -> Self {
        self.kept = Kept::Functions;
        self
    }

    /// How long a slot of a concurrent limit outlives a process that died with it; 30 s unless stated,
    /// and at least 100 ms. Slots are renewed three times in that time.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.max(Duration::from_millis(100));
        self
    }

    /// For how long a process that died counts among those that share the store, where it is not
    /// [stated](FleetOptions::nodes) how many there are; 3 s unless stated, from 300 ms to one minute. Each
    /// says three times in that time that it lives.
    pub fn heartbeat(mut self, heartbeat: Duration) -> Self {
        self.heartbeat = heartbeat;
        self
    }

    /// Does not wait for the server when connecting: the application starts although it is away, and
    /// the rules' choice for store errors holds until it is there.
    pub fn without_waiting(mut self) -> Self {
        self.wait_for_server = false;
        self
    }

    /// Goes by the caller's clock instead of the server's, so that tests can move it. Processes whose
    /// clocks differ would limit differently: for tests only.
    #[cfg(any(test, feature = "testing"))]
    pub fn callers_clock(mut self) -> Self {
        self.callers_clock = true;
        self
    }

    /// Connects.
    ///
    /// # Errors
    ///
    /// When the address cannot be used, this is not called within a tokio runtime, or the server does
    /// not answer.
    pub async fn connect(self) -> Result<RedisStore, ConnectError> {
        let address = Address::read(&self.url)?;
        let runtime = Handle::try_current().map_err(|_| ConnectError::NoRuntime)?;
        let settings = Arc::new(Settings {
            runtime,
            deadline: self.fleet.deadline,
            connect_within: self.connect_within,
            kept: self.kept,
            login: address.login,
            counts: Counts::default(),
        });
        let wait = self.wait_for_server;
        let unreachable = |failure: super::failure::Failure| ConnectError::Unreachable(failure.into());
        let node = |target| Node::new(target, Arc::clone(&settings));
        let route = match address.place {
            Place::Cluster { seeds, tls } => {
                let cluster = Cluster::new(seeds, tls, Arc::clone(&settings));
                match cluster.connect().await {
                    Err(failure) if wait => return Err(unreachable(failure)),
                    _ => Route::Cluster(cluster),
                }
            }
            Place::One(info) => Route::One(node(Target::Fixed(info))),
            Place::Sentinel { sentinels, name, tls } => Route::One(node(Target::Sentinel { sentinels, name, tls })),
        };
        if let Route::One(node) = &route
            && let Err(failure) = node.connect().await
        {
            if wait {
                return Err(unreachable(failure));
            }
            node.reconnect(Duration::ZERO);
        }
        let names = Names { namespace: self.namespace, shared_tag: self.shared_tag };
        let engine = RedisEngine {
            inner: Arc::new(Inner {
                route: Arc::new(route),
                settings,
                names,
                leases: Arc::new(Leases::new(self.lease)),
                distance: Distance::default(),
                desk: Desk::default(),
                callers_clock: self.callers_clock,
            }),
        };
        let inner = Arc::clone(&engine.inner);
        let mut store = RedisStore::around(engine, self.fleet);
        let stand_in = store.stand_in();
        if !stand_in.is_stated() {
            let (route, id) = (Arc::clone(&inner.route), inner.leases.node.clone());
            let runtime = inner.settings.runtime.clone();
            let joined = Presence::join(route, &inner.names, id, self.heartbeat, stand_in, runtime);
            store.presence = Some(Arc::new(joined.await));
        }
        Ok(store)
    }
}

impl From<AddressError> for ConnectError {
    fn from(error: AddressError) -> Self {
        ConnectError::Address(error)
    }
}

#[cfg(test)]
mod tests {
    use core::pin::pin;
    use core::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn without_a_runtime_it_says_so() {
        let connecting = pin!(RedisStoreBuilder::new("redis://127.0.0.1:1").connect());
        let Poll::Ready(Err(error)) = connecting.poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("it is known at once");
        };
        assert!(error.to_string().contains("tokio runtime"), "{error}");
    }
}
