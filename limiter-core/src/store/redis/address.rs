//! Addresses as users write them.

use core::fmt;

use ::redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};

use super::target::address;

/// Where the state is kept.
pub(super) enum Place {
    One(ConnectionInfo),
    Cluster { seeds: Vec<ConnectionInfo>, tls: bool },
    Sentinel { sentinels: Vec<ConnectionInfo>, name: String, tls: bool },
}

/// What was read of an address.
pub(super) struct Address {
    pub(super) place: Place,
    /// Who we are to the servers that hold state.
    pub(super) login: RedisConnectionInfo,
}

/// An address that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError(pub(super) String);

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}; accepted: `redis://`, `rediss://` and `unix://` addresses, \
             `redis-cluster://host:port,host:port` and `redis-sentinel://host:port,host:port/name`, \
             the last two also with `rediss-`",
            self.0
        )
    }
}

impl std::error::Error for AddressError {}

const DEFAULT_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26_379;

impl Address {
    pub(super) fn read(url: &str) -> Result<Self, AddressError> {
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(AddressError("the address has no scheme".to_owned()));
        };
        let (several, tls) = match scheme {
            "redis-cluster" | "valkey-cluster" => ("cluster", false),
            "rediss-cluster" | "valkeys-cluster" => ("cluster", true),
            "redis-sentinel" | "valkey-sentinel" => ("sentinel", false),
            "rediss-sentinel" | "valkeys-sentinel" => ("sentinel", true),
            _ => return Self::one(scheme, url),
        };
        if tls && !ConnectionAddr::supports_tls() {
            return Err(AddressError(no_tls(scheme)));
        }
        let (login, rest) = match rest.rsplit_once('@') {
            None => (RedisConnectionInfo::default(), rest),
            // The client's own reader knows how names and passwords are written.
            Some((login, rest)) => {
                (client(&format!("redis://{login}@localhost"), scheme)?.redis_settings().clone(), rest)
            }
        };
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let port = if several == "sentinel" { SENTINEL_PORT } else { DEFAULT_PORT };
        let hosts = hosts.split(',').filter(|host| !host.is_empty()).map(|host| host_and_port(host, port));
        let hosts = hosts.collect::<Result<Vec<_>, _>>()?;
        if hosts.is_empty() {
            return Err(AddressError(format!("`{scheme}://` names no host")));
        }
        let reach = |login: &RedisConnectionInfo| {
            let infos = hosts.iter().map(|(host, port)| address(host.clone(), *port, tls).into_connection_info());
            let infos = infos.map(|info| info.map(|info| info.set_redis_settings(login.clone())));
            infos.collect::<Result<Vec<_>, _>>().map_err(|error| AddressError(error.to_string()))
        };
        let place = if several == "cluster" {
            Place::Cluster { seeds: reach(&login)?, tls }
        } else {
            if path.is_empty() {
                return Err(AddressError(format!("`{scheme}://` does not name the primary after the hosts")));
            }
            // Sentinels have logins of their own, mostly none.
            let sentinels = reach(&RedisConnectionInfo::default())?;
            Place::Sentinel { sentinels, name: path.to_owned(), tls }
        };
        Ok(Address { place, login })
    }

    fn one(scheme: &str, url: &str) -> Result<Self, AddressError> {
        let info = client(url, scheme)?;
        if !info.addr().is_supported() {
            return Err(AddressError(no_tls(scheme)));
        }
        Ok(Address { login: info.redis_settings().clone(), place: Place::One(info) })
    }
}

fn client(url: &str, scheme: &str) -> Result<ConnectionInfo, AddressError> {
    // The reason may repeat the address, and that may hold a password.
    url.into_connection_info().map_err(|_| AddressError(format!("the `{scheme}://` address cannot be read")))
}

fn no_tls(scheme: &str) -> String {
    format!("`{scheme}://` needs TLS, which this build leaves out; enable the feature `redis-tls`")
}

fn host_and_port(host: &str, port: u16) -> Result<(String, u16), AddressError> {
    let bad = || AddressError(format!("`{host}` is no host with a port"));
    let bare = |host: &str| host.trim_start_matches('[').trim_end_matches(']').to_owned();
    match host.rsplit_once(':') {
        Some((name, number)) if !number.contains(']') => Ok((bare(name), number.parse().map_err(|_| bad())?)),
        _ => Ok((bare(host), port)),
    }
}

trait SupportsTls {
    fn supports_tls() -> bool;
}

impl SupportsTls for ConnectionAddr {
    fn supports_tls() -> bool {
        address(String::new(), 0, true).is_supported()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        Address::read(url).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn every_form_is_understood() {
        let one = Address::read("redis://alice:secret@db.example:7000/3").unwrap();
        assert_eq!((one.login.username(), one.login.password(), one.login.db()), (Some("alice"), Some("secret"), 3));
        assert!(matches!(one.place, Place::One(_)));
        assert!(matches!(Address::read("unix:///run/redis.sock").unwrap().place, Place::One(_)));
        let Place::Cluster { seeds, tls: false } =
            Address::read("redis-cluster://:pw@a,b:7001,[::1]:7002").unwrap().place
        else {
            panic!("a cluster");
        };
        let seeds: Vec<String> = seeds.iter().map(|seed| seed.addr().to_string()).collect();
        assert_eq!(seeds, ["a:6379", "b:7001", "::1:7002"]);
        let sentinel = Address::read("redis-sentinel://alice:pw@a,b:7/primary").unwrap();
        assert_eq!(sentinel.login.password(), Some("pw"));
        let Place::Sentinel { sentinels, name, .. } = sentinel.place else { panic!("sentinels") };
        assert_eq!((sentinels.len(), name.as_str()), (2, "primary"));
        assert_eq!(sentinels[0].redis_settings().password(), None);
    }

    #[test]
    fn what_cannot_be_used_is_named_without_its_password() {
        assert!(refused("localhost").contains("no scheme"));
        assert!(refused("redis-sentinel://a,b").contains("does not name the primary"));
        assert!(refused("redis-cluster://").contains("names no host"));
        let http = refused("http://alice:hidden@example");
        assert!(http.contains("`http://`") && !http.contains("hidden"), "{http}");
    }
}
