//! Several quotas that apply together, as one text.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

use super::Quota;

/// Quotas that must all let a request pass: `10/s burst 20, 1000/h`.
///
/// Never empty, without duplicates, and `unlimited` stands alone. Read one with
/// [`parse`](str::parse); the separator is `,` or `;`.
///
/// # Examples
///
/// ```
/// use limiter_core::quota::{Quota, QuotaList};
///
/// let list: QuotaList = "10/s burst 20; 1_000 per hour".parse()?;
/// assert_eq!(list.len(), 2);
/// assert_eq!(list[1], Quota::per_hour(1000));
/// assert_eq!(list.to_string(), "10/s burst 20, 1000/h");
/// # Ok::<(), limiter_core::quota::NotationError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QuotaList(Vec<Quota>);

impl QuotaList {
    /// The caller has made sure that the promises of the type hold.
    pub(super) fn from_checked(quotas: Vec<Quota>) -> Self {
        Self(quotas)
    }
}

impl From<Quota> for QuotaList {
    fn from(quota: Quota) -> Self {
        Self(alloc::vec![quota])
    }
}

impl Deref for QuotaList {
    type Target = [Quota];

    fn deref(&self) -> &[Quota] {
        &self.0
    }
}

impl IntoIterator for QuotaList {
    type Item = Quota;
    type IntoIter = alloc::vec::IntoIter<Quota>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a QuotaList {
    type Item = &'a Quota;
    type IntoIter = core::slice::Iter<'a, Quota>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl fmt::Display for QuotaList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, quota) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{quota}")?;
        }
        Ok(())
    }
}
