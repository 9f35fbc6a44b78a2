//! The environment, checked before anything is served.

use std::env;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use limiter_tower::{ClientIp, Limiter, LimiterBuilder, Quota};

/// What the environment says.
pub struct Settings {
    pub port: u16,
    pub limiter: LimiterBuilder,
    pub database: Option<String>,
    pub flush_every: Duration,
    #[cfg(feature = "redis")]
    pub shared: Option<Shared>,
}

/// Where several processes keep their budgets together.
#[cfg(feature = "redis")]
pub struct Shared {
    pub url: String,
    pub processes: Option<u32>,
}

/// A variable with a value that cannot be used.
#[derive(Debug)]
pub struct SettingError {
    variable: &'static str,
    value: String,
    reason: String,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=`{}`: {}", self.variable, self.value, self.reason)
    }
}

impl Settings {
    pub fn from_env() -> Result<Self, SettingError> {
        let port = number("PORT", "a port from 0 to 65535; 0 picks a free one", |_: &u16| true)?.unwrap_or(3000);
        let accepted = "a whole number of requests from 1 to 999999999999999";
        let in_range = |count: &u64| (1..=999_999_999_999_999).contains(count);
        let read = number("API_RATE_LIMIT_READ", accepted, in_range)?;
        let write = number("API_RATE_LIMIT_WRITE", accepted, in_range)?;
        let window =
            number("API_RATE_LIMIT_WINDOW_SEC", "a whole number of seconds from 1 to 31536000", |seconds: &u64| {
                (1..=31_536_000).contains(seconds)
            })?;

        let mut builder = Limiter::builder();
        if read.is_some() || write.is_some() || window.is_some() {
            let period = Duration::from_secs(window.unwrap_or(60));
            for (rule, variable, count) in [
                ("api-read", "API_RATE_LIMIT_READ", read.unwrap_or(1000)),
                ("api-write", "API_RATE_LIMIT_WRITE", write.unwrap_or(10)),
            ] {
                let quota = Quota::new(count, period).map_err(|error| SettingError {
                    variable,
                    value: count.to_string(),
                    reason: error.to_string(),
                })?;
                builder = builder.override_quota(rule, quota);
            }
        }
        if let Some(proxies) = text("TRUSTED_PROXIES")? {
            let trusted = proxies.split(',').map(str::trim).filter(|cidr| !cidr.is_empty());
            let client_ip = ClientIp::builder().header("x-forwarded-for").trusted(trusted).build();
            builder = builder.client_ip(client_ip.map_err(|error| SettingError {
                variable: "TRUSTED_PROXIES",
                value: proxies.clone(),
                reason: error.to_string(),
            })?);
        }
        builder = builder.enforce_from_env().map_err(|error| SettingError {
            variable: "LIMITER_ENFORCE",
            value: env::var("LIMITER_ENFORCE").unwrap_or_default(),
            reason: error.to_string(),
        })?;
        let seconds =
            number("VIOLATIONS_INTERVAL_SEC", "a whole number of seconds from 1 to 86400", |seconds: &u64| {
                (1..=86_400).contains(seconds)
            })?;
        let flush_every = Duration::from_secs(seconds.unwrap_or(60));
        #[cfg(not(feature = "redis"))]
        shared()?;
        Ok(Settings {
            port,
            limiter: builder,
            database: text("DATABASE_URL")?,
            flush_every,
            #[cfg(feature = "redis")]
            shared: shared()?,
        })
    }
}

#[cfg(not(feature = "redis"))]
fn shared() -> Result<(), SettingError> {
    match text("REDIS_URL")? {
        None => Ok(()),
        // Limits for each process alone would pass for limits of the fleet.
        Some(_) => Err(SettingError {
            variable: "REDIS_URL",
            // It may hold a password.
            value: "..".to_owned(),
            reason: "this program was built without it; run it with `--features redis`".to_owned(),
        }),
    }
}

#[cfg(feature = "redis")]
fn shared() -> Result<Option<Shared>, SettingError> {
    let processes = number("FLEET_SIZE", "a whole number of processes from 1", |size: &u32| *size > 0)?;
    Ok(text("REDIS_URL")?.map(|url| Shared { url, processes }))
}

/// A variable's value; unset and empty are the same.
fn text(variable: &'static str) -> Result<Option<String>, SettingError> {
    match env::var(variable) {
        Ok(value) if value.trim().is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(value)) => Err(SettingError {
            variable,
            value: value.to_string_lossy().into_owned(),
            reason: "not valid UTF-8".to_owned(),
        }),
    }
}

fn number<T: FromStr>(
    variable: &'static str,
    accepted: &str,
    in_range: impl FnOnce(&T) -> bool,
) -> Result<Option<T>, SettingError> {
    let Some(value) = text(variable)? else { return Ok(None) };
    match value.trim().parse().ok().filter(in_range) {
        Some(number) => Ok(Some(number)),
        None => Err(SettingError { variable, value, reason: format!("not accepted; accepted: {accepted}") }),
    }
}
