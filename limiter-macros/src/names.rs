//! The words of the attribute: those it knows, those that come later, and what was probably meant.

/// An argument of `#[rate_limit(..)]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    Algorithm,
    Burst,
    Concurrent,
    Cost,
    Count,
    Crate,
    Exempt,
    Headers,
    InFlight,
    Inner,
    Key,
    MaxWait,
    Missing,
    Mode,
    Name,
    OnLimited,
    OnStoreError,
    Penalty,
    Per,
    Queue,
    Quota,
    Read,
    Scope,
    Settle,
    SettleWithin,
    Shadow,
    Spaced,
    TrustedKey,
    Unsettled,
    Write,
}

/// Each argument with its spelling and an example of its use.
const KNOWN: &[(Argument, &str, &str)] = &[
    (Argument::Read, "read", r#"`read = 1000` or `read = "10/s burst 20"`"#),
    (Argument::Write, "write", r#"`write = 10` or `write = "10/h"`"#),
    (Argument::Per, "per", r#"`per = "min"`, `per = "15min"`"#),
    (Argument::Burst, "burst", "`burst = 20`"),
    (Argument::Key, "key", r#"`key = "ip"`, or a function of the request's head: `key = by_account`"#),
    (Argument::TrustedKey, "trusted_key", "the bare word `trusted_key`"),
    (Argument::Missing, "missing", r#"`missing = "shared"`, `"refuse"`, `"skip"`"#),
    (Argument::Algorithm, "algorithm", r#"`algorithm = "bucket"`, `"interval"`, `"fixed"`, `"sliding"`, `"log"`"#),
    (Argument::Concurrent, "concurrent", "`concurrent = 8`"),
    (Argument::Quota, "quota", "a function of the request's head, beside the default: `\"100/min\", quota = plan_of`"),
    (Argument::Penalty, "penalty", "the bare word `penalty`"),
    (Argument::Shadow, "shadow", "the bare word `shadow`"),
    (Argument::OnStoreError, "on_store_error", r#"`on_store_error = "local"`, `"open"`, `"closed"`"#),
    (Argument::Cost, "cost", "`cost = 5`, or a function of the request's head: `cost = query_cost`"),
    (
        Argument::Count,
        "count",
        r#"`count = "failed"`, `count = "401, 5xx"`, or a function of the answer's head: `count = is_wrong`"#,
    ),
    (Argument::Settle, "settle", r#"a function of the answer's head: `settle = tokens_of`, or `settle = "handler"`"#),
    (Argument::Mode, "mode", r#"`mode = "strict"`, `"wait"`, `"lenient"`"#),
    (Argument::InFlight, "in_flight", "`in_flight = 32`"),
    (Argument::SettleWithin, "settle_within", r#"`settle_within = "30s"`"#),
    (Argument::Unsettled, "unsettled", r#"`unsettled = "charge"`, `"refund"`"#),
    (Argument::Queue, "queue", r#"`queue = 32, max_wait = "250ms"`"#),
    (Argument::MaxWait, "max_wait", r#"`max_wait = "250ms"`"#),
    (Argument::Spaced, "spaced", "the bare word `spaced`"),
    (Argument::Name, "name", r#"`name = "search"`"#),
    (Argument::Scope, "scope", r#"`scope = "search"`"#),
    (Argument::Headers, "headers", r#"`headers = "draft-11, legacy"`, `headers = "off"`"#),
    (Argument::OnLimited, "on_limited", "a function of the refusal: `on_limited = sorry`"),
    (Argument::Exempt, "exempt", r#"`exempt = "/health, /metrics"`"#),
    (Argument::Inner, "inner", "`inner = sessions_unlimited`"),
    (Argument::Crate, "crate", "`crate = ::my_facade::limiter`"),
];

/// Arguments that are planned, so that nobody hunts for a misspelling.
const LATER: &[&str] = &["at_ceiling", "ban", "inherit", "policy", "retry", "tier"];

/// What the same thing is called elsewhere.
const ELSEWHERE: &[(&str, &str)] = &[
    ("algo", "algorithm"),
    ("by", "key"),
    ("capacity", "burst"),
    ("concurrency", "concurrent"),
    ("dry_run", "shadow"),
    ("error_handler", "on_limited"),
    ("extractor", "key"),
    ("fail_open", "on_store_error"),
    ("gets", "read"),
    ("group", "scope"),
    ("key_func", "key"),
    ("leaky", "spaced"),
    ("max_concurrent", "concurrent"),
    ("max_queue", "queue"),
    ("on_error", "on_store_error"),
    ("path", "crate"),
    ("penalize", "penalty"),
    ("period", "per"),
    ("plan", "quota"),
    ("posts", "write"),
    ("reads", "read"),
    ("refund", "count"),
    ("shared", "scope"),
    ("skip", "exempt"),
    ("skip_failed", "count"),
    ("skip_successful", "count"),
    ("strategy", "algorithm"),
    ("timeout", "max_wait"),
    ("trusted", "trusted_key"),
    ("weight", "cost"),
    ("window", "per"),
    ("writes", "write"),
];

/// What a word in the place of an argument is.
pub(crate) enum Word {
    Known(Argument),
    Later,
    Unknown { meant: Option<&'static str> },
}

impl Argument {
    pub(crate) fn text(self) -> &'static str {
        self.entry().1
    }

    /// How the argument is written.
    pub(crate) fn example(self) -> &'static str {
        self.entry().2
    }

    fn entry(self) -> &'static (Argument, &'static str, &'static str) {
        KNOWN.iter().find(|(name, ..)| *name == self).unwrap_or(&KNOWN[0])
    }
}

/// Looks a word up.
pub(crate) fn look_up(word: &str) -> Word {
    if let Some((name, ..)) = KNOWN.iter().find(|(_, text, _)| *text == word) {
        return Word::Known(*name);
    }
    if LATER.contains(&word) {
        return Word::Later;
    }
    let lower = word.to_ascii_lowercase();
    let elsewhere = ELSEWHERE.iter().find(|(theirs, _)| *theirs == lower).map(|(_, ours)| *ours);
    let meant = elsewhere.or_else(|| closest(&lower, KNOWN.iter().map(|(_, text, _)| *text)));
    Word::Unknown { meant }
}

/// The arguments as a list for messages.
pub(crate) fn all() -> String {
    KNOWN.iter().map(|(_, text, _)| format!("`{text}`")).collect::<Vec<_>>().join(", ")
}

/// The candidate with the fewest slips, if they are few for its length.
pub(crate) fn closest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (slips(word, candidate), candidate))
        .filter(|(slips, candidate)| *slips <= candidate.len().div_ceil(3))
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

/// Edits between two words; two letters changing places are one slip.
fn slips(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::{Argument, Word, look_up};

    fn meant(word: &str) -> Option<&'static str> {
        match look_up(word) {
            Word::Unknown { meant } => meant,
            Word::Known(_) | Word::Later => panic!("`{word}` is a word of the attribute"),
        }
    }

    #[test]
    fn a_slip_or_another_tools_word_is_recognised_and_nonsense_is_not() {
        assert_eq!(meant("raed"), Some("read"));
        assert_eq!(meant("Write"), Some("write"));
        assert_eq!(meant("algoritm"), Some("algorithm"));
        assert_eq!(meant("trusted"), Some("trusted_key"));
        assert_eq!(meant("window"), Some("per"));
        assert_eq!(meant("banana"), None);
    }

    #[test]
    fn each_name_finds_its_own_entry() {
        assert_eq!(Argument::TrustedKey.text(), "trusted_key");
        assert!(matches!(look_up("crate"), Word::Known(Argument::Crate)));
        assert!(matches!(look_up("tier"), Word::Later));
    }
}
