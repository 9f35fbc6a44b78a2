//! Which server a call goes to.

use std::sync::Arc;

use ::redis::{Cmd, Value};

use super::cluster::Cluster;
use super::encode::Call;
use super::failure::Failure;
use super::kept::Kept;
use super::names::slot;
use super::node::{Node, Work};

pub(super) enum Route {
    Cluster(Arc<Cluster>),
    One(Arc<Node>),
}

impl Route {
    /// Runs a script on the server that holds its keys.
    pub(super) async fn script(&self, call: &Call) -> Result<Value, Failure> {
        let command = command(self.kept(), call);
        let work = Work { script: Some(call.script), ..Work::plain(&command) };
        match self {
            Route::One(node) => node.run(work).await,
            // Boxed, so that what waits for one server is small.
            Route::Cluster(cluster) => Box::pin(cluster.run(slot_of(&call.keys), work)).await,
        }
    }

    /// Runs a plain command on the server that holds `key`.
    pub(super) async fn command(&self, key: &str, command: &Cmd) -> Result<Value, Failure> {
        match self {
            Route::One(node) => node.run(Work::plain(command)).await,
            Route::Cluster(cluster) => cluster.run(slot(key), Work::plain(command)).await,
        }
    }

    /// Whether all keys of one call can be on one server.
    pub(super) fn keeps_together(&self, keys: &[String]) -> bool {
        match self {
            Route::One(_) => true,
            Route::Cluster(_) => keys.iter().all(|key| slot(key) == slot_of(keys)),
        }
    }

    fn kept(&self) -> Kept {
        match self {
            Route::One(node) => node.kept(),
            Route::Cluster(cluster) => cluster.kept(),
        }
    }

    /// A number for the server that holds a key.
    pub(super) fn shard_of(&self, key: &str) -> usize {
        match self {
            Route::One(_) => 0,
            Route::Cluster(cluster) => cluster.shard_of(slot(key)),
        }
    }

    pub(super) fn is_cluster(&self) -> bool {
        matches!(self, Route::Cluster(_))
    }

    pub(super) fn is_live(&self) -> bool {
        match self {
            Route::One(node) => node.is_live(),
            Route::Cluster(cluster) => cluster.is_live(),
        }
    }
}

fn slot_of(keys: &[String]) -> u16 {
    keys.first().map_or(0, |key| slot(key))
}

fn command(kept: Kept, call: &Call) -> Cmd {
    // A hash, a key and a few numbers.
    let mut command = Cmd::with_capacity(3 + call.keys.len() + call.arguments.len(), 192);
    kept.begin(call.script, &mut command);
    command.arg(call.keys.len());
    for key in &call.keys {
        command.arg(key);
    }
    for argument in &call.arguments {
        command.arg(argument);
    }
    command
}
