//! What `cxone-actions batch` promises, with the command as a process that is killed, stopped and started again, and a
//! gateway in another one that counts what it executed.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its promise breaks"
)]

mod broken;
mod killed;
mod night;
mod rows;
mod stopped;
mod tables;

use night::{CREATE_CASE, ECHO, FAILS, NEVER_ENDS, Night};
