//! Adds the refusals and the fields to the operations of a description.

use core::fmt;

use utoipa::Modify;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{Content, Object, ObjectBuilder, OpenApi, RefOr, Response, ResponseBuilder, Type};

use super::fields::{self, Field};
use crate::headers::{Reason, Wire};
use crate::response::{Body, title};

type Chooser = dyn Fn(&str, &Operation) -> bool + Send + Sync;

/// Describes limits: to each operation that is limited it adds the refusal (429), and to the
/// responses that an operation has already the fields that the wire sends with them.
///
/// What an operation says about these itself stays.
pub struct DescribeLimits {
    fields: Vec<Field>,
    refusals: Vec<Field>,
    bodies: Vec<(String, Object)>,
    chosen: Option<Box<Chooser>>,
    capacity: bool,
}

impl Default for DescribeLimits {
    fn default() -> Self {
        Self::of(&Wire::new())
    }
}

impl DescribeLimits {
    /// By the wire that the application has.
    #[must_use]
    pub fn of(wire: &Wire) -> Self {
        DescribeLimits {
            fields: fields::of(wire),
            refusals: vec![fields::retry_after()],
            bodies: bodies(&wire.body),
            chosen: None,
            capacity: false,
        }
    }

    /// What is true of refusals on any wire.
    #[cfg(feature = "utoipa-axum")]
    pub(super) fn of_any_wire() -> Self {
        DescribeLimits {
            fields: Vec::new(),
            refusals: vec![fields::retry_after()],
            bodies: Vec::new(),
            chosen: None,
            capacity: false,
        }
    }

    /// Which operations are limited, by path and what is said of them, such as their tags; all unless
    /// stated.
    ///
    /// ```
    /// use limiter_tower::openapi::DescribeLimits;
    ///
    /// let limits = DescribeLimits::default().only(|path, _| path != "/health");
    /// ```
    #[must_use]
    pub fn only(mut self, chosen: impl Fn(&str, &Operation) -> bool + Send + Sync + 'static) -> Self {
        self.chosen = Some(Box::new(chosen));
        self
    }

    /// Adds the refusal for want of capacity (503) too, which limits on concurrency have that are
    /// shared by all callers.
    #[must_use]
    pub fn capacity(mut self) -> Self {
        self.capacity = true;
        self
    }

    fn describe(&self, operation: &mut Operation) {
        let answers = &mut operation.responses.responses;
        for (status, answer) in answers.iter_mut() {
            if let RefOr::T(answer) = answer
                && !status.starts_with(['1', '3'])
            {
                self.fields.iter().for_each(|field| field.add_to(answer));
            }
        }
        let spent = (Reason::QuotaExceeded, "429");
        let short = self.capacity.then_some((Reason::ReducedCapacity, "503"));
        for (reason, status) in [spent].into_iter().chain(short) {
            let answer = answers.entry(status.to_owned()).or_insert_with(|| RefOr::T(self.refusal(reason)));
            if let RefOr::T(answer) = answer {
                self.complete(answer);
            }
        }
    }

    /// The description of one refusal.
    pub(super) fn refusal(&self, reason: Reason) -> Response {
        let mut answer = ResponseBuilder::new().description(format!("{}.", title(reason))).build();
        self.complete(&mut answer);
        answer
    }

    fn complete(&self, answer: &mut Response) {
        self.refusals.iter().chain(&self.fields).for_each(|field| field.add_to(answer));
        if answer.content.is_empty() {
            for (content_type, schema) in &self.bodies {
                answer.content.insert(content_type.clone(), RefOr::T(Content::new(Some(schema.clone()))));
            }
        }
    }
}

impl Modify for DescribeLimits {
    fn modify(&self, api: &mut OpenApi) {
        for (path, item) in &mut api.paths.paths {
            for operation in operations(item) {
                if self.chosen.as_ref().is_none_or(|chosen| chosen(path, operation)) {
                    self.describe(operation);
                }
            }
        }
    }
}

impl fmt::Debug for DescribeLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DescribeLimits").field("fields", &self.fields).finish_non_exhaustive()
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.options,
        &mut item.head,
        &mut item.patch,
        &mut item.trace,
    ]
    .into_iter()
    .flatten()
}

/// The bodies of refusals, where they are known.
fn bodies(body: &Body) -> Vec<(String, Object)> {
    let one = |content_type: &str, schema| vec![(content_type.to_owned(), schema)];
    match body {
        Body::Negotiated(choices) => choices.media_types().map(|kind| (kind.to_owned(), schema_of(kind))).collect(),
        Body::PlainJson => one("application/json", plain_json()),
        Body::Problem => one("application/problem+json", problem()),
        Body::Text => one("text/plain", text()),
        Body::Custom(_) | Body::None => Vec::new(),
    }
}

/// The body that has this type unless somebody put another one in its place.
fn schema_of(media_type: &str) -> Object {
    match media_type {
        "application/json" => plain_json(),
        "application/problem+json" => problem(),
        _ => text(),
    }
}

fn text() -> Object {
    ObjectBuilder::new().schema_type(Type::String).build()
}

fn error() -> Object {
    ObjectBuilder::new().schema_type(Type::String).description(Some("A stable word for programs.")).build()
}

fn plain_json() -> Object {
    ObjectBuilder::new().schema_type(Type::Object).property("error", error()).required("error").build()
}

fn problem() -> Object {
    let names = utoipa::openapi::ArrayBuilder::new().items(text()).build();
    let mut schema = ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("A problem document (RFC 9457)."))
        .property("type", text())
        .property("title", text())
        .property("status", ObjectBuilder::new().schema_type(Type::Integer).build())
        .property("error", error())
        .property("detail", text())
        .property("violated-policies", names);
    for name in ["type", "title", "status", "error", "violated-policies"] {
        schema = schema.required(name);
    }
    schema.build()
}
