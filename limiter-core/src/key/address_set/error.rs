//! Why a network was refused.

use core::fmt;
use std::error::Error;

use ipnet::IpNet;

pub(super) fn refused(value: &str, kind: Kind) -> AddressError {
    AddressError { value: value.to_owned(), kind }
}

/// A network that cannot be put into an [`AddressSet`](super::AddressSet).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError {
    value: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    BadCidr,
    HostBits { network: IpNet },
    MappedPrefixTooShort,
    PrefixZero,
    Zone,
}

impl AddressError {
    /// The kind of mistake as one stable word, such as `bad_cidr`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.kind {
            Kind::BadCidr => "bad_cidr",
            Kind::HostBits { .. } => "host_bits",
            Kind::MappedPrefixTooShort => "mapped_prefix_too_short",
            Kind::PrefixZero => "prefix_zero",
            Kind::Zone => "zone",
        }
    }

    /// What was written.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = &self.value;
        match self.kind {
            Kind::BadCidr => write!(
                f,
                "{value:?} is not a network; write an address or CIDR such as `10.0.0.1`, `10.0.0.0/8` or \
                 `fd00::/8`, without blanks, netmasks, leading zeros or host names"
            ),
            Kind::HostBits { network } => write!(
                f,
                "{value:?} has bits set after its prefix; write `{network}` if the whole network is meant, or \
                 the address alone"
            ),
            Kind::MappedPrefixTooShort => write!(
                f,
                "{value:?} is an IPv4-mapped address with a prefix shorter than /96, which would cover all of \
                 IPv4; write the IPv4 network, such as `10.0.0.0/8`"
            ),
            Kind::PrefixZero => write!(f, "{value:?} holds every address there is; list the networks that are meant"),
            Kind::Zone => write!(
                f,
                "{value:?} has a zone, which addresses are compared without; write it without the part from `%`"
            ),
        }
    }
}

impl Error for AddressError {}
