//! What both bindings stand on: a runtime of their own, one completion queue, and JSON text in both directions,
//! unless a reader takes a result as it is.
//!
//! The promise: a call that was started is answered exactly once, on the queue that it was started with, unless it was
//! cancelled; and nothing here ever waits for an interpreter. A binding gives a [`Queue`] a way to wake its event loop,
//! opens a [`Handle`], starts calls, and reads [`Message`]s, or [`News`], when it is woken.
//!
//! A process that was forked off finds a runtime, a connection pool, a token and a trail segment of its own, and never
//! touches a lock that a thread of its parent may have held.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod audit;
mod begin;
mod callbacks;
mod calls;
mod check;
mod checkpoints;
mod handle;
mod log;
mod per_process;
mod queue;
mod runtime;
mod snapshot;
mod text;
mod tokens;
mod turn;

pub use audit::Records;
pub use handle::Handle;
pub use log::{set_log_level, take_log};
pub use per_process::PerProcess;
pub use queue::{Kind, Message, News, Queue, Told};
pub use runtime::{drain_at_exit, drain_at_exit_serving, has_clients, is_ending};
pub use snapshot::Snapshot;
pub use text::{close_patience, error_json, patience, status_error};
pub use tokens::TokenAnswer;

pub use cxone_actions::{ActionRequest, Batch, Dialect, VERSION};
