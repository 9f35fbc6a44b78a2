//! Who is not limited, and who never gets in.
//!
//! Clients are meant as [`ClientIp`](crate::key::client_ip::ClientIp) finds them, never the peer:
//! behind a proxy, a list of peers would hold everybody or nobody.
//!
//! ```
//! use limiter_core::{Limiter, Refusal, access::AccessList};
//!
//! let access = AccessList::builder()
//!     .exempt(["192.0.2.0/24"])
//!     .deny(["203.0.113.0/24", "2001:db8:bad::/48"])
//!     .deny_by("header:x-api-key", ["leaked-in-march"])
//!     .answer(Refusal::Forbidden)
//!     .build()?;
//! let limiter = Limiter::builder().access(access.clone()).build();
//!
//! // Later: a list with a mistake is refused, and the one in force stays.
//! assert!(access.reload(AccessList::builder().deny(["203.0.113.7/24"])).is_err());
//! access.reload(AccessList::builder().deny(["203.0.113.7"]))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod builder;
mod denied;

use core::fmt;
use std::collections::HashSet;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::key::client_ip::IpKey;
use crate::key::{AddressSet, Extracted, Key, KeyContext, KeySource, Part};

pub use builder::{AccessBuilder, AccessError};
pub use denied::{Denied, DeniedBy, Refusal};

/// A list of clients that are not limited and of those that never get in. It can be replaced while
/// it is in use; clones are one list.
///
/// Who is on both lists is denied. Requests whose client is not known are on neither by address.
#[derive(Clone, Default)]
pub struct AccessList {
    lists: Arc<ArcSwap<Lists>>,
}

#[derive(Default)]
pub(crate) struct Lists {
    exempt: AddressSet,
    deny: AddressSet,
    keys: Vec<DeniedKeys>,
    refusal: Refusal,
}

/// Keys of one source that never get in.
pub(crate) struct DeniedKeys {
    source: Arc<dyn KeySource>,
    keys: HashSet<Key>,
}

/// What a list says about a request.
pub(crate) enum Standing {
    Denied(Denied, Key),
    Exempt,
}

impl AccessList {
    /// Starts a list on which nobody is.
    pub fn builder() -> AccessBuilder {
        AccessBuilder::default()
    }

    /// Replaces the list, also for all clones.
    ///
    /// # Errors
    ///
    /// As [`AccessBuilder::build`]; the list in force then stays.
    pub fn reload(&self, list: AccessBuilder) -> Result<(), AccessError> {
        self.lists.store(Arc::new(list.lists()?));
        Ok(())
    }

    /// `None`: the request is limited like any other.
    pub(crate) fn standing(&self, request: &KeyContext<'_>) -> Option<Standing> {
        let lists = self.lists.load();
        let by_address = !lists.deny.is_empty() || !lists.exempt.is_empty();
        let client = if by_address { request.client().ok() } else { None };
        if let Some(client) = client
            && let Some(network) = lists.deny.find(client.ip())
        {
            let key = Key::from(Part::Ip(IpKey::new(client.ip(), request.ipv6_prefix())));
            return Some(Standing::Denied(Denied::new(DeniedBy::Network(network), lists.refusal), key));
        }
        for denied in &lists.keys {
            if let Extracted::Key(key) = denied.source.key(request)
                && denied.keys.contains(&key)
            {
                let by = DeniedBy::Key(denied.source.describe().into());
                return Some(Standing::Denied(Denied::new(by, lists.refusal), key));
            }
        }
        client.filter(|client| lists.exempt.contains(client.ip())).map(|_| Standing::Exempt)
    }
}

/// Clones are one list; lists made apart are not, whoever is on them.
impl PartialEq for AccessList {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.lists, &other.lists)
    }
}

impl Eq for AccessList {}

/// How long the lists are; not who is on them.
impl fmt::Debug for AccessList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = self.lists.load();
        f.debug_struct("AccessList")
            .field("exempt", &lists.exempt.networks().count())
            .field("deny", &lists.deny.networks().count())
            .field("keys", &lists.keys.iter().map(|denied| denied.keys.len()).sum::<usize>())
            .field("refusal", &lists.refusal)
            .finish()
    }
}
