//! Refusals that gRPC clients understand: HTTP 200 and a header section that already carries the
//! status ("Trailers-Only" in the gRPC protocol), `RESOURCE_EXHAUSTED` for a spent quota and
//! `UNAVAILABLE` for a service that is short.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use crate::headers::view::{View, Wait};
use crate::headers::{Reason, Wire, base64};
use crate::response::title;

static STATUS: HeaderName = HeaderName::from_static("grpc-status");
static MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
static PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");
static DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

const RESOURCE_EXHAUSTED: u8 = 8;
const UNAVAILABLE: u8 = 14;

/// The content type of a gRPC or gRPC-Web call; the answer has the same.
pub(crate) fn content_type(headers: &HeaderMap) -> Option<&HeaderValue> {
    const PREFIX: &[u8] = b"application/grpc";
    headers.get(CONTENT_TYPE).filter(|value| {
        let start = value.as_bytes().get(..PREFIX.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
    })
}

/// The fields that gRPC clients read.
pub(crate) fn refusal(wire: &Wire, view: &View<'_>, reason: Reason, content_type: &HeaderValue) -> Response<Bytes> {
    let code = match reason {
        Reason::AbnormalUsage | Reason::QuotaExceeded => RESOURCE_EXHAUSTED,
        Reason::ReducedCapacity => UNAVAILABLE,
    };
    // The titles hold no character that the percent-encoding of gRPC messages would change.
    let message = title(reason);
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type.clone());
    headers.insert(&STATUS, HeaderValue::from(u16::from(code)));
    headers.insert(&MESSAGE, HeaderValue::from_static(message));
    match view.wait() {
        Wait::After(wait) => {
            let millis = millis(wait);
            headers.insert(&PUSHBACK, HeaderValue::from(millis));
            if wire.retry_info {
                let details: Vec<u8> = base64::letters(&status_details(code, message, millis)).collect();
                // Base64 is visible ASCII.
                if let Ok(details) = HeaderValue::from_maybe_shared(Bytes::from(details)) {
                    headers.insert(&DETAILS, details);
                }
            }
        }
        // Waiting cannot help: the client is told not to try again.
        Wait::Never => {
            headers.insert(&PUSHBACK, HeaderValue::from_static("-1"));
        }
        // Without a time the client backs off as it was configured to.
        Wait::Unknown => {}
    }
    response
}

/// Whole milliseconds, rounded up and never 0.
fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).max(1)
}

/// `google.rpc.Status { code, message, details: [RetryInfo { retry_delay }] }` in protobuf.
fn status_details(code: u8, message: &str, millis: u64) -> Vec<u8> {
    const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";
    let mut duration = Vec::new();
    integer(&mut duration, 1, millis / 1000);
    integer(&mut duration, 2, millis % 1000 * 1_000_000);
    let mut retry_info = Vec::new();
    block(&mut retry_info, 1, &duration);
    let mut any = Vec::new();
    block(&mut any, 1, RETRY_INFO.as_bytes());
    block(&mut any, 2, &retry_info);
    let mut status = Vec::new();
    integer(&mut status, 1, u64::from(code));
    block(&mut status, 2, message.as_bytes());
    block(&mut status, 3, &any);
    status
}

/// A number of wire type 0. The default, 0, is left out.
fn integer(out: &mut Vec<u8>, field: u8, value: u64) {
    if value > 0 {
        out.push(field << 3);
        varint(out, value);
    }
}

/// A string, bytes or message: wire type 2.
fn block(out: &mut Vec<u8>, field: u8, content: &[u8]) {
    out.push(field << 3 | 2);
    varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 127 {
        out.push(value as u8 & 127 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_info_is_written_as_protobuf_reads_it() {
        let seconds = status_details(8, "Quota Exceeded", 5000);
        assert_eq!(seconds[..18], *b"\x08\x08\x12\x0eQuota Exceeded");
        assert_eq!(seconds[18..22], [0x1a, 48, 0x0a, 40]);
        assert_eq!(seconds[22..62], *b"type.googleapis.com/google.rpc.RetryInfo");
        assert_eq!(seconds[62..], [0x12, 4, 0x0a, 2, 0x08, 5]);

        let fraction = status_details(8, "Quota Exceeded", 1500);
        assert_eq!(fraction[62..], [0x12, 10, 0x0a, 8, 0x08, 1, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01]);
        let below_a_second = status_details(14, "", 250);
        assert!(below_a_second.ends_with(&[0x12, 7, 0x0a, 5, 0x10, 0x80, 0xe5, 0x9a, 0x77]), "seconds are left out");
    }

    #[test]
    fn milliseconds_are_rounded_up_and_never_0() {
        assert_eq!(millis(Duration::ZERO), 1);
        assert_eq!(millis(Duration::from_nanos(1_500_000_001)), 1501);
        assert_eq!(millis(Duration::MAX), u64::MAX);
    }
}
