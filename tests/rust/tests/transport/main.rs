//! How bytes travel: TLS with every way of saying whom to trust, proxies, and HTTP/2, against servers made of rustls,
//! hyper and h2.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helping functions too"
)]

mod authority;
mod gateway;
mod http2;
mod proxy;
mod tls;

use std::process::{Command, Output};

/// Runs one test of this binary again as a process of its own, where environment variables can be set.
pub(crate) fn again(test: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(AGAIN, "1");
    for name in
        ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE"]
    {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied()).output().unwrap()
}

/// Whether this is that process.
pub(crate) fn is_again() -> bool {
    std::env::var_os(AGAIN).is_some()
}

const AGAIN: &str = "CXONE_ACTIONS_TEST_AGAIN";
