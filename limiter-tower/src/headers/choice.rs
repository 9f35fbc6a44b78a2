//! What can be chosen about the wire, each choice a type of its own.

use core::fmt;
use core::str::FromStr;
use std::borrow::Cow;

use http::header::HeaderName;

/// The family of IETF fields. Named by revision: none of them is a standard, and two of them give
/// the same field names another grammar, so that only one can be sent.
///
/// ```
/// use limiter_tower::headers::Family;
///
/// assert_eq!("draft-07".parse(), Ok(Family::Draft07));
/// assert!("draft-07+draft-11".parse::<Family>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Family {
    /// `RateLimit-Limit`, `RateLimit-Remaining`, `RateLimit-Reset` and `RateLimit-Policy: 100;w=60`.
    Draft06,
    /// `RateLimit: limit=100, remaining=99, reset=50` and `RateLimit-Policy: 100;w=60`.
    Draft07,
    /// `RateLimit: "api";r=99;t=50` and `RateLimit-Policy: "api";q=100;w=60`. The bytes have been
    /// the same since draft-08.
    #[default]
    Draft11,
    /// None of them.
    Off,
}

impl FromStr for Family {
    type Err = WireError;

    fn from_str(text: &str) -> Result<Self, WireError> {
        match text {
            "draft-06" => Ok(Family::Draft06),
            "draft-07" => Ok(Family::Draft07),
            "draft-11" => Ok(Family::Draft11),
            "off" => Ok(Family::Off),
            _ => Err(WireError::Family { found: text.to_owned() }),
        }
    }
}

/// The fields `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset`, which most
/// clients read today.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Legacy {
    /// Reset is told in seconds from now.
    Delta,
    /// Reset is told in seconds since the Unix epoch.
    #[default]
    Epoch,
    /// None of them.
    Off,
}

impl FromStr for Legacy {
    type Err = WireError;

    fn from_str(text: &str) -> Result<Self, WireError> {
        match text {
            "delta" => Ok(Legacy::Delta),
            "epoch" => Ok(Legacy::Epoch),
            "off" => Ok(Legacy::Off),
            _ => Err(WireError::Legacy { found: text.to_owned() }),
        }
    }
}

/// How the names of the legacy fields begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    pub(super) limit: HeaderName,
    pub(super) remaining: HeaderName,
    pub(super) reset: HeaderName,
}

impl Prefix {
    /// A prefix, such as `x-acme-ratelimit-`.
    ///
    /// # Errors
    ///
    /// When the names would not be field names, or would be those of the IETF families.
    pub fn new(prefix: &str) -> Result<Self, WireError> {
        let wrong = || WireError::Prefix { found: prefix.to_owned() };
        if prefix.eq_ignore_ascii_case("ratelimit-") {
            return Err(wrong());
        }
        let name = |end: &str| HeaderName::try_from(format!("{prefix}{end}")).map_err(|_| wrong());
        Ok(Prefix { limit: name("limit")?, remaining: name("remaining")?, reset: name("reset")? })
    }

    /// `x-rate-limit-`, as some large services spell it.
    #[must_use]
    pub fn hyphenated() -> Self {
        Prefix {
            limit: HeaderName::from_static("x-rate-limit-limit"),
            remaining: HeaderName::from_static("x-rate-limit-remaining"),
            reset: HeaderName::from_static("x-rate-limit-reset"),
        }
    }
}

/// `x-ratelimit-`.
impl Default for Prefix {
    fn default() -> Self {
        Prefix {
            limit: HeaderName::from_static("x-ratelimit-limit"),
            remaining: HeaderName::from_static("x-ratelimit-remaining"),
            reset: HeaderName::from_static("x-ratelimit-reset"),
        }
    }
}

/// Which policies the `RateLimit` field of a refusal lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeniedItems {
    /// Every policy that applied. Times shown for the others may then be later than `Retry-After`.
    All,
    /// The violated ones.
    #[default]
    Violated,
}

/// What a policy counts, if not requests.
///
/// ```
/// use limiter_tower::headers::Unit;
///
/// assert!(Unit::new("acme-tokens").is_ok());
/// assert!(Unit::new("tokens").is_err(), "neither registered nor prefixed");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unit(Cow<'static, str>);

impl Unit {
    /// Bytes of content.
    pub const CONTENT_BYTES: Unit = Unit(Cow::Borrowed("content-bytes"));
    /// Requests at the same time.
    pub const CONCURRENT_REQUESTS: Unit = Unit(Cow::Borrowed(super::CONCURRENT));
    /// Requests, which is what a policy counts unless told otherwise.
    pub const REQUESTS: Unit = Unit(Cow::Borrowed("requests"));

    /// A registered unit, or one of your own: with a vendor prefix, such as `acme-tokens`.
    ///
    /// # Errors
    ///
    /// When the name is neither.
    pub fn new(name: &str) -> Result<Self, WireError> {
        for registered in [Self::CONTENT_BYTES, Self::CONCURRENT_REQUESTS, Self::REQUESTS] {
            if registered.0 == name {
                return Ok(registered);
            }
        }
        let is_plain = name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._~:/-".contains(&b));
        let is_prefixed = name
            .split_once(['-', ':', '/', '.'])
            .is_some_and(|(vendor, own)| !vendor.is_empty() && own.bytes().any(|b| b.is_ascii_alphanumeric()));
        if is_plain && is_prefixed {
            Ok(Unit(Cow::Owned(name.to_owned())))
        } else {
            Err(WireError::Unit { found: name.to_owned() })
        }
    }

    pub(super) fn on_wire(&self) -> Option<&str> {
        Some(&*self.0).filter(|name| *name != "requests")
    }
}

/// Why a request is refused, in the words of the problem types of the draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    // From the weakest to the strongest: of several, the last is told.
    /// The service has less capacity than usual: 503.
    ReducedCapacity,
    /// The caller's quota is spent: 429.
    QuotaExceeded,
    /// The caller behaves oddly: 429.
    AbnormalUsage,
}

/// A choice that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireError {
    /// Not one family.
    Family {
        /// What was asked for.
        found: String,
    },
    /// Not a form of the legacy fields.
    Legacy {
        /// What was asked for.
        found: String,
    },
    /// Not a media type.
    MediaType {
        /// What was asked for.
        found: String,
    },
    /// Not a beginning of field names.
    Prefix {
        /// What was asked for.
        found: String,
    },
    /// Neither a registered unit nor one with a vendor prefix.
    Unit {
        /// What was asked for.
        found: String,
    },
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::Family { found } => write!(
                f,
                "`{found}` is not one family of rate-limit fields; accepted: draft-11, draft-07, draft-06, off"
            ),
            WireError::Legacy { found } => {
                write!(f, "`{found}` is not a form of the legacy fields; accepted: epoch, delta, off")
            }
            WireError::MediaType { found } => {
                write!(f, "`{found}` is not a media type; accepted: a type and a subtype, such as text/html")
            }
            WireError::Prefix { found } => write!(
                f,
                "`{found}` cannot begin the names of the legacy fields; \
                 accepted: letters, digits and hyphens, such as x-ratelimit-, but not ratelimit-"
            ),
            WireError::Unit { found } => write!(
                f,
                "`{found}` is not a quota unit; accepted: requests, content-bytes, concurrent-requests, \
                 or a name with a vendor prefix such as acme-tokens"
            ),
        }
    }
}

impl std::error::Error for WireError {}
