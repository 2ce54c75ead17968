//! tests/rust
