//! One policy for each route of a router, made at the first request that the route gets.

use core::fmt;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::MatchedPath;
use http::request::Parts;
use limiter_core::{Name, Policy, Rule};

use crate::headers::{Shelf, Wire};

/// The rules that every route gets, and the policies made of them so far. There are as many as the
/// router has routes: callers choose paths, not the paths of routes.
pub(crate) struct Routes {
    name: Option<Name>,
    rules: Vec<Rule>,
    known: RwLock<HashMap<String, Option<Routed>>>,
}

/// The policy of one route, and what its fields say of the limits.
#[derive(Clone, Debug)]
pub(crate) struct Routed {
    pub(crate) policy: Policy,
    pub(crate) shelf: Arc<Shelf>,
}

impl Routes {
    pub(crate) fn new(name: Option<Name>, rules: Vec<Rule>) -> Self {
        Routes { name, rules, known: RwLock::default() }
    }

    /// The policy of the request's route; `None` if it reached none.
    pub(crate) fn of(&self, parts: &Parts, wire: Option<&Wire>) -> Option<Routed> {
        let path = parts.extensions.get::<MatchedPath>()?.as_str();
        // Nothing panics while it holds the lock.
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(path) {
            return known.clone();
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(path.to_owned()).or_insert_with(|| self.make(path, wire)).clone()
    }

    fn make(&self, path: &str, wire: Option<&Wire>) -> Option<Routed> {
        let name = self.name.clone().unwrap_or_else(|| wire_name(path).into());
        // These rules have made a policy before, and the name fits.
        let policy = Policy::identified(format!("route {path} {name}"), name, self.rules.iter().cloned()).ok()?;
        Some(Routed { shelf: Arc::new(Shelf::new(&policy, wire)), policy })
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes").field("name", &self.name).field("rules", &self.rules.len()).finish_non_exhaustive()
    }
}

/// Names on the wire have 64 characters; some are left for `-write` and a number.
const LONGEST: usize = 52;

/// A route's path in the letters that names on the wire may have: `/users/{id}` is `/users/:id`.
fn wire_name(path: &str) -> String {
    let allowed = |c: char| match c {
        '{' => Some(':'),
        '}' | '*' => None,
        c if c.is_ascii_alphanumeric() || "._~:/-".contains(c) => Some(c),
        _ => Some('-'),
    };
    path.chars().filter_map(allowed).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_routes_path_is_written_in_the_letters_of_a_name() {
        assert_eq!(wire_name("/users/{id}"), "/users/:id");
        assert_eq!(wire_name("/files/{*rest}"), "/files/:rest");
        assert_eq!(wire_name("/a b/ü"), "/a-b/-");
        let long = format!("/{}", "x".repeat(100));
        let rules = ["1/s", "2/min"].map(|quota| Rule::new(quota.parse().unwrap()));
        assert!(Routes::new(None, rules.to_vec()).make(&long, None).is_some());
    }
}
