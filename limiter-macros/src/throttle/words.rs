//! The words of `#[throttle(..)]`.

use crate::names::closest;

/// An argument of `#[throttle(..)]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Algorithm,
    Burst,
    Concurrent,
    Cost,
    Crate,
    Key,
    Lease,
    Limiter,
    MaxWait,
    Name,
    NewestFirst,
    OnStoreError,
    Penalty,
    Queue,
    Scope,
}

/// Each argument with its spelling and an example of its use.
const KNOWN: &[(Word, &str, &str)] = &[
    (Word::Key, "key", "an argument's name: `key = user_id`, or `key = |user, ..| user.id`"),
    (Word::MaxWait, "max_wait", r#"`max_wait = "250ms"`"#),
    (Word::Queue, "queue", "`queue = 32`, beside `max_wait`"),
    (Word::NewestFirst, "newest_first", "the bare word `newest_first`, beside `queue`"),
    (Word::Burst, "burst", "`burst = 20`"),
    (Word::Concurrent, "concurrent", "`concurrent = 8`"),
    (Word::Lease, "lease", r#"`lease = "30s"`, beside `concurrent`"#),
    (Word::Algorithm, "algorithm", r#"`algorithm = "bucket"`, `"interval"`, `"fixed"`, `"sliding"`, `"log"`"#),
    (Word::Cost, "cost", "`cost = 5`, or `cost = |text, ..| text.len()`"),
    (Word::Penalty, "penalty", "the bare word `penalty`"),
    (Word::OnStoreError, "on_store_error", r#"`on_store_error = "local"`, `"open"`, `"closed"`"#),
    (Word::Name, "name", r#"`name = "mails"`"#),
    (Word::Scope, "scope", r#"`scope = "mails"`"#),
    (Word::Limiter, "limiter", "`limiter = self.limiter`, or `limiter = LIMITER`"),
    (Word::Crate, "crate", "`crate = ::my_facade::limiter`"),
];

/// Words of `#[rate_limit(..)]` that are about requests, and what to do instead.
const ABOUT_REQUESTS: &[(&str, &str)] = &[
    ("count", "return an error before the call, or give the charge back by hand"),
    ("exempt", "leave the attribute out"),
    ("headers", "the error says when to retry"),
    ("inner", "tests can pass a `limiter` of their own"),
    ("missing", "a key that is `None` shares one budget with all that are"),
    ("on_limited", "the function's error type says what a refusal becomes, by `From<RateLimitExceeded>`"),
    ("per", "write the quota with its period: `#[throttle(\"100/min\")]`"),
    ("quota", "write a `limiter` that overrides it"),
    ("read", "write a quota that counts every call: `#[throttle(\"100/min\")]`"),
    ("trusted_key", "the key is what your code passes"),
    ("write", "write a quota that counts every call: `#[throttle(\"100/min\")]`"),
];

/// What the same thing is called elsewhere.
const ELSEWHERE: &[(&str, &str)] = &[
    ("by", "key"),
    ("capacity", "burst"),
    ("concurrency", "concurrent"),
    ("deadline", "max_wait"),
    ("lifo", "newest_first"),
    ("max_concurrent", "concurrent"),
    ("timeout", "max_wait"),
    ("ttl", "lease"),
    ("wait", "max_wait"),
    ("weight", "cost"),
];

impl Word {
    pub(super) fn text(self) -> &'static str {
        self.entry().1
    }

    pub(super) fn example(self) -> &'static str {
        self.entry().2
    }

    fn entry(self) -> &'static (Word, &'static str, &'static str) {
        KNOWN.iter().find(|(word, ..)| *word == self).unwrap_or(&KNOWN[0])
    }
}

/// Looks a word up; the message says what is wrong with it.
pub(super) fn look_up(word: &str) -> Result<Word, String> {
    if let Some((known, ..)) = KNOWN.iter().find(|(_, text, _)| *text == word) {
        return Ok(*known);
    }
    if let Some((_, instead)) = ABOUT_REQUESTS.iter().find(|(text, _)| *text == word) {
        return Err(format!("`{word}` is about requests, and a throttled function is called without one: {instead}"));
    }
    let lower = word.to_ascii_lowercase();
    let elsewhere = ELSEWHERE.iter().find(|(theirs, _)| *theirs == lower).map(|(_, ours)| *ours);
    Err(match elsewhere.or_else(|| closest(&lower, KNOWN.iter().map(|(_, text, _)| *text))) {
        Some(meant) => format!("unknown argument `{word}`; did you mean `{meant}`?"),
        None => format!("unknown argument `{word}`; accepted: a quota such as \"100/min\", and {}", all()),
    })
}

/// The arguments as a list for messages.
pub(super) fn all() -> String {
    KNOWN.iter().map(|(_, text, _)| format!("`{text}`")).collect::<Vec<_>>().join(", ")
}
