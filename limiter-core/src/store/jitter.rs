//! Pauses that differ from process to process, so that a fleet does not act at one instant.

use core::hash::BuildHasher;
use std::hash::RandomState;
use std::time::Duration;

/// A pause that is shorter by chance, by at most so much.
pub(crate) fn shortened(pause: Duration, by: Duration) -> Duration {
    let chance = RandomState::new().hash_one(0u8) % 1024;
    pause.saturating_sub(by / 1024 * u32::try_from(chance).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_differ_and_none_is_longer_than_stated_or_too_short() {
        let (pause, by) = (Duration::from_secs(1024), Duration::from_secs(512));
        let pauses: std::collections::BTreeSet<_> = (0..100).map(|_| shortened(pause, by)).collect();
        assert!(pauses.len() > 10, "{pauses:?}");
        assert!(pauses.iter().all(|drawn| (pause - by..=pause).contains(drawn)), "{pauses:?}");
    }
}
