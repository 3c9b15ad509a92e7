//! How many files, and so connections, the process may have open. Systems start programs with a small number, for the
//! sake of some that are decades old, and let them raise it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What to ask for where there is no other bound: more than any node uses.
const ENOUGH: u64 = 1 << 20;

/// Raises it as far as the system lets it. Where it does not, there is room for fewer connections.
pub(crate) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(ENOUGH);
    if limit.current.is_some_and(|current| current < wanted) {
        // An error changes nothing.
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(wanted),
                maximum: limit.maximum,
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_files_may_be_open_as_the_system_lets() {
        raise_limit();
        let limit = getrlimit(Resource::Nofile);
        assert!(limit.current >= Some(limit.maximum.unwrap_or(ENOUGH)));
    }
}
