//! Paths, routes and methods that are not limited.

use core::fmt;

use http::Method;
use http::request::Parts;

/// What is not counted: requests that are on one of the lists.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exempt {
    patterns: Vec<Pattern>,
    methods: Vec<Method>,
    #[cfg(feature = "axum")]
    routes: Vec<String>,
}

#[derive(Clone, Debug)]
enum Pattern {
    /// `/health`: this path.
    Exact(String),
    /// `/static/*`: all below; the star is cut off.
    Below(String),
}

impl Exempt {
    pub(crate) fn add(&mut self, pattern: &str) -> Result<(), ExemptError> {
        let refused = |kind| Err(ExemptError { pattern: pattern.to_owned(), kind });
        if !pattern.starts_with('/') {
            return refused(Kind::NoSlash);
        }
        if pattern == "/*" {
            return refused(Kind::Everything);
        }
        let (path, below) = match pattern.strip_suffix('*') {
            Some(path) => (path, true),
            None => (pattern, false),
        };
        if path.contains('*') || (below && !path.ends_with('/')) {
            return refused(Kind::Star);
        }
        if let Some(found) = path.chars().find(|c| !c.is_ascii_graphic() || matches!(c, '?' | '#' | '{' | '}')) {
            return refused(Kind::Character(found));
        }
        self.patterns.push(if below { Pattern::Below(path.to_owned()) } else { Pattern::Exact(path.to_owned()) });
        Ok(())
    }

    pub(crate) fn add_method(&mut self, method: Method) {
        self.methods.push(method);
    }

    #[cfg(feature = "axum")]
    pub(crate) fn add_route(&mut self, route: &str) -> Result<(), ExemptError> {
        if !route.starts_with('/') {
            return Err(ExemptError { pattern: route.to_owned(), kind: Kind::NoSlash });
        }
        self.routes.push(route.to_owned());
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        #[cfg(feature = "axum")]
        if !self.routes.is_empty() {
            return false;
        }
        self.patterns.is_empty() && self.methods.is_empty()
    }

    pub(crate) fn contains(&self, parts: &Parts) -> bool {
        self.methods.contains(&parts.method) || self.contains_path(parts) || self.contains_route(parts)
    }

    #[cfg(feature = "axum")]
    fn contains_route(&self, parts: &Parts) -> bool {
        !self.routes.is_empty()
            && parts
                .extensions
                .get::<axum::extract::MatchedPath>()
                .is_some_and(|path| self.routes.iter().any(|route| route == path.as_str()))
    }

    #[cfg(not(feature = "axum"))]
    fn contains_route(&self, _: &Parts) -> bool {
        false
    }

    /// Whether the request's path is on the list: as the service sees it, or as it was before a
    /// router took a prefix off.
    fn contains_path(&self, parts: &Parts) -> bool {
        if self.patterns.is_empty() {
            return false;
        }
        #[cfg(feature = "axum")]
        if let Some(axum::extract::OriginalUri(uri)) = parts.extensions.get()
            && self.matches(uri.path())
        {
            return true;
        }
        self.matches(parts.uri.path())
    }

    fn matches(&self, path: &str) -> bool {
        self.patterns.iter().any(|pattern| match pattern {
            Pattern::Exact(exact) => path == exact,
            Pattern::Below(prefix) => path.strip_prefix(prefix.as_str()).is_some_and(|rest| !climbs(rest)),
        })
    }
}

/// Whether a relative path has a `..` in it, spelled out or escaped: what it leads to may lie
/// outside.
fn climbs(path: &str) -> bool {
    let plain = path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\");
    plain.split(['/', '\\']).any(|segment| segment == "..")
}

/// A path pattern that cannot be used for an exemption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExemptError {
    pattern: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Character(char),
    Everything,
    NoSlash,
    Star,
}

impl ExemptError {
    /// The pattern.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }
}

impl fmt::Display for ExemptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` cannot be exempt: ", self.pattern)?;
        match self.kind {
            Kind::Character(found) => write!(f, "a path pattern has no {found:?}")?,
            Kind::Everything => f.write_str("it would lift the limit from every path")?,
            Kind::NoSlash => f.write_str("it does not start with `/`")?,
            Kind::Star => f.write_str("`*` stands for everything below a directory and only ends a pattern")?,
        }
        f.write_str("; accepted: a path such as `/health`, or all below one such as `/static/*`")
    }
}

impl std::error::Error for ExemptError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(patterns: &[&str]) -> Exempt {
        let mut exempt = Exempt::default();
        for pattern in patterns {
            exempt.add(pattern).unwrap();
        }
        exempt
    }

    #[test]
    fn a_plain_pattern_is_one_path_and_a_star_is_all_below() {
        let exempt = list(&["/health", "/static/*"]);
        for path in ["/health", "/static/", "/static/a", "/static/a/b..c"] {
            assert!(exempt.matches(path), "{path}");
        }
        for path in ["/", "/health/", "/healthy", "/HEALTH", "/static", "/statics/a", "//health"] {
            assert!(!exempt.matches(path), "{path}");
        }
    }

    #[test]
    fn a_path_that_climbs_out_of_an_exempt_directory_is_limited() {
        let exempt = list(&["/static/*"]);
        for path in
            ["/static/../login", "/static/%2e%2E/login", "/static/a/.%2e/../b", "/static/..%2flogin", "/static/..\\b"]
        {
            assert!(!exempt.matches(path), "{path}");
        }
    }

    #[test]
    fn a_pattern_that_cannot_be_meant_is_refused_by_name() {
        for (pattern, reason) in [
            ("health", "does not start with `/`"),
            ("", "does not start with `/`"),
            ("/*", "every path"),
            ("/a*", "only ends a pattern"),
            ("/a/*/b", "only ends a pattern"),
            ("/a?x=1", "has no '?'"),
            ("/users/{id}", "has no '{'"),
            ("/a b", "has no ' '"),
        ] {
            let error = Exempt::default().add(pattern).unwrap_err();
            let text = error.to_string();
            assert!(text.starts_with(&format!("`{pattern}` ")) && text.contains(reason), "{text}");
            assert_eq!(error.pattern(), pattern);
        }
    }
}
