//! The words of the attributes: those that each knows, those that come later, and what was probably meant.

/// What the words of one attribute are.
pub(crate) struct Vocabulary {
    /// Each argument with an example of its use, in the order in which messages list them.
    pub(crate) known: &'static [(Argument, &'static str)],
    /// What the same thing is called elsewhere.
    pub(crate) elsewhere: &'static [(&'static str, Argument)],
    /// What is said of words that are known and mean nothing here.
    pub(crate) refused: fn(&str) -> Option<String>,
    /// What to write where a bare number stands.
    pub(crate) instead_of_number: fn(&str) -> String,
    /// What is limited, in messages.
    pub(crate) counted: &'static str,
}

/// An argument of an attribute.
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
    Lease,
    Limiter,
    MaxWait,
    Missing,
    Mode,
    Name,
    NewestFirst,
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

impl Argument {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Argument::Algorithm => "algorithm",
            Argument::Burst => "burst",
            Argument::Concurrent => "concurrent",
            Argument::Cost => "cost",
            Argument::Count => "count",
            Argument::Crate => "crate",
            Argument::Exempt => "exempt",
            Argument::Headers => "headers",
            Argument::InFlight => "in_flight",
            Argument::Inner => "inner",
            Argument::Key => "key",
            Argument::Lease => "lease",
            Argument::Limiter => "limiter",
            Argument::MaxWait => "max_wait",
            Argument::Missing => "missing",
            Argument::Mode => "mode",
            Argument::Name => "name",
            Argument::NewestFirst => "newest_first",
            Argument::OnLimited => "on_limited",
            Argument::OnStoreError => "on_store_error",
            Argument::Penalty => "penalty",
            Argument::Per => "per",
            Argument::Queue => "queue",
            Argument::Quota => "quota",
            Argument::Read => "read",
            Argument::Scope => "scope",
            Argument::Settle => "settle",
            Argument::SettleWithin => "settle_within",
            Argument::Shadow => "shadow",
            Argument::Spaced => "spaced",
            Argument::TrustedKey => "trusted_key",
            Argument::Unsettled => "unsettled",
            Argument::Write => "write",
        }
    }
}

/// The words of `#[rate_limit(..)]`.
pub(crate) static RATE_LIMIT: Vocabulary = Vocabulary {
    known: KNOWN,
    elsewhere: ELSEWHERE,
    refused: |word| LATER.contains(&word).then(|| format!("`{word}` is not supported yet")),
    instead_of_number: |number| format!("\"{number}/min\", or `read = {number}, write = ..`"),
    counted: "requests",
};

/// Each argument with an example of its use.
const KNOWN: &[(Argument, &str)] = &[
    (Argument::Read, r#"`read = 1000` or `read = "10/s burst 20"`"#),
    (Argument::Write, r#"`write = 10` or `write = "10/h"`"#),
    (Argument::Per, r#"`per = "min"`, `per = "15min"`"#),
    (Argument::Burst, "`burst = 20`"),
    (Argument::Key, r#"`key = "ip"`, or a function of the request's head: `key = by_account`"#),
    (Argument::TrustedKey, "the bare word `trusted_key`"),
    (Argument::Missing, r#"`missing = "shared"`, `"refuse"`, `"skip"`"#),
    (Argument::Algorithm, r#"`algorithm = "bucket"`, `"interval"`, `"fixed"`, `"sliding"`, `"log"`"#),
    (Argument::Concurrent, "`concurrent = 8`"),
    (Argument::Quota, "a function of the request's head, beside the default: `\"100/min\", quota = plan_of`"),
    (Argument::Penalty, "the bare word `penalty`"),
    (Argument::Shadow, "the bare word `shadow`"),
    (Argument::OnStoreError, r#"`on_store_error = "local"`, `"open"`, `"closed"`"#),
    (Argument::Cost, "`cost = 5`, or a function of the request's head: `cost = query_cost`"),
    (
        Argument::Count,
        r#"`count = "failed"`, `count = "401, 5xx"`, or a function of the answer's head: `count = is_wrong`"#,
    ),
    (Argument::Settle, r#"a function of the answer's head: `settle = tokens_of`, or `settle = "handler"`"#),
    (Argument::Mode, r#"`mode = "strict"`, `"wait"`, `"lenient"`"#),
    (Argument::InFlight, "`in_flight = 32`"),
    (Argument::SettleWithin, r#"`settle_within = "30s"`"#),
    (Argument::Unsettled, r#"`unsettled = "charge"`, `"refund"`"#),
    (Argument::Queue, r#"`queue = 32, max_wait = "250ms"`"#),
    (Argument::MaxWait, r#"`max_wait = "250ms"`"#),
    (Argument::Spaced, "the bare word `spaced`"),
    (Argument::Name, r#"`name = "search"`"#),
    (Argument::Scope, r#"`scope = "search"`"#),
    (Argument::Headers, r#"`headers = "draft-11, legacy"`, `headers = "off"`"#),
    (Argument::OnLimited, "a function of the refusal: `on_limited = sorry`"),
    (Argument::Exempt, r#"`exempt = "/health, /metrics"`"#),
    (Argument::Inner, "`inner = sessions_unlimited`"),
    (Argument::Crate, "`crate = ::my_facade::limiter`"),
];

/// Arguments that are planned, so that nobody hunts for a misspelling.
const LATER: &[&str] = &["at_ceiling", "ban", "inherit", "policy", "retry", "tier"];

/// What the same thing is called elsewhere.
const ELSEWHERE: &[(&str, Argument)] = &[
    ("algo", Argument::Algorithm),
    ("by", Argument::Key),
    ("capacity", Argument::Burst),
    ("concurrency", Argument::Concurrent),
    ("dry_run", Argument::Shadow),
    ("error_handler", Argument::OnLimited),
    ("extractor", Argument::Key),
    ("fail_open", Argument::OnStoreError),
    ("gets", Argument::Read),
    ("group", Argument::Scope),
    ("key_func", Argument::Key),
    ("leaky", Argument::Spaced),
    ("max_concurrent", Argument::Concurrent),
    ("max_queue", Argument::Queue),
    ("on_error", Argument::OnStoreError),
    ("path", Argument::Crate),
    ("penalize", Argument::Penalty),
    ("period", Argument::Per),
    ("plan", Argument::Quota),
    ("posts", Argument::Write),
    ("reads", Argument::Read),
    ("refund", Argument::Count),
    ("shared", Argument::Scope),
    ("skip", Argument::Exempt),
    ("skip_failed", Argument::Count),
    ("skip_successful", Argument::Count),
    ("strategy", Argument::Algorithm),
    ("timeout", Argument::MaxWait),
    ("trusted", Argument::TrustedKey),
    ("weight", Argument::Cost),
    ("window", Argument::Per),
    ("writes", Argument::Write),
];

impl Vocabulary {
    /// How the argument is written.
    pub(crate) fn example(&self, name: Argument) -> &'static str {
        self.known.iter().find(|(known, _)| *known == name).map_or("", |(_, example)| example)
    }

    /// Looks a word up.
    pub(crate) fn look_up(&self, word: &str) -> Option<Argument> {
        self.known.iter().map(|(name, _)| *name).find(|name| name.text() == word)
    }

    /// What is wrong with a word that is no argument; `kind` is what messages call it.
    pub(crate) fn unknown(&self, word: &str, kind: &str) -> String {
        if let Some(reason) = (self.refused)(word) {
            return reason;
        }
        match self.meant(word) {
            Some(meant) => format!("unknown {kind} `{word}`; did you mean `{meant}`?"),
            None => format!("unknown {kind} `{word}`; accepted: a quota such as \"100/min\", and {}", self.all()),
        }
    }

    fn meant(&self, word: &str) -> Option<&'static str> {
        let lower = word.to_ascii_lowercase();
        let elsewhere = self.elsewhere.iter().find(|(theirs, _)| *theirs == lower).map(|(_, ours)| ours.text());
        elsewhere.or_else(|| closest(&lower, self.known.iter().map(|(name, _)| name.text())))
    }

    /// The arguments as a list for messages.
    pub(crate) fn all(&self) -> String {
        self.known.iter().map(|(name, _)| format!("`{}`", name.text())).collect::<Vec<_>>().join(", ")
    }
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
    use super::{Argument, RATE_LIMIT};

    #[test]
    fn a_slip_or_another_tools_word_is_recognised_and_nonsense_is_not() {
        for (word, meant) in [
            ("raed", Some("read")),
            ("Write", Some("write")),
            ("algoritm", Some("algorithm")),
            ("trusted", Some("trusted_key")),
            ("window", Some("per")),
            ("banana", None),
        ] {
            assert!(RATE_LIMIT.look_up(word).is_none());
            assert_eq!(RATE_LIMIT.meant(word), meant);
        }
    }

    #[test]
    fn each_name_finds_its_own_entry() {
        assert_eq!(RATE_LIMIT.look_up("crate"), Some(Argument::Crate));
        assert_eq!(RATE_LIMIT.example(Argument::TrustedKey), "the bare word `trusted_key`");
        assert_eq!(RATE_LIMIT.unknown("tier", "argument"), "`tier` is not supported yet");
    }
}
