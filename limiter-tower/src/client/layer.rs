//! The layer: settings, and the state that every service it makes shares.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use limiter_core::time::Clock;
use tower_layer::Layer;

use super::service::Pace;
use super::table::Table;

/// Origins remembered unless stated otherwise.
const ORIGINS: usize = 1024;
/// The longest wait unless stated otherwise.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// What tells one server's limits from another's.
pub(super) type Name = Arc<dyn Fn(&Parts) -> String + Send + Sync>;

/// Applies [`Pace`]: outgoing requests wait before the server refuses them.
///
/// All services that a layer and its clones make share what they learn. The [module](super) shows it at work.
#[derive(Clone)]
pub struct PaceLayer {
    pub(super) settings: Settings,
    pub(super) table: Arc<Table>,
}

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) max_wait: Duration,
    pub(super) max_origins: usize,
    pub(super) first_contact: u64,
    /// The origin, where there is none.
    pub(super) name: Option<Name>,
}

impl PaceLayer {
    /// Paces by origin, waits at most a minute, and remembers 1024 origins.
    #[must_use]
    pub fn new() -> Self {
        let settings = Settings { max_wait: MAX_WAIT, max_origins: ORIGINS, first_contact: 1, name: None };
        PaceLayer { settings, table: Arc::new(Table::new(None)) }
    }

    /// The longest time a request waits for its turn, counted from its first poll: one that would wait longer
    /// fails with [`PacedError`](super::PacedError) instead, at once where that is known. Zero never waits.
    #[must_use]
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.settings.max_wait = max_wait;
        self
    }

    /// Keeps limits apart by scheme, host and port. This is the default.
    #[must_use]
    pub fn by_origin(mut self) -> Self {
        self.settings.name = None;
        self
    }

    /// Keeps limits apart by the text that `name` makes of a request.
    ///
    /// Of use where one origin limits by something that the client knows: by route, by tenant, by token. A text
    /// that is different for each request would pace nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # use limiter_tower::client::PaceLayer;
    /// let layer = PaceLayer::new().by(|parts| {
    ///     let group = parts.uri.path().split('/').nth(1).unwrap_or_default();
    ///     format!("{}/{group}", parts.uri.authority().map_or("", |authority| authority.as_str()))
    /// });
    /// # drop(layer);
    /// ```
    #[must_use]
    pub fn by(mut self, name: impl Fn(&Parts) -> String + Send + Sync + 'static) -> Self {
        self.settings.name = Some(Arc::new(name));
        self
    }

    /// How many requests may be under way to an origin that has not answered yet; one by default, and at least
    /// one. The others wait for its answer, because without it any of them may be one too many. An origin that
    /// takes its time gets one more each second.
    #[must_use]
    pub fn first_contact(mut self, requests: u64) -> Self {
        self.settings.first_contact = requests.max(1);
        self
    }

    /// How many origins are remembered, at least one. At the ceiling the one is forgotten that matters least;
    /// while all of them have requests under way, requests to others are sent unpaced.
    #[must_use]
    pub fn max_origins(mut self, origins: usize) -> Self {
        self.settings.max_origins = origins.max(1);
        self
    }

    /// Where the date of today comes from: only for answers that name a date and have no `Date` of their own.
    /// The machine's clock by default.
    ///
    /// What was learnt so far is forgotten: set this first.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.table = Arc::new(Table::new(Some(Arc::new(clock))));
        self
    }

    /// How many origins are remembered now.
    #[must_use]
    pub fn origins(&self) -> usize {
        self.table.len()
    }
}

impl Default for PaceLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for PaceLayer {
    type Service = Pace<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Pace::new(inner, self)
    }
}

impl fmt::Debug for PaceLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaceLayer")
            .field("max_wait", &self.settings.max_wait)
            .field("max_origins", &self.settings.max_origins)
            .field("first_contact", &self.settings.first_contact)
            .field("by_origin", &self.settings.name.is_none())
            .field("table", &self.table)
            .finish()
    }
}
