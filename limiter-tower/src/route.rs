//! What axum's router knows of the route that a request took, for keys such as `path:tenant`.

use std::borrow::Cow;

use axum::extract::{MatchedPath, OriginalUri};
use http::request::Parts;
use limiter_core::key::RouteInfo;
use percent_encoding::percent_decode_str;

/// Looks things up when a key asks for them, so that a request without such a key pays nothing.
///
/// The pattern is the whole one, also inside a nested router, and so is the path that it is laid over.
pub(crate) struct AxumRoute<'a> {
    parts: &'a Parts,
}

impl<'a> AxumRoute<'a> {
    pub(crate) fn of(parts: &'a Parts) -> Self {
        AxumRoute { parts }
    }
}

impl RouteInfo for AxumRoute<'_> {
    fn pattern(&self) -> Option<&str> {
        self.parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str)
    }

    fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        let pattern = self.pattern()?;
        let whole = self.parts.extensions.get::<OriginalUri>().map(|OriginalUri(uri)| uri.path());
        let raw = whole
            .and_then(|path| find(pattern, path, name))
            // What was nested as a service sees patterns and paths of its own.
            .or_else(|| find(pattern, self.parts.uri.path(), name))?;
        // Handlers refuse what is not UTF-8; until then it is limited like any other text.
        Some(percent_decode_str(raw).decode_utf8_lossy())
    }
}

/// The part of `path` that stands where `pattern` has `{name}` (one segment) or `{*name}` (the rest),
/// if the path fits the pattern.
fn find<'p>(pattern: &str, path: &'p str, name: &str) -> Option<&'p str> {
    let mut found = None;
    let mut rest = path;
    let mut segments = pattern.split('/').peekable();
    while let Some(segment) = segments.next() {
        if let Some(wildcard) = segment.strip_prefix("{*").and_then(|segment| segment.strip_suffix('}')) {
            return if wildcard == name { Some(rest) } else { found };
        }
        let (value, left) = match rest.split_once('/') {
            Some((value, left)) => (value, Some(left)),
            None => (rest, None),
        };
        match parameter(segment) {
            Some(parameter) if parameter == name => found = Some(value),
            Some(_) => {}
            None if is_literal(segment, value) => {}
            None => return None,
        }
        match (left, segments.peek()) {
            (Some(left), Some(_)) => rest = left,
            (None, None) => return found,
            _ => return None,
        }
    }
    found
}

/// `{name}`; doubled braces are braces.
fn parameter(segment: &str) -> Option<&str> {
    let name = segment.strip_prefix('{')?.strip_suffix('}')?;
    (!name.starts_with('{')).then_some(name)
}

fn is_literal(segment: &str, value: &str) -> bool {
    segment == value || (segment.contains(['{', '}']) && segment.replace("{{", "{").replace("}}", "}") == value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_the_segment_that_stands_in_its_place() {
        for (pattern, path, name, value) in [
            ("/users/{id}", "/users/7", "id", Some("7")),
            ("/users/{id}", "/users/a%2Fb", "id", Some("a%2Fb")),
            ("/{a}/x/{b}", "/1/x/2", "b", Some("2")),
            ("/{a}/x/{b}", "/1/x/2", "c", None),
            ("/{a}/x/{b}", "/1/y/2", "a", None),
            ("/{a}/", "/1/", "a", Some("1")),
            ("/{a}/", "/1", "a", None),
            ("/{a}", "/1/", "a", None),
            ("/files/{*rest}", "/files/a/b%20c/", "rest", Some("a/b%20c/")),
            ("/{tenant}/files/{*rest}", "/acme/files/a/b", "tenant", Some("acme")),
            ("/{tenant}/files/{*rest}", "/acme/other/a/b", "tenant", None),
            ("/{{x}}/{a}", "/{x}/1", "a", Some("1")),
            ("/{{x}}/{a}", "/y/1", "x", None),
            ("/", "/", "a", None),
        ] {
            assert_eq!(find(pattern, path, name), value, "{pattern} {path} {name}");
        }
    }
}
