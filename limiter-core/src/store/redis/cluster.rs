//! A cluster: which server holds which slot, and how that is found out again when it changes.
//!
//! The map is asked of any server that answers. It is asked for anew when a call was sent to the wrong
//! server, found no connection, or ran out of time; calls do not wait for it, except for one that was
//! told where its key went.

use core::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::redis::{ConnectionInfo, Value};
use arc_swap::ArcSwap;
use dashmap::DashMap;
use tokio::time::sleep;

use super::failure::Failure;
use super::kept::Kept;
use super::node::{Node, Work};
use super::settings::Settings;
use super::target::{Target, address, info, text};

/// Between two looks at the map.
const PAUSE: Duration = Duration::from_millis(100);

/// Slots from the first to the second, and who holds them.
type Ranges = Vec<(u16, u16, Arc<Node>)>;

pub(super) struct Cluster {
    seeds: Vec<Arc<Node>>,
    tls: bool,
    settings: Arc<Settings>,
    nodes: DashMap<String, Arc<Node>>,
    map: ArcSwap<Ranges>,
    /// Whether a call has met what does not go with the map.
    stale: AtomicBool,
}

impl Cluster {
    pub(super) fn new(seeds: Vec<ConnectionInfo>, tls: bool, settings: Arc<Settings>) -> Arc<Self> {
        let seeds = seeds.into_iter().map(|seed| Node::new(Target::Fixed(seed), Arc::clone(&settings))).collect();
        let cluster = Arc::new(Cluster {
            seeds,
            tls,
            settings,
            nodes: DashMap::new(),
            map: ArcSwap::from_pointee(Vec::new()),
            stale: AtomicBool::new(false),
        });
        cluster.watch();
        cluster
    }

    pub(super) async fn connect(&self) -> Result<(), Failure> {
        let mut last = Failure::Down;
        for seed in &self.seeds {
            match seed.connect().await {
                Ok(()) => return self.look().await,
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    pub(super) fn kept(&self) -> Kept {
        self.settings.kept
    }

    /// Whether every slot that somebody holds can be reached.
    pub(super) fn is_live(&self) -> bool {
        let map = self.map.load();
        !map.is_empty() && map.iter().all(|(_, _, node)| node.is_live())
    }

    /// Sends to whoever holds the slot, and once more to where that one points: it has done nothing.
    pub(super) async fn run(self: &Arc<Self>, slot: u16, work: Work<'_>) -> Result<Value, Failure> {
        let mut answer = match self.holder(slot) {
            Some(node) => node.run(work).await,
            None => Err(Failure::Down),
        };
        if let Err(failure) = &answer
            && let Some((to, is_ask)) = failure.redirect()
            && let Some(node) = self.node_at(&to)
        {
            self.refresh();
            answer = node.run(Work { asking: is_ask, ..work }).await;
        }
        if let Err(failure) = &answer
            && failure.is_topological()
        {
            self.refresh();
        }
        answer
    }

    /// A number for the holder of a slot: the place of the first slot that it holds.
    pub(super) fn shard_of(&self, slot: u16) -> usize {
        let Some(holder) = self.holder(slot) else { return 0 };
        self.map.load().iter().position(|(_, _, node)| Arc::ptr_eq(node, &holder)).unwrap_or(0)
    }

    fn holder(&self, slot: u16) -> Option<Arc<Node>> {
        let map = self.map.load();
        let at = map.partition_point(|(_, last, _)| *last < slot);
        map.get(at).filter(|(first, _, _)| *first <= slot).map(|(_, _, node)| Arc::clone(node))
    }

    fn node_at(&self, to: &str) -> Option<Arc<Node>> {
        if let Some(known) = self.nodes.get(to) {
            return Some(Arc::clone(&known));
        }
        let (host, port) = to.rsplit_once(':')?;
        let address = address(host.to_owned(), port.parse().ok()?, self.tls);
        let target = Target::Fixed(info(address, &self.settings).ok()?);
        let node = self.nodes.entry(to.to_owned()).or_insert_with(|| Node::new(target, Arc::clone(&self.settings)));
        Some(Arc::clone(&node))
    }

    /// Has the map looked at again soon.
    fn refresh(&self) {
        self.stale.store(true, Ordering::Release);
    }

    /// Looks at the map in the background while it may be out of date, or some slot has no holder that is
    /// connected. This goes on whether or not anybody calls: who stands before the store may hold calls
    /// back until it works again.
    fn watch(self: &Arc<Self>) {
        let cluster = Arc::downgrade(self);
        self.settings.runtime.spawn(async move {
            loop {
                sleep(PAUSE).await;
                let Some(cluster) = cluster.upgrade() else { return };
                if (cluster.stale.swap(false, Ordering::AcqRel) || !cluster.is_live()) && cluster.look().await.is_err()
                {
                    cluster.refresh();
                }
            }
        });
    }

    /// Asks one server after the other for the map, and connects to those it names.
    async fn look(&self) -> Result<(), Failure> {
        let mut last = Failure::Down;
        let known: Vec<Arc<Node>> = self.nodes.iter().map(|node| Arc::clone(&node)).collect();
        let mut ask = ::redis::cmd("CLUSTER");
        ask.arg("SLOTS");
        for node in known.iter().chain(&self.seeds) {
            match node.run(Work::plain(&ask)).await {
                Ok(value) => match self.read(&value, node.host()) {
                    Some(ranges) if !ranges.is_empty() => {
                        for (_, _, node) in ranges.iter().filter(|(_, _, node)| !node.is_live()) {
                            // One that was lost must not keep the others from being used.
                            let lost = known.iter().any(|known| Arc::ptr_eq(known, node));
                            if lost || node.connect().await.is_err() {
                                node.reconnect(PAUSE);
                            }
                        }
                        self.nodes.retain(|_, node| ranges.iter().any(|(_, _, other)| Arc::ptr_eq(node, other)));
                        self.map.store(Arc::new(ranges));
                        return Ok(());
                    }
                    _ => last = Failure::Unreadable,
                },
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// A server that does not know its own address means the one by which it was asked.
    fn read(&self, value: &Value, asked: &str) -> Option<Ranges> {
        let Value::Array(entries) = value else { return None };
        let mut ranges = Ranges::new();
        for entry in entries {
            let Value::Array(entry) = entry else { return None };
            let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = entry.as_slice() else {
                return None;
            };
            let [host, Value::Int(port), ..] = primary.as_slice() else { return None };
            let host = text(host).filter(|host| !host.is_empty()).unwrap_or_else(|| asked.to_owned());
            let node = self.node_at(&format!("{host}:{port}"))?;
            ranges.push((u16::try_from(*first).ok()?, u16::try_from(*last).ok()?, node));
        }
        ranges.sort_by_key(|(first, _, _)| *first);
        Some(ranges)
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("nodes", &self.nodes.len()).finish_non_exhaustive()
    }
}
