//! Errors by kind, so that reports of one kind do not drown those of others.

use core::error::Error;
use core::fmt::{self, Write};

/// Which error of a chain says what kind it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The one that was reported.
    #[default]
    Outermost,
    /// The last of its sources: failures of one origin are one kind, whatever they were wrapped in.
    Root,
}

/// What a kind is called whose error does not say.
const NAMELESS: &str = "error";
/// A name is cut here, in bytes.
const LONGEST: usize = 128;
/// Sources looked at, in case a chain has no end.
const DEEPEST: usize = 64;

/// The kind of an error: the name with which its `Debug` begins, which is that of the type or of the
/// variant where it is derived. An error that begins with none is an `error`.
///
/// ```
/// use limiter_core::bucketed::{Bucketed, Cause, Settings, kind};
/// use std::time::Duration;
///
/// let reports = Bucketed::new(Settings::new(10, 1, Duration::from_secs(10))?);
/// let report = |error: &(dyn std::error::Error + 'static)| {
///     if reports.is_limited(&kind(error, Cause::Root)) {
///         return false;
///     }
///     // Sent to whoever collects errors.
///     true
/// };
/// let broken = "x".parse::<u64>().unwrap_err();
/// assert_eq!(kind(&broken, Cause::Outermost), "ParseIntError");
/// assert_eq!((0..15).filter(|_| report(&broken)).count(), 10);
/// assert!(report(&std::fmt::Error));
/// # Ok::<(), limiter_core::bucketed::SettingsError>(())
/// ```
#[must_use]
pub fn kind(error: &(dyn Error + 'static), cause: Cause) -> String {
    let mut named = error;
    if cause == Cause::Root {
        for _ in 0..DEEPEST {
            let Some(source) = named.source() else { break };
            named = source;
        }
    }
    let mut name = FirstName(String::new());
    // It ends with an error as soon as the name has ended: the rest is not written at all.
    let _: fmt::Result = write!(name, "{named:?}");
    if name.0.is_empty() { NAMELESS.to_owned() } else { name.0 }
}

/// Takes in what is written up to the end of the first name.
struct FirstName(String);

impl Write for FirstName {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            let begins = letter.is_alphabetic() || letter == '_';
            let goes_on = !self.0.is_empty() && (letter.is_numeric() || letter == ':');
            if !(begins || goes_on) || self.0.len() >= LONGEST {
                return Err(fmt::Error);
            }
            self.0.push(letter);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::super::{Bucketed, Settings};
    use super::*;
    use crate::testing::ManualClock;

    #[derive(Debug)]
    struct Wrapped(std::num::ParseIntError);

    impl fmt::Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("wrapped")
        }
    }

    impl Error for Wrapped {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    fn wrapped() -> Wrapped {
        Wrapped("x".parse::<u64>().unwrap_err())
    }

    #[test]
    fn the_kind_is_that_of_the_outermost_error_or_of_the_root_cause() {
        assert_eq!(kind(&wrapped(), Cause::Outermost), "Wrapped");
        assert_eq!(kind(&wrapped(), Cause::Root), "ParseIntError");
        let text: Box<dyn Error> = "said in words".into();
        assert_eq!(kind(&*text, Cause::Root), NAMELESS);
    }

    #[test]
    fn of_fifteen_errors_of_one_kind_nine_are_captured_and_another_kind_still_is() {
        let drains = Arc::new(AtomicUsize::new(0));
        let told = Arc::clone(&drains);
        let settings = Settings::new(10, 1, Duration::from_secs(10)).unwrap().parity();
        let captures = Bucketed::new(settings).clock(ManualClock::new()).on_drain(move |kind: &String| {
            assert_eq!(kind, "ParseIntError");
            told.fetch_add(1, Ordering::SeqCst);
        });
        let captured = |error: &(dyn Error + 'static)| !captures.is_limited(&kind(error, Cause::Root));
        assert_eq!((0..15).filter(|_| captured(&wrapped())).count(), 9);
        assert_eq!(drains.load(Ordering::SeqCst), 1);
        assert!(captured(&fmt::Error));
        captures.stop();
        assert!(captured(&wrapped()));
    }
}
