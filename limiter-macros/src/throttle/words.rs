//! The words of `#[throttle(..)]`.

use crate::names::{Argument, Vocabulary};

/// The words of `#[throttle(..)]`.
pub(super) static THROTTLE: Vocabulary = Vocabulary {
    known: KNOWN,
    elsewhere: ELSEWHERE,
    refused: |word| {
        let (_, instead) = ABOUT_REQUESTS.iter().find(|(text, _)| *text == word)?;
        Some(format!("`{word}` is about requests, and a throttled function is called without one: {instead}"))
    },
    instead_of_number: |number| format!("\"{number}/min\""),
    counted: "calls",
};

/// Each argument with an example of its use.
const KNOWN: &[(Argument, &str)] = &[
    (Argument::Key, "an argument's name: `key = user_id`, or `key = |user, ..| user.id`"),
    (Argument::MaxWait, r#"`max_wait = "250ms"`"#),
    (Argument::Queue, "`queue = 32`, beside `max_wait`"),
    (Argument::NewestFirst, "the bare word `newest_first`, beside `queue`"),
    (Argument::Spaced, "the bare word `spaced`, beside `max_wait`"),
    (Argument::Burst, "`burst = 20`"),
    (Argument::Concurrent, "`concurrent = 8`"),
    (Argument::Lease, r#"`lease = "30s"`, beside `concurrent`"#),
    (
        Argument::Quota,
        "a function of the arguments, beside the default: `\"100/min\", quota = |user, ..| user.quota()`",
    ),
    (Argument::Algorithm, r#"`algorithm = "bucket"`, `"interval"`, `"fixed"`, `"sliding"`, `"log"`"#),
    (Argument::Cost, "`cost = 5`, or `cost = |text, ..| text.len()`"),
    (Argument::Count, r#"`count = "failed"`, `count = "success"`, or `count = |outcome| outcome.is_err()`"#),
    (Argument::Settle, "a function of the outcome: `settle = |outcome| tokens_of(outcome)`"),
    (Argument::Mode, r#"`mode = "strict"`, `"wait"`, `"lenient"`"#),
    (Argument::InFlight, "`in_flight = 32`"),
    (Argument::SettleWithin, r#"`settle_within = "30s"`"#),
    (Argument::Unsettled, r#"`unsettled = "charge"`, `"refund"`"#),
    (Argument::Penalty, "the bare word `penalty`"),
    (Argument::Shadow, "the bare word `shadow`"),
    (Argument::OnStoreError, r#"`on_store_error = "local"`, `"open"`, `"closed"`"#),
    (Argument::Name, r#"`name = "mails"`"#),
    (Argument::Scope, r#"`scope = "mails"`"#),
    (Argument::Limiter, "`limiter = self.limiter`, or `limiter = LIMITER`"),
    (Argument::Crate, "`crate = ::my_facade::limiter`"),
];

/// Words of `#[rate_limit(..)]` that are about requests, and what to do instead.
const ABOUT_REQUESTS: &[(&str, &str)] = &[
    ("exempt", "leave the attribute out"),
    ("headers", "the error says when to retry"),
    ("inner", "tests can pass a `limiter` of their own"),
    ("missing", "a key that is `None` shares one budget with all that are"),
    ("on_limited", "the function's error type says what a refusal becomes, by `From<RateLimitExceeded>`"),
    ("per", "write the quota with its period: `#[throttle(\"100/min\")]`"),
    ("read", "write a quota that counts every call: `#[throttle(\"100/min\")]`"),
    ("trusted_key", "the key is what your code passes"),
    ("write", "write a quota that counts every call: `#[throttle(\"100/min\")]`"),
];

/// What the same thing is called elsewhere.
const ELSEWHERE: &[(&str, Argument)] = &[
    ("by", Argument::Key),
    ("capacity", Argument::Burst),
    ("concurrency", Argument::Concurrent),
    ("deadline", Argument::MaxWait),
    ("dry_run", Argument::Shadow),
    ("leaky", Argument::Spaced),
    ("lifo", Argument::NewestFirst),
    ("max_concurrent", Argument::Concurrent),
    ("plan", Argument::Quota),
    ("refund", Argument::Count),
    ("timeout", Argument::MaxWait),
    ("ttl", Argument::Lease),
    ("wait", Argument::MaxWait),
    ("weight", Argument::Cost),
];
