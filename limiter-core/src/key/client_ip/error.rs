//! Why a policy was refused when it was built or reloaded.

use std::error::Error;
use std::fmt;

use super::ip_key::IPV6_PREFIXES;
use crate::key::address_set::AddressError;

/// A [`ClientIp`](super::ClientIp) policy that would not do what its author means.
///
/// [`code`](Self::code) is a stable word for programs; the text names the value, what is wrong with it
/// and what is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIpError(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    HeaderName { value: String },
    HeaderTwice { first: String, second: String },
    Hops { value: u32, max_entries: usize },
    HopsNeedListHeader { header: Option<String> },
    Ipv6Prefix { value: u8 },
    Trusted(AddressError),
}

impl ClientIpError {
    /// The kind of mistake as one stable word, such as `config:bad_cidr`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.0 {
            Kind::HeaderName { .. } => "config:header_name",
            Kind::HeaderTwice { .. } => "config:header_twice",
            Kind::Hops { .. } => "config:hops",
            Kind::HopsNeedListHeader { .. } => "config:hops_need_list_header",
            Kind::Ipv6Prefix { .. } => "config:ipv6_prefix",
            Kind::Trusted(ref error) => match error.code() {
                "host_bits" => "config:host_bits",
                "mapped_prefix_too_short" => "config:mapped_prefix_too_short",
                "prefix_zero" => "config:prefix_zero",
                "zone" => "config:zone",
                _ => "config:bad_cidr",
            },
        }
    }
}

impl From<Kind> for ClientIpError {
    fn from(kind: Kind) -> Self {
        Self(kind)
    }
}

impl fmt::Display for ClientIpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::HeaderName { value } => {
                write!(f, "header name {value:?} cannot occur in a request; write a name such as `x-forwarded-for`")
            }
            Kind::HeaderTwice { first, second } => write!(
                f,
                "header `{second}` would be read beside `{first}`, but only one header can be believed; \
                 name the one that your proxies overwrite or append to"
            ),
            Kind::Hops { value, max_entries } => write!(
                f,
                "hops {value} is out of range; write how many of your proxies stand in front, from 1 to \
                 {max_entries} (`max_entries`)"
            ),
            Kind::HopsNeedListHeader { header: Some(header) } => write!(
                f,
                "hops cannot be counted in header `{header}`, which holds one address; use `x-forwarded-for` \
                 or `forwarded`, or leave hops out"
            ),
            Kind::HopsNeedListHeader { header: None } => write!(
                f,
                "hops are given but no header is read; name the header, `x-forwarded-for` or `forwarded`, or \
                 leave hops out"
            ),
            Kind::Ipv6Prefix { value } => write!(
                f,
                "ipv6_prefix {value} is out of range; write a length from {} to {}",
                IPV6_PREFIXES.start(),
                IPV6_PREFIXES.end()
            ),
            Kind::Trusted(error) if error.code() == "prefix_zero" => write!(
                f,
                "trusted network {:?} trusts every caller; list the proxies, or call `trust_everyone` if that \
                 is meant",
                error.value()
            ),
            Kind::Trusted(error) => write!(f, "trusted network {error}"),
        }
    }
}

impl Error for ClientIpError {}

impl From<AddressError> for ClientIpError {
    fn from(error: AddressError) -> Self {
        Kind::Trusted(error).into()
    }
}
