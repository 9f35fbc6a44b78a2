//! What stands in the way of a refused claim, and where to wait for it to go away.

use std::time::Duration;

use smallvec::SmallVec;

use super::Limiter;
use super::claim::Claim;
use super::granted::Granted;
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
    /// Whether requests under way may give back what they took.
    settles: bool,
    /// Waits for requests under way alone, not for the quota to come back.
    outcomes_only: bool,
}

/// The lines whose requests were under way when a question was asked.
pub(super) type UnderWay = SmallVec<[u64; 2]>;

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
            for one in part.questions(self, prepared) {
                let Some(rule) = prepared.rules.get(one.rule) else { continue };
                let line = self.inner.fingerprints.of(one.tier.budget, &one.key);
                paths.push(Path {
                    line,
                    is_heard: local && rule.at_ceiling != AtCeiling::Overflow,
                    settles: rule.settle.as_ref().is_some_and(|settle| !settle.is_lenient()),
                    outcomes_only: rule.settle.as_ref().is_some_and(|settle| settle.queue().is_some()),
                });
            }
        }
        paths
    }

    /// Where requests are under way that may give back what they took.
    pub(super) fn under_way_on(&self, paths: &[Path]) -> UnderWay {
        let open = |path: &&Path| path.settles && self.inner.open.is_open(path.line);
        paths.iter().filter(open).map(|path| path.line).collect()
    }

    /// What stands in the way: a slot, for which no time is known, before a wait, and of waits the
    /// longest. `None` if nothing that waiting could help against.
    pub(super) fn obstacle(&self, paths: &[Path], before: &UnderWay, granted: &Granted) -> Option<Obstacle> {
        if let Some(full) = granted.full {
            // Those under way are in this process.
            return Some(Obstacle::others(paths.get(full)?.line));
        }
        let usages = granted.ruling.decision.usages();
        let refusing = || usages.iter().zip(paths).filter(|(usage, _)| usage.is_violated());
        // Those who were under way may have given back since, too late for this answer.
        let may_settle =
            |path: &Path| path.settles && (before.contains(&path.line) || self.inner.open.is_open(path.line));
        if refusing().any(|(usage, path)| path.outcomes_only && usage.outcome == Outcome::Spent && !may_settle(path)) {
            return None;
        }
        let (usage, path) = refusing().max_by_key(|(usage, _)| usage.retry)?;
        // A slot may come back at any moment, whatever its lease says, and so may a charge.
        let timed = |(usage, path): &(&Usage, &Path)| usage.algorithm() != Algorithm::Concurrent && !may_settle(path);
        let at_least = refusing().filter(timed).filter_map(|(usage, _)| usage.wait()).max().unwrap_or_default();
        let is_heard = path.is_heard && usage.outcome == Outcome::Spent;
        let retry = usage.wait().filter(|_| !path.outcomes_only);
        Some(Obstacle { line: path.line, retry, at_least, is_heard })
    }
}
