//! One server: one connection that all calls share, kept up by a task of its own.
//!
//! A call never waits for a connection. Where there is none it fails at once, so that the rule's
//! choice for store errors holds; a task reconnects meanwhile. A connection that breaks, or that
//! lets several calls in a row run out of time, is given up: a server that was frozen may have been
//! replaced while its connections stay open.

use core::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use ::redis::aio::{ConnectionLike, MultiplexedConnection};
use ::redis::{Client, Cmd, ConnectionInfo, ErrorKind, RedisError, ServerErrorKind, Value};
use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::failure::Failure;
use super::kept::Kept;
use super::script::{SCRIPTS, Script};
use super::settings::Settings;
use super::target::Target;
use crate::store::attempts::{Attempts, FIRST_PAUSE, LONGEST_PAUSE};

/// So many calls in a row that run out of time end a connection.
const STRIKES: u32 = 3;

pub(super) struct Node {
    target: Target,
    settings: Arc<Settings>,
    live: ArcSwapOption<Live>,
    strikes: AtomicU32,
    connecting: AtomicBool,
    /// How often each script was loaded.
    loads: [AtomicU64; SCRIPTS],
    /// Who finds a script missing waits for whoever loads it.
    loading: Mutex<()>,
}

/// What a server is asked to do.
#[derive(Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) command: &'a Cmd,
    /// What the command runs: it is loaded first where the server does not have it.
    pub(super) script: Option<Script>,
    /// The slot is on its way to this server.
    pub(super) asking: bool,
}

impl<'a> Work<'a> {
    pub(super) fn plain(command: &'a Cmd) -> Self {
        Work { command, script: None, asking: false }
    }
}

/// A connection that works as far as is known.
pub(super) struct Live {
    connection: MultiplexedConnection,
}

impl Node {
    pub(super) fn new(target: Target, settings: Arc<Settings>) -> Arc<Self> {
        Arc::new(Node {
            target,
            settings,
            live: ArcSwapOption::empty(),
            strikes: AtomicU32::new(0),
            connecting: AtomicBool::new(false),
            loads: core::array::from_fn(|_| AtomicU64::new(0)),
            loading: Mutex::new(()),
        })
    }

    pub(super) fn is_live(&self) -> bool {
        self.live.load().is_some()
    }

    pub(super) fn kept(&self) -> Kept {
        self.settings.kept
    }

    /// The host by which it is reached, where that is known beforehand.
    pub(super) fn host(&self) -> &str {
        self.target.host()
    }

    /// Connects now, once.
    pub(super) async fn connect(&self) -> Result<(), Failure> {
        let connect = async {
            let to = self.target.resolve(&self.settings).await?;
            let connection = open(to, &self.settings).await?;
            self.target.verify(connection.clone()).await?;
            Ok::<_, Failure>(connection)
        };
        let connection = timeout(self.settings.connect_within, connect).await.map_err(|_| Failure::Timeout)??;
        self.strikes.store(0, Ordering::Relaxed);
        self.live.store(Some(Arc::new(Live { connection })));
        self.settings.counts.connections.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Connects in the background, as often as it takes.
    pub(super) fn reconnect(self: &Arc<Self>, first: Duration) {
        if self.connecting.swap(true, Ordering::AcqRel) {
            return;
        }
        let node = Arc::downgrade(self);
        self.settings.runtime.spawn(async move {
            let mut attempts = Attempts::after(first);
            loop {
                attempts.next().await;
                // Nobody uses it any more.
                let Some(node) = Weak::upgrade(&node) else { return };
                if node.is_live() || node.connect().await.is_ok() {
                    node.connecting.store(false, Ordering::Release);
                    return;
                }
            }
        });
    }

    /// Does one thing, within the deadline.
    pub(super) async fn run(self: &Arc<Self>, work: Work<'_>) -> Result<Value, Failure> {
        let Some(live) = self.live.load_full() else {
            self.reconnect(Duration::ZERO);
            return Err(Failure::Down);
        };
        match timeout(self.settings.deadline, self.attempt(&live, work)).await {
            Ok(Ok(value)) => {
                self.strikes.store(0, Ordering::Relaxed);
                Ok(value)
            }
            Ok(Err(error)) => {
                if error.is_unrecoverable_error() || error.is_io_error() {
                    self.give_up(&live, FIRST_PAUSE);
                } else if error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly) {
                    // What was the primary is one no more: look again where that is.
                    self.give_up(&live, LONGEST_PAUSE / 4);
                }
                Err(Failure::from(error))
            }
            Err(_) => {
                self.settings.counts.timeouts.fetch_add(1, Ordering::Relaxed);
                if self.strikes.fetch_add(1, Ordering::Relaxed) + 1 >= STRIKES {
                    self.give_up(&live, FIRST_PAUSE);
                }
                Err(Failure::Timeout)
            }
        }
    }

    async fn attempt(&self, live: &Live, work: Work<'_>) -> Result<Value, RedisError> {
        let Work { command, script, asking } = work;
        let Some(script) = script else { return live.send(command, asking).await };
        // A second flush may come in between; a third is no accident.
        let mut tries = 0;
        loop {
            let known = self.loads(script).load(Ordering::Acquire);
            match live.send(command, asking).await {
                Err(error) if self.settings.kept.is_missing(&error) && tries < 3 => {
                    Box::pin(self.load(live, script, known)).await?;
                    tries += 1;
                }
                answer => return answer,
            }
        }
    }

    /// Ends the use of one connection, not of a newer one.
    fn give_up(self: &Arc<Self>, live: &Arc<Live>, pause: Duration) {
        let before = self.live.compare_and_swap(live, None);
        if before.as_ref().is_some_and(|before| Arc::ptr_eq(before, live)) {
            self.reconnect(pause);
        }
    }

    fn loads(&self, script: Script) -> &AtomicU64 {
        // There are as many as there are scripts.
        self.loads.get(script.index()).unwrap_or(&self.loads[0])
    }

    /// Loads a script, unless somebody has since it was `known` to be missing.
    async fn load(&self, live: &Live, script: Script, known: u64) -> Result<(), RedisError> {
        let _alone = self.loading.lock().await;
        if self.loads(script).load(Ordering::Acquire) == known {
            live.send(&self.settings.kept.load(script), false).await?;
            self.loads(script).fetch_add(1, Ordering::AcqRel);
            self.settings.counts.loads.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Live {
    async fn send(&self, command: &Cmd, asking: bool) -> Result<Value, RedisError> {
        let mut connection = self.connection.clone();
        if !asking {
            return connection.req_packed_command(command).await?.extract_error();
        }
        let mut pipeline = ::redis::pipe();
        pipeline.cmd("ASKING").ignore().add_command(command.clone());
        let values = Box::pin(connection.req_packed_commands(&pipeline, 1, 1)).await?;
        values.into_iter().next().unwrap_or(Value::Nil).extract_error()
    }
}

/// Opens a connection.
pub(super) async fn open(to: ConnectionInfo, settings: &Settings) -> Result<MultiplexedConnection, Failure> {
    let tcp = ::redis::io::tcp::TcpSettings::default().set_nodelay(true);
    let client = Client::open(to.set_tcp_settings(tcp))?;
    let config = ::redis::AsyncConnectionConfig::new()
        .set_connection_timeout(Some(settings.connect_within))
        .set_response_timeout(None)
        .set_pipeline_buffer_size(1024);
    Ok(client.get_multiplexed_async_connection_with_config(&config).await?)
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("target", &self.target).field("live", &self.is_live()).finish_non_exhaustive()
    }
}
