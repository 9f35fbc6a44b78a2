//! Fields that one layer sends, whatever the application's wire says.

use std::sync::{Arc, OnceLock};

use crate::headers::{Family, Legacy, Wire};

/// Fields that take the place of a wire's, and the wire that came of it.
pub(super) struct Fields {
    family: Family,
    legacy: Legacy,
    /// Of the first wire that was met, which in most applications is the only one.
    merged: OnceLock<(Option<Arc<Wire>>, Arc<Wire>)>,
}

impl Fields {
    pub(super) fn new(family: Family, legacy: Legacy) -> Self {
        Fields { family, legacy, merged: OnceLock::new() }
    }

    /// The wire with these fields in the place of its own.
    pub(super) fn on(&self, wire: Option<&Arc<Wire>>) -> Arc<Wire> {
        let merge = || {
            let wire = wire.map_or_else(Wire::new, |wire| Wire::clone(wire));
            Arc::new(wire.family(self.family).legacy(self.legacy))
        };
        let (of, merged) = self.merged.get_or_init(|| (wire.cloned(), merge()));
        let is_same = match (of, wire) {
            (Some(of), Some(wire)) => Arc::ptr_eq(of, wire),
            (None, None) => true,
            _ => false,
        };
        if is_same { Arc::clone(merged) } else { merge() }
    }
}
