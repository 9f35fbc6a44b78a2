//! The service: finds the origin of a request and hands it to the future that waits.

use std::fmt;
use std::task::{Context, Poll};

use http::header::HOST;
use http::request::Parts;
use http::{Request, Response};
use tower_service::Service;

use super::error::PaceError;
use super::future::PaceFuture;
use super::layer::PaceLayer;
use super::origin::Class;
use super::turn::{Cell, Waiting};

/// Paces the requests of a client by what its servers say about their limits.
///
/// It is always ready: a request asks for its turn when its future is polled, and a clone of the inner service
/// is made ready when the turn has come. So a request that waits for one origin holds no slot that a request
/// to another could use.
#[derive(Clone)]
pub struct Pace<S> {
    inner: S,
    layer: PaceLayer,
}

impl<S> Pace<S> {
    /// Wraps a service with the settings and the memory of a layer.
    #[must_use]
    pub fn new(inner: S, layer: &PaceLayer) -> Self {
        Pace { inner, layer: layer.clone() }
    }

    /// The inner service.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service. What is sent through it directly is not paced.
    #[must_use]
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, R> Service<Request<B>> for Pace<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<R>;
    type Error = PaceError<S::Error>;
    type Future = PaceFuture<S, B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let settings = &self.layer.settings;
        let name = settings.name.as_ref().map_or_else(|| origin_of(&parts), |name| name(&parts));
        let table = self.layer.table.clone();
        let waiting = table
            .origin(name, settings.max_origins, settings.first_contact)
            .map(|origin| Waiting::new(Cell { origin, table }, Class::of(&parts.method), settings.max_wait));
        // Nobody made this one ready; the clone is made ready by the future, once it may go.
        PaceFuture::new(waiting, self.inner.clone(), Request::from_parts(parts, body))
    }
}

impl<S: fmt::Debug> fmt::Debug for Pace<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace").field("inner", &self.inner).field("layer", &self.layer).finish()
    }
}

/// Scheme, host and port, without what two spellings of one origin differ in. User names are left out: they
/// are not part of an origin, and may be secrets.
fn origin_of(parts: &Parts) -> String {
    let scheme = parts.uri.scheme_str().unwrap_or("http").to_ascii_lowercase();
    let Some(authority) = parts.uri.authority() else {
        // A request target without an authority, for connections that are made already.
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        return format!("{scheme}://{}", host.to_ascii_lowercase());
    };
    let host = authority.host().to_ascii_lowercase();
    match (scheme.as_str(), authority.port_u16()) {
        (_, None) | ("http", Some(80)) | ("https", Some(443)) => format!("{scheme}://{host}"),
        (_, Some(port)) => format!("{scheme}://{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(uri: &str, host: Option<&str>) -> String {
        let mut builder = Request::builder().uri(uri);
        if let Some(host) = host {
            builder = builder.header(HOST, host);
        }
        origin_of(&builder.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn spellings_of_one_origin_are_one_origin() {
        for uri in ["http://Api.Test/a", "http://api.test:80/b?c", "HTTP://user:secret@api.test/"] {
            assert_eq!(origin(uri, None), "http://api.test");
        }
        assert_eq!(origin("https://api.test:443/", None), "https://api.test");
        assert_eq!(origin("https://api.test:8443/", None), "https://api.test:8443");
        assert_eq!(origin("http://[::1]:8080/", None), "http://[::1]:8080");
    }

    #[test]
    fn a_target_without_authority_is_known_by_its_host_field() {
        assert_eq!(origin("/a", Some("Api.test:8080")), "http://api.test:8080");
        assert_eq!(origin("/a", None), "http://");
    }
}
