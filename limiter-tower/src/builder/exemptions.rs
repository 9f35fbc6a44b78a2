//! What is not counted, and who never gets in.

use http::Method;
use limiter_core::AccessList;

use super::RateLimitBuilder;

impl RateLimitBuilder {
    /// Paths that are not counted and carry no fields: `/health`, or all below one, `/static/*`.
    ///
    /// They are compared byte by byte with the path that the service sees and, under axum, with the
    /// path before a router took a prefix off.
    pub fn exempt<I>(mut self, paths: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        for path in paths {
            if let Err(error) = self.exempt.add(path.as_ref()) {
                self.note(error.into());
            }
        }
        self
    }

    /// Methods that are not counted and carry no fields.
    pub fn exempt_methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        methods.into_iter().for_each(|method| self.exempt.add_method(method));
        self
    }

    /// Routes that are not counted and carry no fields, as they are declared and with the prefixes
    /// of the routers they are nested in: `/api/users/{id}`.
    #[cfg(feature = "axum")]
    pub fn exempt_routes<I>(mut self, routes: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        for route in routes {
            if let Err(error) = self.exempt.add_route(route.as_ref()) {
                self.note(error.into());
            }
        }
        self
    }

    /// Clients that are not limited here, and clients that never get in here, beside those of the
    /// limiter's own list. Keep a clone to replace the list while it is in use.
    ///
    /// Who never gets in gets neither to what is exempt; the answer is the list's, not that of
    /// [`on_limited`](RateLimitBuilder::on_limited).
    pub fn access(mut self, list: AccessList) -> Self {
        self.access = Some(list);
        self
    }
}
