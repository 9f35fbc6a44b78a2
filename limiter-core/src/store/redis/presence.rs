//! How many processes share the store: each says in a set that it lives, and counts those that do.
//!
//! One task of the store does this, three times within the time for which a process counts; no decision waits
//! for it. While the store fails the last known number stays. A store that has lost its data is asked twice
//! more before it is believed: the others have to say first that they live. Whoever leaves says so, and who
//! dies is counted until its time is over.

use core::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::redis::Value;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::encode::{Argument, Call, number};
use super::failure::Failure;
use super::names::Names;
use super::route::Route;
use super::script::Script;
use crate::store::StandIn;
use crate::store::jitter::shortened;

/// For as long may a process count that has said that it lives.
pub(super) const LONGEST: Duration = Duration::from_secs(60);
const SHORTEST: Duration = Duration::from_millis(300);
/// So often does a process find itself in the set before fewer than before are believed.
const DOUBTS: u32 = 2;

/// Who we are, and where that is said.
struct Member {
    route: Arc<Route>,
    key: String,
    id: String,
    ttl: Duration,
}

/// This process among those that share the store, until it is dropped.
pub(super) struct Presence {
    member: Arc<Member>,
    beating: AbortHandle,
    runtime: Handle,
}

/// What is made of the counts.
#[derive(Debug, Default)]
struct Count {
    known: u32,
    /// How many more counts that are lower are not believed.
    doubts: u32,
}

impl Presence {
    /// Joins those that share the store, and counts them from now on.
    pub(super) async fn join(
        route: Arc<Route>,
        names: &Names,
        id: String,
        ttl: Duration,
        stand_in: Arc<StandIn>,
        runtime: Handle,
    ) -> Self {
        let ttl = ttl.clamp(SHORTEST, LONGEST);
        let member = Arc::new(Member { route, key: names.plain("nodes", "present"), id, ttl });
        let mut count = Count::default();
        // So that whoever connects knows at once how many there are, if the store is there.
        member.beat(&mut count, &stand_in).await;
        let beats = Arc::clone(&member);
        let beating = runtime.spawn(async move {
            loop {
                tokio::time::sleep(beats.pause()).await;
                beats.beat(&mut count, &stand_in).await;
            }
        });
        Presence { member, beating: beating.abort_handle(), runtime }
    }
}

impl Member {
    async fn beat(&self, count: &mut Count, stand_in: &StandIn) {
        if let Ok((live, new)) = self.say().await {
            stand_in.set_counted(count.heard(live, new));
        }
    }

    async fn say(&self) -> Result<(u32, bool), Failure> {
        let millis = |duration: Duration| number(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
        let arguments = vec![Argument::Text(self.id.clone()), millis(self.ttl), millis(LONGEST)];
        let call = Call {
            script: Script::Present,
            keys: std::iter::once(self.key.clone()).collect(),
            arguments: arguments.into(),
        };
        let Value::Array(said) = self.route.script(&call).await? else { return Err(Failure::Unreadable) };
        let [Value::Int(live), Value::Int(new)] = said.as_slice() else { return Err(Failure::Unreadable) };
        Ok((u32::try_from(*live).map_err(|_| Failure::Unreadable)?, *new == 1))
    }

    /// A third of the time to live or somewhat less, so that a fleet does not speak at one instant.
    fn pause(&self) -> Duration {
        shortened(self.ttl / 3, self.ttl / 12)
    }
}

impl Count {
    /// What is known after so many were counted, one of them for the first time if this process was `new`.
    fn heard(&mut self, live: u32, new: bool) -> u32 {
        if new && self.known > 0 {
            self.doubts = DOUBTS;
        }
        if live >= self.known || self.doubts == 0 {
            self.known = live.max(1);
        }
        self.doubts = if new { self.doubts } else { self.doubts.saturating_sub(1) };
        self.known
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.beating.abort();
        let member = Arc::clone(&self.member);
        if member.route.is_live() {
            self.runtime.spawn(async move {
                let mut leave = ::redis::cmd("ZREM");
                leave.arg(&member.key).arg(&member.id);
                // Who cannot say so is counted for a while.
                let _ = member.route.command(&member.key, &leave).await;
            });
        }
    }
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presence").field("ttl", &self.member.ttl).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_come_and_go_are_counted_at_once() {
        let mut count = Count::default();
        assert_eq!(count.heard(1, true), 1);
        assert_eq!(count.heard(3, false), 3);
        assert_eq!(count.heard(2, false), 2);
        assert_eq!(count.heard(0, false), 1, "at least this one");
    }

    #[test]
    fn a_set_that_was_lost_is_doubted_until_the_others_had_time_to_come_back() {
        let mut count = Count::default();
        count.heard(8, true);
        assert_eq!(count.heard(1, true), 8);
        assert_eq!(count.heard(5, false), 8);
        assert_eq!(count.heard(7, false), 8);
        assert_eq!(count.heard(7, false), 7);
        assert_eq!(count.heard(1, true), 7);
        assert_eq!(count.heard(9, false), 9, "more are more");
    }
}
