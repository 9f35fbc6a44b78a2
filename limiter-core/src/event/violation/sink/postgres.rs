//! Rows in PostgreSQL. The table and ready queries are in the folder `sql` of this crate.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio_postgres::error::Severity;
use tokio_postgres::tls::{MakeTlsConnect, NoTls, TlsConnect};
use tokio_postgres::{Client, Config, Error, Socket};

use super::{SinkError, SinkFuture, ViolationSink};
use crate::event::violation::{Batch, Layout};

/// Makes the table.
const MIGRATION: &str = include_str!("../../../../sql/violations.sql");

const INSERT: &str = "insert into rate_limit_violations \
    (gateway_name, total_count, details, window_start, window_end, batch_id) \
    values ($1, $2, $3::text::jsonb, $4, $5, $6::text::uuid) on conflict (batch_id) do nothing";

/// Writes each row into the table `rate_limit_violations`, exactly once: a row that comes again is known
/// by its id.
///
/// It has one connection, made when it is first needed and again when it broke. Have your own
/// migrations run `sql/violations.sql`, or call [`migrate`](Self::migrate) at start-up.
///
/// ```no_run
/// use limiter_core::event::violation::{PostgresSink, ViolationTracker};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let sink = PostgresSink::new("postgres://app@localhost/app")?;
/// sink.migrate().await?;
/// let tracker = ViolationTracker::builder("gateway-1").start(sink)?;
/// # Ok(())
/// # }
/// ```
pub struct PostgresSink {
    connect: Connect,
    /// Taken out while it is used, so that a connection on which an answer was not awaited is not
    /// used again.
    client: Mutex<Option<Client>>,
    layout: Layout,
}

type Connecting = Pin<Box<dyn Future<Output = Result<Client, Error>> + Send>>;
type Connect = Arc<dyn Fn() -> Connecting + Send + Sync>;

/// A connection string that cannot be used, or a migration that failed.
#[derive(Debug)]
pub struct PostgresError(Error);

impl PostgresSink {
    /// Writes to the database of a connection string, such as `postgres://user:password@host/name`,
    /// without TLS.
    ///
    /// # Errors
    ///
    /// When the string cannot be read. Nothing is connected yet.
    pub fn new(connection: &str) -> Result<Self, PostgresError> {
        Self::with_tls(connection, NoTls)
    }

    /// As [`new`](Self::new), with connections made secure by a connector of `tokio-postgres`.
    ///
    /// # Errors
    ///
    /// When the string cannot be read.
    pub fn with_tls<T>(connection: &str, tls: T) -> Result<Self, PostgresError>
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let config = Config::from_str(connection).map_err(PostgresError)?;
        let connect = move || -> Connecting {
            let (config, tls) = (config.clone(), tls.clone());
            Box::pin(async move {
                let (client, connection) = config.connect(tls).await?;
                // Its end is seen by the client.
                tokio::spawn(async move {
                    let _ = connection.await;
                });
                Ok(client)
            })
        };
        Ok(PostgresSink { connect: Arc::new(connect), client: Mutex::new(None), layout: Layout::default() })
    }

    /// How details are laid out: flat unless stated.
    #[must_use]
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// Makes the table, its indexes and its view where they are missing.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached or does not allow it.
    pub async fn migrate(&self) -> Result<(), PostgresError> {
        let mut place = self.client.lock().await;
        let client = self.connected(place.take()).await.map_err(PostgresError)?;
        // Several statements sent together are one transaction.
        client.batch_execute(MIGRATION).await.map_err(PostgresError)?;
        *place = Some(client);
        Ok(())
    }

    async fn connected(&self, known: Option<Client>) -> Result<Client, Error> {
        match known.filter(|client| !client.is_closed()) {
            Some(client) => Ok(client),
            None => (self.connect)().await,
        }
    }
}

impl ViolationSink for PostgresSink {
    fn write<'a>(&'a self, batch: &'a Batch) -> SinkFuture<'a> {
        Box::pin(async move {
            let mut place = self.client.lock().await;
            let client = self.connected(place.take()).await.map_err(SinkError::not_written)?;
            // The column is signed. Nobody is refused that often.
            let total = i64::try_from(batch.total()).unwrap_or(i64::MAX);
            let (details, id) = (batch.details_as(self.layout).to_string(), batch.uuid().to_string());
            let (start, end) = (batch.window_start(), batch.window_end());
            match client.execute(INSERT, &[&batch.instance(), &total, &details, &start, &end, &id]).await {
                Ok(_) => {
                    *place = Some(client);
                    Ok(())
                }
                Err(error) => {
                    let (known, sound) = judge(error);
                    if sound {
                        *place = Some(client);
                    }
                    Err(known)
                }
            }
        })
    }

    fn knows_batches(&self) -> bool {
        true
    }
}

/// What an error means for the row, and whether the connection is good for another one.
fn judge(error: Error) -> (SinkError, bool) {
    let Some(answer) = error.as_db_error() else { return (SinkError::uncertain(error), false) };
    // A session that is being ended may have done its work before.
    if !matches!(answer.parsed_severity(), None | Some(Severity::Error)) {
        return (SinkError::uncertain(error), false);
    }
    // What is wrong with the row itself: data exceptions, constraints, limits of the server.
    let content = ["22", "23", "54"].iter().any(|class| answer.code().code().starts_with(class));
    (if content { SinkError::rejected(error) } else { SinkError::not_written(error) }, true)
}

/// The connection string stays unseen: it may hold a password.
impl fmt::Debug for PostgresSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSink").field("layout", &self.layout).finish_non_exhaustive()
    }
}

impl fmt::Display for PostgresError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_db_error() {
            Some(answer) => write!(f, "the database refused: {answer}"),
            None => write!(f, "the database cannot be used: {}", self.0),
        }
    }
}

impl std::error::Error for PostgresError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}
