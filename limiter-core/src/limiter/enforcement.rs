//! Enforce, watch, or enforce for some: a switch that can be thrown while requests are served.

use core::fmt::{self, Write};
use core::str::FromStr;
use std::collections::HashMap;
use std::env;

use super::prepared::Prepared;
use super::{Limiter, LimiterBuilder};
use crate::key::Key;

/// For whom a rule is enforced. For everybody else it is in shadow: counted and told to the observer,
/// never refused.
///
/// ```
/// use limiter_core::Enforcement;
///
/// assert_eq!("shadow".parse(), Ok(Enforcement::SHADOW));
/// assert_eq!("25%".parse(), Ok(Enforcement::percent(25)));
/// assert_eq!(Enforcement::FULL.to_string(), "on");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Enforcement(u16);

/// Shares are counted in hundredths of a percent.
const WHOLE: u16 = 10_000;

impl Enforcement {
    /// For nobody: would-be refusals are counted and told, and nothing is refused.
    pub const SHADOW: Enforcement = Enforcement(0);
    /// For everybody.
    pub const FULL: Enforcement = Enforcement(WHOLE);

    /// For so many percent of keys, always the same ones: who is in at 10 is in at 20. More than 100
    /// is everybody.
    #[must_use]
    pub const fn percent(percent: u8) -> Self {
        Enforcement(if percent >= 100 { WHOLE } else { percent as u16 * 100 })
    }

    /// Whether it is for everybody.
    #[must_use]
    pub const fn is_full(self) -> bool {
        self.0 == WHOLE
    }

    pub(super) const fn bits(self) -> u16 {
        self.0
    }

    pub(super) const fn from_bits(bits: u16) -> Self {
        Enforcement(bits)
    }

    /// Whether a key is among those for whom a rule is enforced. The same on every machine, but for
    /// keys that hold secrets, which each process hashes in its own way.
    #[must_use]
    pub fn includes(self, rule: &str, key: &Key) -> bool {
        match self {
            Enforcement::FULL => true,
            Enforcement::SHADOW => false,
            Enforcement(share) => {
                let mut hash = Spread(0xcbf2_9ce4_8422_2325);
                // Nothing that this writes to can refuse.
                let _ = write!(hash, "{rule} {}", key.reveal());
                hash.end() % u64::from(WHOLE) < u64::from(share)
            }
        }
    }
}

/// FNV-1a with a mixer behind it: the same everywhere, and nothing hangs on its being unpredictable.
struct Spread(u64);

impl Spread {
    fn end(&self) -> u64 {
        let bits = (self.0 ^ self.0 >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
        let bits = (bits ^ bits >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
        bits ^ bits >> 32
    }
}

impl Write for Spread {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}

impl Default for Enforcement {
    fn default() -> Self {
        Enforcement::FULL
    }
}

impl fmt::Display for Enforcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Enforcement::FULL => f.write_str("on"),
            Enforcement::SHADOW => f.write_str("shadow"),
            Enforcement(share) => write!(f, "{}%", share / 100),
        }
    }
}

/// Accepts `on`, `shadow` (or `off`), and `0%` to `100%`.
impl FromStr for Enforcement {
    type Err = EnforcementError;

    fn from_str(text: &str) -> Result<Self, EnforcementError> {
        let share = |digits: &str| digits.parse().ok().filter(|percent| *percent <= 100);
        match text.trim() {
            "on" => Ok(Enforcement::FULL),
            "off" | "shadow" => Ok(Enforcement::SHADOW),
            other => match other.strip_suffix('%').and_then(share) {
                Some(percent) => Ok(Enforcement::percent(percent)),
                None => Err(EnforcementError { found: text.to_owned() }),
            },
        }
    }
}

/// A text that is no [`Enforcement`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnforcementError {
    found: String,
}

impl fmt::Display for EnforcementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` does not say for whom to enforce; accepted: on, shadow, off, 0% to 100%", self.found)
    }
}

impl std::error::Error for EnforcementError {}

/// What was switched.
#[derive(Clone, Debug, Default)]
pub(super) struct Switches {
    whole: Enforcement,
    rules: HashMap<String, Enforcement>,
}

impl Switches {
    /// For whom a rule is enforced: as it was switched or else declared, and no more than the limiter is.
    pub(super) fn of(&self, rule: &str, declared: Enforcement) -> Enforcement {
        self.rules.get(rule).copied().unwrap_or(declared).min(self.whole)
    }
}

/// The variable that [`LimiterBuilder::enforce_from_env`] reads.
const VARIABLE: &str = "LIMITER_ENFORCE";

impl LimiterBuilder {
    /// For whom rules are enforced, all of them. [`Limiter::enforce`] switches it later.
    pub fn enforce(mut self, whom: Enforcement) -> Self {
        self.switches.whole = whom;
        self
    }

    /// For whom the rules of this public name are enforced, whatever they declare.
    pub fn enforce_rule(mut self, rule: impl Into<String>, whom: Enforcement) -> Self {
        self.switches.rules.insert(rule.into(), whom);
        self
    }

    /// As [`enforce`](Self::enforce), if the variable `LIMITER_ENFORCE` says so: `off` is what to start
    /// with when limits do harm and there is no time to find out why.
    ///
    /// # Errors
    ///
    /// When the variable says something else than `on`, `shadow`, `off` or a percentage.
    pub fn enforce_from_env(self) -> Result<Self, EnforcementError> {
        match env::var(VARIABLE) {
            Ok(text) if !text.trim().is_empty() => Ok(self.enforce(text.parse()?)),
            Ok(_) | Err(env::VarError::NotPresent) => Ok(self),
            Err(env::VarError::NotUnicode(text)) => {
                Err(EnforcementError { found: text.to_string_lossy().into_owned() })
            }
        }
    }
}

impl Limiter {
    /// Switches for whom rules are enforced, all of them, from the next decision on. What keys have
    /// used stays used: in shadow they go on paying.
    ///
    /// ```
    /// use limiter_core::{Enforcement, Limiter, Policy, Rule, key::Key};
    ///
    /// let limiter = Limiter::in_memory();
    /// let policy = Policy::new("login", [Rule::new("1/h".parse()?)])?;
    /// let key = Key::from(7u64);
    /// assert!(limiter.check(&policy, &key).is_allowed());
    /// assert!(!limiter.check(&policy, &key).is_allowed());
    /// limiter.enforce(Enforcement::SHADOW);
    /// let shadowed = limiter.check(&policy, &key);
    /// assert!(shadowed.is_allowed() && shadowed.usages()[0].would_refuse());
    /// limiter.enforce(Enforcement::FULL);
    /// assert!(!limiter.check(&policy, &key).is_allowed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn enforce(&self, whom: Enforcement) {
        self.switch(|switches| switches.whole = whom);
    }

    /// Switches for whom the rules of this public name are enforced; `None` goes back to what they
    /// declare. It is never for more than [`Limiter::enforce`] says.
    pub fn enforce_rule(&self, rule: impl Into<String>, whom: Option<Enforcement>) {
        let rule = rule.into();
        self.switch(|switches| match whom {
            Some(whom) => {
                switches.rules.insert(rule, whom);
            }
            None => {
                switches.rules.remove(&rule);
            }
        });
    }

    /// For whom rules are enforced at most.
    #[must_use]
    pub fn enforcement(&self) -> Enforcement {
        self.inner.switches.lock().whole
    }

    fn switch(&self, change: impl FnOnce(&mut Switches)) {
        let mut switches = self.inner.switches.lock();
        change(&mut switches);
        self.inner.prepared.iter().flatten().for_each(|prepared| prepared.switch(&switches));
    }

    /// A policy that was prepared while a switch was thrown may have missed it.
    #[cold]
    pub(super) fn switch_new(&self, prepared: &Prepared) {
        prepared.switch(&self.inner.switches.lock());
    }
}
