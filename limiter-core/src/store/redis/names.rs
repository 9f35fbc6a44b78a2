//! What keys are called: namespace, version of the scripts, the principal in braces so that a cluster
//! keeps all of one principal's keys together, the rule, and what its counts depend on.
//!
//! The quota is no part of it: it travels with each call, and what was used stays used.

use super::Refused;
use super::encode::{micros, named};
use super::script::{VERSION, letter};
use crate::algorithm::{Algorithm, Params};
use crate::store::Subject;
use crate::store::key_text::{self, write_decimal};

#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) namespace: String,
    /// Keeps all keys of the store in one slot of a cluster.
    pub(super) shared_tag: Option<String>,
}

impl Names {
    pub(super) fn key(&self, subject: &Subject, params: &Params) -> Result<String, Refused> {
        let Some(named) = named(subject) else { return Err(Refused::Unsupported) };
        let mut name = String::with_capacity(self.namespace.len() + 72);
        name.push_str(&self.namespace);
        name.push(':');
        write_decimal(&mut name, u64::from(VERSION));
        name.push_str(":{");
        if let Some(tag) = &self.shared_tag {
            name.extend([tag.as_str(), "}:"]);
        }
        key_text::write_principal(&mut name, named.key()).map_err(|_| Refused::NoFleetSecret)?;
        name.push_str(if self.shared_tag.is_none() { "}:" } else { ":" });
        write_hex(&mut name, named.digest());
        name.push(':');
        name.push_str(letter(params.algorithm()));
        // A debt in time means the same at any rate; counts mean nothing in a window of another length.
        if !matches!(params.algorithm(), Algorithm::Bucket | Algorithm::Concurrent) {
            write_decimal(&mut name, micros(params.period()));
        }
        Ok(name)
    }
}

/// Sixteen digits: a tenth of the work of formatting, which each decision would do.
fn write_hex(to: &mut String, number: u64) {
    let digit = |place: u32| char::from_digit((number >> (4 * place)) as u32 & 15, 16);
    to.extend((0..16).rev().filter_map(digit));
}

impl Names {
    /// The key of what has a name and is no rule's.
    pub(super) fn plain(&self, name: &str, what: &str) -> String {
        // A text holds no secret.
        let name = key_text::principal(&crate::key::Key::from(name)).unwrap_or_default();
        match &self.shared_tag {
            None => format!("{}:{VERSION}:{{{name}}}:{what}", self.namespace),
            Some(tag) => format!("{}:{VERSION}:{{{tag}}}:{name}:{what}", self.namespace),
        }
    }
}

/// The slot of a cluster that holds a key: of what is in the first pair of braces.
pub(super) fn slot(key: &str) -> u16 {
    let tagged = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    let hashed = tagged.filter(|tag| !tag.is_empty()).unwrap_or(key);
    let crc = hashed.bytes().fold(0u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 })
    });
    crc % 16_384
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;

    #[test]
    fn slots_are_those_of_the_cluster_specification() {
        assert_eq!(slot("123456789"), 0x31c3);
        assert_eq!(slot("foo"), 12_182);
        assert_eq!(slot("{user1000}.following"), slot("{user1000}.followers"));
        assert_eq!(slot("foo{}{bar}"), slot("foo{}{bar}"));
    }

    #[test]
    fn one_principal_has_one_slot_and_a_new_quota_keeps_its_name() {
        let names = Names { namespace: "app".into(), shared_tag: None };
        let subject = |rule: &str| Subject::named(rule, Key::from("alice"));
        let params = |algorithm, quota: &str| Params::new(algorithm, quota.parse().unwrap()).unwrap();
        let name = |rule, params| names.key(&subject(rule), &params).unwrap();
        let bucket = name("a", params(Algorithm::Bucket, "10/s"));
        assert!(bucket.starts_with("app:1:{t=alice}:"), "{bucket}");
        assert_eq!(bucket, name("a", params(Algorithm::Bucket, "99/h burst 7")));
        let window = name("a", params(Algorithm::Fixed, "10/min"));
        assert_eq!(window, name("a", params(Algorithm::Fixed, "20/min")));
        assert_ne!(window, name("a", params(Algorithm::Fixed, "10/h")));
        assert_ne!(window, name("b", params(Algorithm::Fixed, "10/min")));
        assert_eq!(slot(&bucket), slot(&window));
    }
}
