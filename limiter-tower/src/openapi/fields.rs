//! The header fields in the words of a description.

use http::header::RETRY_AFTER;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::{ObjectBuilder, Response, Type};

use crate::headers::{Family, Legacy, Wire, spelling};

/// A field, and what it says.
#[derive(Clone, Debug)]
pub(super) struct Field {
    name: String,
    is_number: bool,
    says: &'static str,
}

impl Field {
    /// Adds the field unless the answer has it already, in any spelling.
    pub(super) fn add_to(&self, answer: &mut Response) {
        if !answer.headers.keys().any(|name| name.eq_ignore_ascii_case(&self.name)) {
            answer.headers.insert(self.name.clone(), self.header().into());
        }
    }

    fn header(&self) -> Header {
        let schema = match self.is_number {
            true => ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)),
            false => ObjectBuilder::new().schema_type(Type::String),
        };
        HeaderBuilder::new().schema(Some(schema.build())).description(Some(self.says)).build()
    }
}

/// When a refused caller may come back.
pub(super) fn retry_after() -> Field {
    Field {
        name: spelling(&RETRY_AFTER).to_owned(),
        is_number: true,
        says: "Seconds to wait. Absent where waiting cannot help.",
    }
}

/// The fields that tell of the limits on every answer but redirects.
pub(super) fn of(wire: &Wire) -> Vec<Field> {
    wire.exposed_headers()
        .into_iter()
        .filter(|name| *name != RETRY_AFTER)
        .map(|name| Field {
            name: spelling(&name).to_owned(),
            is_number: !matches!(name.as_str(), "ratelimit" | "ratelimit-policy"),
            says: meaning(wire, name.as_str()),
        })
        .collect()
}

fn meaning(wire: &Wire, name: &str) -> &'static str {
    if name == "ratelimit" {
        return match wire.family {
            Family::Draft11 => "What is left: by policy, the available quota (r) and its seconds (t).",
            _ => "What is left: limit, remaining, and the seconds to the reset.",
        };
    }
    if name == "ratelimit-policy" {
        return match wire.family {
            Family::Draft11 => "The policies: quota (q), and window in seconds (w).",
            _ => "The policy: quota, and window in seconds (w).",
        };
    }
    let is_ietf = name.starts_with("ratelimit-");
    if name.ends_with("limit") {
        "The quota."
    } else if name.ends_with("remaining") {
        "What is left of the quota."
    } else if is_ietf || wire.legacy == Legacy::Delta {
        "Seconds until the whole quota is back."
    } else {
        "When the whole quota is back, in seconds since the Unix epoch."
    }
}
