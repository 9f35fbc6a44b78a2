//! Policies for well-known front ends: which header each one vouches for, and when that is safe.
//!
//! Each gives a builder, so that the other settings can still be chosen. No ranges of any provider are
//! bundled, because they go stale: pass them in, and pass new ones to
//! [`ClientIp::reload_trusted`](super::ClientIp::reload_trusted).

use super::policy::{FORWARDED_FOR, VIEWER_ADDRESS};
use super::{ClientIp, ClientIpBuilder};

impl ClientIp {
    /// Behind nginx that appends to `X-Forwarded-For`.
    ///
    /// Safe when every `location` has
    /// `proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;`. Without that line nginx passes the
    /// client's header on and adds nothing, and the client chooses its address.
    pub fn behind_nginx<I>(trusted: I) -> ClientIpBuilder
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        Self::builder().header(FORWARDED_FOR).trusted(trusted)
    }

    /// Behind HAProxy with `option forwardfor`, which adds an `X-Forwarded-For` line of its own.
    ///
    /// Safe as it stands; `option forwardfor if-none` is not, because it keeps a line the client sent.
    pub fn behind_haproxy<I>(trusted: I) -> ClientIpBuilder
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        Self::builder().header(FORWARDED_FOR).trusted(trusted)
    }

    /// Behind Caddy's `reverse_proxy`, which replaces `X-Forwarded-For`, or appends to it when its own
    /// peer is one of its `trusted_proxies`.
    ///
    /// Safe as it stands. Do not read `X-Real-IP` here: Caddy passes a client's copy through.
    pub fn behind_caddy<I>(trusted: I) -> ClientIpBuilder
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        Self::builder().header(FORWARDED_FOR).trusted(trusted)
    }

    /// Behind Cloudflare: `CF-Connecting-IP` from the ranges it publishes, or from the tunnel daemon.
    ///
    /// Anyone can point a Cloudflare zone of their own at your origin and arrives from the same ranges, so
    /// add authenticated origin pulls (mutual TLS) or a secret header. Requests made by Workers show a
    /// fixed Cloudflare address.
    pub fn cloudflare<I>(ranges: I) -> ClientIpBuilder
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        Self::builder().header("cf-connecting-ip").trusted(ranges)
    }

    /// Behind Amazon CloudFront: `CloudFront-Viewer-Address`.
    ///
    /// Safe when an origin request policy sends that header and only CloudFront (or a load balancer
    /// behind it, then `trusted` is the balancer) can reach the origin.
    pub fn cloudfront<I>(trusted: I) -> ClientIpBuilder
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        Self::builder().header(VIEWER_ADDRESS).trusted(trusted)
    }

    /// On Fly: `Fly-Client-IP`.
    ///
    /// Safe when the app is reached through the Fly proxy alone. With another CDN in front, the header
    /// holds that CDN's address.
    pub fn fly<I>(trusted: I) -> ClientIpBuilder
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        Self::builder().header("fly-client-ip").trusted(trusted)
    }

    /// Behind `n` proxies of ours without stable addresses: the `n`-th entry of `X-Forwarded-For` from
    /// the right.
    ///
    /// Counting believes whoever connects: only safe when nothing but the proxies can. Give
    /// [`trusted`](ClientIpBuilder::trusted) as well where their network is known. Too high a count is
    /// spoofable, because the client fills the missing places, and so is a way around the first proxy; too
    /// low a count is only coarse.
    pub fn hops(n: u32) -> ClientIpBuilder {
        Self::builder().header(FORWARDED_FOR).hops(n)
    }
}
