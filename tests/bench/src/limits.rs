//! What the system lets a process have.

use rustix::process::{Resource, getrlimit, setrlimit};

/// As many open files as may be asked for.
pub(crate) fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
}
