//! Whose connections may speak for someone else: the listed networks, or everyone.

use std::net::IpAddr;

use crate::key::AddressSet;

#[derive(Clone, Debug, Default)]
pub(super) struct TrustSet {
    everyone: bool,
    listed: AddressSet,
}

impl TrustSet {
    pub(super) fn everyone() -> Self {
        Self { everyone: true, ..Self::default() }
    }

    pub(super) fn new(listed: AddressSet) -> Self {
        Self { everyone: false, listed }
    }

    #[inline]
    pub(super) fn contains(&self, ip: IpAddr) -> bool {
        self.everyone || self.listed.contains(ip)
    }

    pub(super) fn listed(&self) -> &AddressSet {
        &self.listed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_set_trusts_nobody() {
        assert!(!TrustSet::default().contains("127.0.0.1".parse().unwrap()));
        assert!(TrustSet::everyone().contains("203.0.113.7".parse().unwrap()));
    }
}
