//! The shared vectors and the fault cases live in `tests/`. Here are only the Rust examples of the README, which run as
//! doc tests.

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
