//! The I/O thread of this process, and the clients that live on it.
//!
//! One current-thread runtime on a thread of its own, made at the first call and never dropped while the process lives.
//! The promise: [`drain_at_exit`] lets what is on the wire be recorded, returns in time, and whatever is called after
//! it ends as a `closed` error instead of a hang.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use cxone_actions::{Client, Error, ErrorKind, Result};
use futures_util::future::join_all;
use tokio::runtime::Builder;
use tokio::sync::Notify;

use crate::begin::Io;
use crate::calls::Calls;
use crate::per_process::{PerProcess, lock};
use crate::text::closed;

static PROCESS: PerProcess<Process> = PerProcess::new();
static NUMBERS: AtomicU64 = AtomicU64::new(1);

/// A number that is given once in this process: of a call, or of a client.
pub(crate) fn next_number() -> u64 {
    NUMBERS.fetch_add(1, Ordering::Relaxed)
}

/// What this process owns.
#[derive(Debug, Default)]
pub(crate) struct Process {
    closing: AtomicBool,
    clients: Mutex<HashMap<u64, Living>>,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Living {
    client: Client,
    calls: Arc<Calls>,
}

#[derive(Debug)]
struct Running {
    io: Io,
    stop: Arc<Notify>,
    /// Disconnected when the thread has ended.
    ended: Receiver<Infallible>,
}

impl Process {
    pub(crate) fn current() -> Arc<Process> {
        match PROCESS.get_or_try(|| Ok::<_, Infallible>(Process::default())) {
            Ok(process) => process,
        }
    }

    /// The way to the I/O thread, started where it was not; closed once the process is about to end.
    pub(crate) fn io(&self) -> Result<Io> {
        let mut running = lock(&self.running);
        if self.closing.load(Ordering::SeqCst) {
            return Err(closed());
        }
        if let Some(running) = &*running {
            return Ok(running.io.clone());
        }
        let started = start()?;
        let io = started.io.clone();
        *running = Some(started);
        Ok(io)
    }

    /// The way to the I/O thread, where one is running.
    pub(crate) fn io_if_running(&self) -> Option<Io> {
        lock(&self.running).as_ref().map(|running| running.io.clone())
    }

    /// Refused once the process is about to end.
    pub(crate) fn open_for_work(&self) -> Result<()> {
        if self.closing.load(Ordering::SeqCst) { Err(closed()) } else { Ok(()) }
    }

    pub(crate) fn enter(&self, number: u64, client: Client, calls: Arc<Calls>) {
        lock(&self.clients).insert(number, Living { client, calls });
    }

    pub(crate) fn leave(&self, number: u64) {
        lock(&self.clients).remove(&number);
    }

    /// Whether somebody who waits for a call will come. Never waits for a lock.
    pub(crate) fn nudge_a_reader() -> bool {
        let Some(process) = PROCESS.get() else { return false };
        let Ok(clients) = process.clients.try_lock() else { return false };
        clients.values().any(|living| living.calls.nudge_a_reader())
    }

    fn drain(&self, patience: Duration, mut turn: impl FnMut()) {
        let running = {
            let mut running = lock(&self.running);
            if self.closing.swap(true, Ordering::SeqCst) {
                return;
            }
            running.take()
        };
        let clients: Vec<Living> = lock(&self.clients).drain().map(|(_, living)| living).collect();
        if running.is_none() && clients.is_empty() {
            return;
        }
        // A client that never made a call has a trail to close all the same.
        let Some(running) = running.or_else(|| start().ok()) else { return };
        let stop = Arc::clone(&running.stop);
        running.io.handle().spawn(async move {
            // Whoever waits is told what became of it; only answers on their way keep the process.
            join_all(clients.iter().map(|living| living.client.leave(patience))).await;
            // What is left waits for handlers that nobody runs any more.
            for living in &clients {
                living.calls.release();
            }
            stop.notify_one();
        });
        let began = Instant::now();
        let limit = patience + Duration::from_millis(250);
        loop {
            turn();
            let left = limit.saturating_sub(began.elapsed());
            let ended = running.ended.recv_timeout(left.min(TURN));
            // Anything but "time is up" means that the thread has ended; either way nobody waits longer.
            if ended != Err(RecvTimeoutError::Timeout) || left.is_zero() {
                break;
            }
        }
        running.stop.notify_one();
    }
}

fn start() -> Result<Running> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(no_thread)?;
    let io = Io::new(runtime.handle().clone());
    let stop = Arc::new(Notify::new());
    let stopped = Arc::clone(&stop);
    let (alive, ended) = channel();
    thread::Builder::new()
        .name("cxone-actions".to_owned())
        .spawn(move || {
            runtime.block_on(stopped.notified());
            // Answers every call that is still open, and waits for no thread.
            runtime.shutdown_background();
            drop(alive);
        })
        .map_err(no_thread)?;
    Ok(Running { io, stop, ended })
}

fn no_thread(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the I/O thread cannot be started: {error}"))
        .with_hint("raise the limit of threads or open files of this process")
}

/// A process ends within five seconds, whatever is in flight: this much is left to answers on their way.
const EXIT_PATIENCE: Duration = Duration::from_secs(4);
/// So long whoever reads a queue at the end of the process waits for its next turn.
const TURN: Duration = Duration::from_millis(5);

/// Stops taking calls, lets what is on the wire be recorded, closes the trails, and stops the I/O thread.
///
/// Returns within four and a quarter seconds. The second call returns at once.
pub fn drain_at_exit() {
    drain_at_exit_serving(|| {});
}

/// Whether a client of this process is open, or still records what became of its calls.
pub fn has_clients() -> bool {
    PROCESS.get().is_some_and(|process| !lock(&process.clients).is_empty())
}

/// Whether [`drain_at_exit`] was called.
pub fn is_ending() -> bool {
    PROCESS.get().is_some_and(|process| process.closing.load(Ordering::SeqCst))
}

/// [`drain_at_exit`] for a thread that reads a queue itself: meanwhile it is given a turn to do so, again and again. It
/// returns as late as a turn does.
pub fn drain_at_exit_serving(turn: impl FnMut()) {
    Process::current().drain(EXIT_PATIENCE, turn);
}
