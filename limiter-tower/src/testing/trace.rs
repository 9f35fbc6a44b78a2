//! What became of a series of requests, and assertions that show all of it when they fail.

use core::fmt;

use super::step::Step;

/// What became of a series of requests. Made by [`drive`](super::drive).
///
/// The assertions panic with the whole trace and can be chained; `Display` shows the same table.
///
/// # Examples
///
/// ```
/// use http::{Request, Response};
/// use limiter_tower::{Global, RateLimitLayer, testing};
/// use tower::{Layer, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (limiter, _clock) = testing::limiter();
/// let layer = RateLimitLayer::builder().quota("2/min").key(Global).named("search").limiter(limiter).build()?;
/// let service =
///     layer.layer(service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::new()))));
///
/// let trace = testing::drive(&service, 3, |_| Request::new(String::new())).await;
/// trace.assert_allowed(2).assert_refused_after(2).assert_limit(2).assert_retry_after(30);
/// assert_eq!(trace.steps()[0].remaining(), Some(1));
/// assert_eq!(
///     trace.to_string(),
///     "  #  answer    status  limit  remaining  retry-after  rule
///   1  admitted  200         2          1            -  search
///   2  admitted  200         2          0            -  search
///   3  refused   429         2          0           30  search
/// "
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Trace {
    steps: Vec<Step>,
}

#[expect(clippy::must_use_candidate, reason = "an assertion is made for what it does")]
impl Trace {
    pub(super) fn new(steps: Vec<Step>) -> Self {
        Trace { steps }
    }

    /// The requests, in the order in which they were sent.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The requests, in the order in which they were sent.
    pub fn iter(&self) -> core::slice::Iter<'_, Step> {
        self.steps.iter()
    }

    /// How many were admitted.
    #[must_use]
    pub fn admitted(&self) -> usize {
        self.iter().filter(|step| step.is_admitted()).count()
    }

    /// How many were refused.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.iter().filter(|step| step.is_refused()).count()
    }

    /// The first `count` requests were admitted. Says nothing about later ones.
    ///
    /// # Panics
    ///
    /// When one was not, or when there were fewer.
    #[track_caller]
    pub fn assert_allowed(&self, count: usize) -> &Self {
        if self.steps.len() < count {
            self.fail(format_args!("expected {count} requests to be admitted, but {} were sent", self.steps.len()));
        }
        if let Some(at) = self.iter().take(count).position(|step| !step.is_admitted()) {
            let first = if count == 1 { "request".to_owned() } else { format!("{count} requests") };
            self.fail(format_args!("expected the first {first} to be admitted, but number {} was not", at + 1));
        }
        self
    }

    /// The first `count` requests were admitted, and every later one was refused.
    ///
    /// # Panics
    ///
    /// When it was otherwise, or when there was no later one.
    #[track_caller]
    pub fn assert_refused_after(&self, count: usize) -> &Self {
        self.assert_allowed(count);
        if self.steps.len() <= count {
            self.fail(format_args!(
                "expected refusals after {count} requests, but only {} were sent: send more",
                self.steps.len()
            ));
        }
        if let Some(at) = self.iter().skip(count).position(|step| !step.is_refused()) {
            self.fail(format_args!(
                "expected every request after the first {count} to be refused, but number {} was not",
                count + at + 1
            ));
        }
        self
    }

    /// No limit counted any of the requests: they were exempt, or are not limited at all.
    ///
    /// # Panics
    ///
    /// When one was counted.
    #[track_caller]
    pub fn assert_uncounted(&self) -> &Self {
        if let Some(at) = self.iter().position(|step| step.is_counted() || !step.is_admitted()) {
            self.fail(format_args!("expected no request to be counted, but number {} was", at + 1));
        }
        self
    }

    /// The first request that was refused was told to wait `seconds`.
    ///
    /// # Panics
    ///
    /// When none was refused, or when it was told something else or nothing.
    #[track_caller]
    pub fn assert_retry_after(&self, seconds: u64) -> &Self {
        match self.iter().position(Step::is_refused) {
            None => self.fail(format_args!("expected a refusal with a wait of {seconds} s, but none was refused")),
            Some(at) => match self.steps[at].retry_after() {
                Some(told) if told == seconds => {}
                Some(told) => self.fail(format_args!(
                    "expected number {} to be told to wait {seconds} s, but it was told {told} s",
                    at + 1
                )),
                None => self.fail(format_args!(
                    "expected number {} to be told to wait {seconds} s, but it was told nothing",
                    at + 1
                )),
            },
        }
        self
    }

    /// Every request was counted, and by a limit of `limit`.
    ///
    /// # Panics
    ///
    /// When there were none, or one was counted otherwise or not at all.
    #[track_caller]
    pub fn assert_limit(&self, limit: u64) -> &Self {
        if self.steps.is_empty() {
            self.fail(format_args!("expected a limit of {limit}, but no request was sent"));
        }
        if let Some(at) = self.iter().position(|step| step.limit() != Some(limit)) {
            self.fail(format_args!("expected a limit of {limit}, but number {} saw another", at + 1));
        }
        self
    }

    /// After the last request, `remaining` were left.
    ///
    /// # Panics
    ///
    /// When it was otherwise, when there were none, or when the last one was not counted.
    #[track_caller]
    pub fn assert_remaining(&self, remaining: u64) -> &Self {
        match self.steps.last().map(Step::remaining) {
            Some(Some(left)) if left == remaining => {}
            Some(Some(left)) => {
                self.fail(format_args!("expected {remaining} to remain in the end, but it was {left}"));
            }
            _ => self.fail(format_args!("expected {remaining} to remain in the end, but nothing was counted there")),
        }
        self
    }

    #[expect(clippy::panic, reason = "an assertion")]
    #[track_caller]
    fn fail(&self, what: fmt::Arguments<'_>) -> ! {
        panic!("{what}\n{self}")
    }
}

impl<'a> IntoIterator for &'a Trace {
    type Item = &'a Step;
    type IntoIter = core::slice::Iter<'a, Step>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>3}  answer    status  limit  remaining  retry-after  rule", "#")?;
        (1..).zip(self).try_for_each(|(number, step)| writeln!(f, "{number:>3}  {step}"))
    }
}
