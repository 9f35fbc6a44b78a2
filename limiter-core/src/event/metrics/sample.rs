//! Numbers that are read now and then rather than told: how full stores are, how writing goes.

use metrics::{counter, describe_counter, describe_gauge, gauge};

use crate::limiter::Limiter;

/// A number that goes up and down.
fn level(name: &'static str, value: f64, meaning: &'static str) {
    describe_gauge!(name, meaning);
    gauge!(name).set(value);
}

/// A number that only goes up.
fn total(name: &'static str, value: u64, meaning: &'static str) {
    describe_counter!(name, meaning);
    counter!(name).absolute(value);
}

/// Passes on how many wait and how many requests are yet to be settled, and what the limiter's store
/// holds and has done. Call it when a recorder is read, or every few seconds: of a store in memory it
/// takes each shard's lock in turn.
pub fn sample(limiter: &Limiter) {
    #[cfg(feature = "wait")]
    level("limiter_waiting", limiter.waiting_in_all() as f64, "Those who stand in line for their turn.");
    level("limiter_unsettled", limiter.unsettled() as f64, "Requests whose outcome is yet to be seen.");
    describe_counter!("limiter_store_events_total", "What a store on the network has counted of itself.");
    for (event, count) in limiter.store_totals() {
        counter!("limiter_store_events_total", "event" => event).absolute(count);
    }
    let Some(store) = limiter.memory() else { return };
    let stats = store.stats();
    level("limiter_keys", stats.keys as f64, "Keys held.");
    level("limiter_log_bytes", stats.log_bytes as f64, "Bytes taken by exact logs.");
    total("limiter_pruned_total", stats.pruned, "Stale keys dropped.");
    total("limiter_evicted_total", stats.evicted, "Live keys given up for new ones.");
    total("limiter_shared_total", stats.shared, "Decisions about keys that shared a budget for want of room.");
    total("limiter_turned_away_total", stats.turned_away, "Decisions that refused a new key for want of room.");
}

/// Passes on how a violation tracker does: `limiter_violations_written_total`, `_folded_total`,
/// `_refused_total`, `_rejected_total`, `_lost_total`, `_flushes_total` and `_flush_failures_total`, and
/// as gauges `_pending`, `_pending_pairs`, `_oldest_seconds` and `_sink_up`, which is 0 once an attempt
/// has failed and until one does not.
#[cfg(feature = "violations")]
pub fn sample_tracker(tracker: &crate::event::violation::ViolationTracker) {
    let stats = tracker.stats();
    let oldest = stats.oldest.map_or(0.0, |age| age.as_secs_f64());
    let up = if stats.failures_in_a_row == 0 { 1.0 } else { 0.0 };
    level("limiter_violations_pending", stats.pending as f64, "Violations not written yet.");
    level("limiter_violations_pending_pairs", stats.pending_pairs as f64, "Pairs of rule and client among them.");
    level("limiter_violations_oldest_seconds", oldest, "How long the oldest of them has waited.");
    level("limiter_violations_sink_up", up, "Whether the last attempt to write worked.");
    total("limiter_violations_written_total", stats.written, "Violations written.");
    total("limiter_violations_folded_total", stats.folded, "Violations counted without their client.");
    total("limiter_violations_refused_total", stats.refused, "Violations that came after the end.");
    total("limiter_violations_rejected_total", stats.rejected, "Violations lost in rows that were rejected.");
    total("limiter_violations_lost_total", stats.lost, "Violations not written before the end.");
    total("limiter_violations_flushes_total", stats.flushes, "Rows written.");
    total("limiter_violations_flush_failures_total", stats.failures, "Attempts to write that failed.");
}
