//! The shared vectors and the fault cases live in `tests/`. Here are only the Rust examples of the README and of the
//! documentation, which run as doc tests.

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/observability.md")]
struct Observability;

#[cfg(doctest)]
#[doc = include_str!("../../../sandbox/README.md")]
struct SandboxReadme;
