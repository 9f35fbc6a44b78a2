//! What responses say about limits.
//!
//! By default every response of a limited route carries the fields of the current IETF draft and
//! the legacy trio:
//!
//! ```text
//! RateLimit-Policy: "api";q=100;w=60
//! RateLimit: "api";r=99;t=60
//! X-RateLimit-Limit: 100
//! X-RateLimit-Remaining: 99
//! X-RateLimit-Reset: 1735689601
//! ```
//!
//! `t` paces a client: no more than `r` units in `t` seconds. For a window it is the time to its
//! end; for a bucket the time that the remaining units last at the sustained rate; a whole quota
//! has none. `X-RateLimit-Reset` is when the whole quota is back, which for a bucket is later than
//! `Retry-After`. A refusal lists the violated policies only, so that no time shown is later than
//! `Retry-After`.
//!
//! Informational responses and redirects carry no fields, nor does a response about which nothing
//! was counted. Limiters may be stacked: the lists of the IETF fields get a line from each, and of
//! fields that have room for one policy the tighter stays. [`Wire`] holds every choice.
//!
//! ```
//! use limiter_tower::headers::{Family, Legacy, Wire};
//!
//! // Seconds from now, for clients that know the older draft; no legacy fields.
//! let wire = Wire::new().family(Family::Draft07).legacy(Legacy::Off);
//! assert_eq!(wire.exposed_headers(), ["ratelimit-policy", "ratelimit", "retry-after"]);
//! ```

mod adapter;
pub(crate) mod base64;
mod choice;
mod cors;
mod draft11;
pub(crate) mod lines;
pub(crate) mod names;
mod single;
mod told;
pub(crate) mod view;
mod wire;
mod written;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

use std::time::Duration;

use http::header::HeaderMap;
use http::{Response, StatusCode};
use limiter_core::{Decision, Limiter, Usage};
use smallvec::SmallVec;

pub use choice::{DeniedItems, Family, Legacy, Prefix, Reason, Unit, WireError};
pub(crate) use cors::expose;
#[cfg(feature = "utoipa")]
pub(crate) use cors::spelling;
pub(crate) use told::Told;
pub use wire::Wire;
pub(crate) use written::Shelf;

use lines::Lines;
use single::Chosen;
use view::View;

/// The unit of limits that count slots.
pub(crate) const CONCURRENT: &str = "concurrent-requests";

/// Marks a response as the refusal of a limiter, for the limiters around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused;

/// Adds what a decision says to the response of the service behind it.
pub(crate) fn allowed<B>(
    wire: &Wire,
    response: &mut Response<B>,
    decision: &Decision,
    shelf: Option<&Shelf>,
    limiter: &Limiter,
) {
    if decision.usages().iter().all(Usage::is_shadow) || wire.is_private() {
        return;
    }
    let refused_inside = response.extensions().get::<Refused>().is_some();
    let status = response.status();
    let view = View::of(wire, decision, shelf);
    write(wire, &view, unix(wire, limiter), status, refused_inside, response.headers_mut());
}

/// Adds what the one rule that let a request pass says to the answer.
pub(crate) fn passed(
    wire: &Wire,
    usage: &Usage,
    shelf: &Shelf,
    unix: Duration,
    status: StatusCode,
    refused_inside: bool,
    headers: &mut HeaderMap,
) {
    let mut view = View { rows: SmallVec::new(), refused: None };
    view.rows.push(adapter::row(wire, usage, shelf));
    write(wire, &view, unix, status, refused_inside, headers);
}

/// The time since the epoch, if this wire tells it.
pub(crate) fn unix(wire: &Wire, limiter: &Limiter) -> Duration {
    if wire.legacy == Legacy::Epoch { limiter.wall().into() } else { Duration::ZERO }
}

/// Writes the fields of one decision beside those that are there.
pub(crate) fn write<'n>(
    wire: &'n Wire,
    view: &View<'n>,
    unix: Duration,
    status: StatusCode,
    refused_inside: bool,
    headers: &mut HeaderMap,
) {
    let mut lines = Lines::new();
    fill(&mut lines, wire, view, unix, status, refused_inside, headers);
    lines.write_to(headers);
}

/// Writes the fields of one decision behind those that are being written, for a header section that already has
/// `present`.
pub(crate) fn fill<'n>(
    lines: &mut Lines<'n>,
    wire: &'n Wire,
    view: &View<'n>,
    unix: Duration,
    status: StatusCode,
    refused_inside: bool,
    present: &HeaderMap,
) {
    if status.is_informational() || status.is_redirection() {
        return;
    }
    // Where a limiter further in has refused, our numbers are those of a request that goes uncharged,
    // and would tell a client that was turned away how much it has left.
    let show = !refused_inside;
    let chosen = if show { Chosen::of(view) } else { None };
    if speaks_same(wire.family, present) {
        match (wire.family, &chosen) {
            (Family::Draft11, _) => {
                draft11::policies(lines, view);
                if show || wire.denied_items == DeniedItems::All {
                    draft11::items(lines, view, wire.denied_items);
                }
            }
            (Family::Draft07, Some(chosen)) => chosen.draft07(lines, present),
            (Family::Draft06, Some(chosen)) => chosen.draft06(lines, present),
            _ => {}
        }
    }
    if let Some(chosen) = chosen {
        chosen.legacy(lines, present, &wire.prefix, wire.legacy, unix);
    }
}

/// Whether the fields of a layer further in, if any, are of the grammar that this one writes: a
/// name of draft-11 is quoted, the quota of the older drafts is a number. Two in one field would
/// leave it unreadable.
fn speaks_same(family: Family, headers: &HeaderMap) -> bool {
    headers.get(&names::RATELIMIT_POLICY).is_none_or(|theirs| {
        let is_quoted = theirs.as_bytes().first() == Some(&b'"');
        is_quoted == (family == Family::Draft11)
    })
}
