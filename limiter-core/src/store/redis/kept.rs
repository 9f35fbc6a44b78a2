//! How a server keeps what it runs for us: as scripts, or as functions.
//!
//! Either is known by what it says, so that no version of an application runs what another has loaded. A
//! function is in a library of its own: those of another version stay where they are.

use std::sync::LazyLock;

use ::redis::{Cmd, ErrorKind, RedisError, ServerErrorKind};

use super::script::{Script, VERSION};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kept {
    /// For as long as the server runs.
    #[default]
    Scripts,
    /// With the data: replicas have them, and so has a server that was started again.
    Functions,
}

impl Kept {
    /// The command that runs one, up to its name.
    pub(super) fn begin(self, script: Script, command: &mut Cmd) {
        match self {
            Kept::Scripts => command.arg("EVALSHA").arg(&script.text().hash),
            Kept::Functions => command.arg("FCALL").arg(name(script)),
        };
    }

    /// The command that loads one. Whoever does so at the same time loads the same.
    pub(super) fn load(self, script: Script) -> Cmd {
        let code = &script.text().code;
        let mut load = Cmd::new();
        match self {
            Kept::Scripts => load.arg("SCRIPT").arg("LOAD").arg(code),
            Kept::Functions => load.arg("FUNCTION").arg("LOAD").arg("REPLACE").arg(library(name(script), code)),
        };
        load
    }

    /// Whether the server says that it does not have one.
    pub(super) fn is_missing(self, error: &RedisError) -> bool {
        match self {
            Kept::Scripts => error.kind() == ErrorKind::Server(ServerErrorKind::NoScript),
            // It has no code of its own.
            Kept::Functions => {
                error.kind() == ErrorKind::Server(ServerErrorKind::ResponseError)
                    && error.detail().is_some_and(|detail| detail.contains("Function not found"))
            }
        }
    }
}

/// What a function and its library are called: enough of the hash to be the only one.
fn name(script: Script) -> &'static str {
    static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
        Script::all().map(|script| format!("limiter_v{VERSION}_{:.16}", script.text().hash)).collect()
    });
    NAMES.get(script.index()).map_or("", String::as_str)
}

fn library(name: &str, code: &str) -> String {
    format!("#!lua name={name}\nredis.register_function('{name}', function(KEYS, ARGV)\n{code}\nend)\n")
}

#[cfg(test)]
mod tests {
    use super::super::script::SCRIPTS;
    use super::*;

    #[test]
    fn every_function_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = Script::all().map(name).collect();
        assert_eq!(names.len(), SCRIPTS);
        assert!(names.iter().all(|name| name.starts_with("limiter_v1_") && name.len() == 27), "{names:?}");
    }
}
