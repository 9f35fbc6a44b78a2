//! Numbers that are read now and then rather than told: how full stores are, how writing goes.

use metrics::{counter, gauge};

use crate::limiter::Limiter;

/// Passes on what the limiter's memory store holds and has done. Call it when a recorder is read, or
/// every few seconds: it takes each shard's lock in turn.
pub fn sample(limiter: &Limiter) {
    let Some(store) = limiter.memory() else { return };
    let stats = store.stats();
    gauge!("limiter_keys").set(stats.keys as f64);
    gauge!("limiter_log_bytes").set(stats.log_bytes as f64);
    counter!("limiter_pruned_total").absolute(stats.pruned);
    counter!("limiter_evicted_total").absolute(stats.evicted);
    counter!("limiter_shared_total").absolute(stats.shared);
    counter!("limiter_turned_away_total").absolute(stats.turned_away);
}

/// Passes on how a violation tracker does: `limiter_violations_written_total`, `_folded_total`,
/// `_refused_total`, `_rejected_total`, `_lost_total`, `_flushes_total` and `_flush_failures_total`, and
/// as gauges `_pending`, `_pending_pairs`, `_oldest_seconds` and `_sink_up`, which is 0 once an attempt
/// has failed and until one does not.
#[cfg(feature = "violations")]
pub fn sample_tracker(tracker: &crate::event::violation::ViolationTracker) {
    let stats = tracker.stats();
    gauge!("limiter_violations_pending").set(stats.pending as f64);
    gauge!("limiter_violations_pending_pairs").set(stats.pending_pairs as f64);
    gauge!("limiter_violations_oldest_seconds").set(stats.oldest.map_or(0.0, |age| age.as_secs_f64()));
    gauge!("limiter_violations_sink_up").set(if stats.failures_in_a_row == 0 { 1.0 } else { 0.0 });
    counter!("limiter_violations_written_total").absolute(stats.written);
    counter!("limiter_violations_folded_total").absolute(stats.folded);
    counter!("limiter_violations_refused_total").absolute(stats.refused);
    counter!("limiter_violations_rejected_total").absolute(stats.rejected);
    counter!("limiter_violations_lost_total").absolute(stats.lost);
    counter!("limiter_violations_flushes_total").absolute(stats.flushes);
    counter!("limiter_violations_flush_failures_total").absolute(stats.failures);
}
