//! The scripts: one for each algorithm that decides under rules of that algorithm alone, one for all together;
//! for each a shorter one for a single rule, and a shorter one still for each of the two most common cases. What they share is put together here; the
//! server keeps them by their hash.

use std::sync::LazyLock;

use crate::algorithm::Algorithm;

/// Part of the names of all keys: a script that reads the state of another version would misread it.
pub(super) const VERSION: u32 = 1;

const PRELUDE: &str = include_str!("scripts/prelude.lua");
const ITEMS: &str = include_str!("scripts/items.lua");
const DECIDE: &str = include_str!("scripts/decide.lua");
const SETTLE: &str = include_str!("scripts/settle.lua");
const BARRIER: &str = include_str!("scripts/barrier.lua");
const COUNTER: &str = include_str!("scripts/counter.lua");
const PLAIN: &str = include_str!("scripts/plain.lua");
const LEAN_BUCKET: &str = include_str!("scripts/lean_bucket.lua");
const LEAN_FIXED: &str = include_str!("scripts/lean_fixed.lua");
const PRESENT: &str = include_str!("scripts/present.lua");
const RENEW: &str = include_str!("scripts/renew.lua");

/// A script of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    Barrier,
    Counter,
    /// Decides under rules of one algorithm.
    Decide(Algorithm),
    /// Decides under rules of several algorithms.
    DecideAll,
    /// Decides about one cost under one bucket, or leaves it to the others.
    LeanBucket,
    /// The same under one fixed window.
    LeanFixed,
    /// Decides about one cost under one rule of an algorithm, or leaves it to the others.
    Plain(Algorithm),
    Present,
    Renew,
    Settle,
}

/// How many there are.
pub(super) const SCRIPTS: usize = 2 * Algorithm::ALL.len() + 8;

pub(super) struct Text {
    pub(super) code: String,
    pub(super) hash: String,
}

impl Script {
    /// In the order of their numbers.
    pub(super) fn all() -> impl Iterator<Item = Script> {
        let single = Algorithm::ALL.into_iter().map(Script::Decide);
        let others = [Script::DecideAll, Script::Renew, Script::Settle, Script::Barrier, Script::Counter];
        let others = others.into_iter().chain([Script::LeanBucket, Script::LeanFixed, Script::Present]);
        single.chain(others).chain(Algorithm::ALL.into_iter().map(Script::Plain))
    }

    pub(super) fn index(self) -> usize {
        match self {
            Script::Decide(algorithm) => place(algorithm),
            Script::DecideAll => Algorithm::ALL.len(),
            Script::Renew => Algorithm::ALL.len() + 1,
            Script::Settle => Algorithm::ALL.len() + 2,
            Script::Barrier => Algorithm::ALL.len() + 3,
            Script::Counter => Algorithm::ALL.len() + 4,
            Script::LeanBucket => Algorithm::ALL.len() + 5,
            Script::LeanFixed => Algorithm::ALL.len() + 6,
            Script::Present => Algorithm::ALL.len() + 7,
            Script::Plain(algorithm) => Algorithm::ALL.len() + 8 + place(algorithm),
        }
    }

    pub(super) fn text(self) -> &'static Text {
        static TEXTS: LazyLock<Vec<Text>> = LazyLock::new(|| Script::all().map(Script::made).collect());
        static NONE: Text = Text { code: String::new(), hash: String::new() };
        TEXTS.get(self.index()).unwrap_or(&NONE)
    }

    fn made(self) -> Text {
        let all: String = Algorithm::ALL.into_iter().map(section).collect();
        let code = match self {
            Script::Decide(algorithm) => [PRELUDE, section(algorithm), ITEMS, DECIDE].concat(),
            Script::DecideAll => [PRELUDE, &all, ITEMS, DECIDE].concat(),
            Script::Barrier => [PRELUDE, BARRIER].concat(),
            Script::Counter => [PRELUDE, COUNTER].concat(),
            Script::LeanBucket => LEAN_BUCKET.to_owned(),
            Script::LeanFixed => LEAN_FIXED.to_owned(),
            Script::Plain(algorithm) => [PRELUDE, section(algorithm), PLAIN].concat(),
            Script::Present => PRESENT.to_owned(),
            Script::Renew => [PRELUDE, RENEW].concat(),
            Script::Settle => [PRELUDE, &all, ITEMS, SETTLE].concat(),
        };
        let hash = ::redis::Script::new(&code).get_hash().to_owned();
        Text { code, hash }
    }
}

fn place(algorithm: Algorithm) -> usize {
    Algorithm::ALL.iter().position(|other| *other == algorithm).unwrap_or(0)
}

fn section(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Bucket => include_str!("scripts/bucket.lua"),
        Algorithm::Concurrent => include_str!("scripts/concurrent.lua"),
        Algorithm::Fixed => include_str!("scripts/fixed.lua"),
        Algorithm::Interval => include_str!("scripts/interval.lua"),
        Algorithm::Log => include_str!("scripts/log.lua"),
        Algorithm::Sliding => include_str!("scripts/sliding.lua"),
    }
}

/// The name by which scripts call an algorithm.
pub(super) fn letter(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Bucket => "b",
        Algorithm::Concurrent => "c",
        Algorithm::Fixed => "f",
        Algorithm::Interval => "i",
        Algorithm::Log => "l",
        Algorithm::Sliding => "s",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_numbered_in_the_order_in_which_they_are_listed() {
        let numbers: Vec<usize> = Script::all().map(Script::index).collect();
        assert_eq!(numbers, (0..SCRIPTS).collect::<Vec<_>>());
    }
}
