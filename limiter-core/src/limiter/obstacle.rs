//! What stands in the way of a refused claim, and where to wait for it to go away.

use std::time::Duration;

use super::Limiter;
use super::claim::{Claim, Granted};
use super::decide::questions;
use crate::algorithm::Algorithm;
use crate::decision::{Outcome, Usage};
use crate::rule::AtCeiling;
use crate::time::Nanos;

/// The line of one budget and key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    pub(super) line: u64,
    /// Whether slots that come back are heard of in this line: those of another process are not, nor
    /// those of a cell that several keys share.
    is_heard: bool,
}

/// Where a refused claim has to stand, and what it waits for there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Obstacle {
    pub(super) line: u64,
    /// Time until asking again may help; `None` where nobody knows.
    retry: Option<Nanos>,
    /// The claim cannot be granted before this has passed.
    at_least: Nanos,
    is_heard: bool,
}

/// How often it is asked for what nobody in this process hears of.
const ASK_AGAIN: Duration = Duration::from_millis(100);

impl Obstacle {
    /// Others stand there already, and nothing more is known.
    pub(super) fn others(line: u64) -> Self {
        Obstacle { line, retry: None, at_least: Nanos::ZERO, is_heard: true }
    }

    /// How long not to ask.
    pub(super) fn pause(&self) -> Option<Duration> {
        match (self.retry, self.is_heard) {
            (Some(retry), _) => Some(retry.into()),
            (None, true) => None,
            (None, false) => Some(ASK_AGAIN),
        }
    }

    /// Whether it stands for longer than this.
    pub(super) fn outlasts(&self, left: Duration) -> bool {
        Duration::from(self.at_least) > left
    }
}

impl Limiter {
    /// The lines of all budgets and keys of a claim, in the order of its rules.
    pub(super) fn paths_of(&self, claim: &Claim) -> Vec<Path> {
        let mut paths = Vec::new();
        let local = self.memory().is_some();
        for part in claim.parts() {
            let Ok(prepared) = self.prepared(&part.policy) else { continue };
            for one in questions(prepared, &part.key, part.cost) {
                let own = prepared.rules.get(one.rule).is_some_and(|rule| rule.at_ceiling != AtCeiling::Overflow);
                let line = self.inner.fingerprints.of(one.tier.budget, &one.key);
                paths.push(Path { line, is_heard: local && own });
            }
        }
        paths
    }

    /// What stands in the way: a slot, for which no time is known, before a wait, and of waits the
    /// longest.
    pub(super) fn obstacle(&self, paths: &[Path], granted: &Granted) -> Option<Obstacle> {
        let usages = granted.ruling.decision.usages();
        let refusing = usages.iter().zip(paths).filter(|(usage, _)| usage.is_violated());
        let (usage, path) = refusing.max_by_key(|(usage, _)| usage.retry)?;
        // A slot may come back at any moment, whatever its lease says.
        let timed = |usage: &&Usage| usage.is_violated() && usage.algorithm() != Algorithm::Concurrent;
        let at_least = usages.iter().filter(timed).filter_map(Usage::wait).max().unwrap_or_default();
        let is_heard = path.is_heard && usage.outcome == Outcome::Spent;
        Some(Obstacle { line: path.line, retry: usage.wait(), at_least, is_heard })
    }
}
