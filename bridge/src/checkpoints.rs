//! Checkpoints for a function of the caller's. Each goes through a completion queue, like a result for `on_result`: no
//! thread of ours runs the caller's code.
//!
//! The promise: one is answered, or given up after a while, before the next one is sent; and the trail's own thread is
//! the only one that waits.

use std::fmt;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use cxone_actions::trail::{Checkpoint, CheckpointSink};

use crate::per_process::lock;
use crate::queue::{Kind, Message, Queue};
use crate::runtime::next_number;

/// So long the caller's function may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who reads them. No lock: a forked child reads it too, and sets another.
pub(crate) type Reader = Arc<ArcSwapOption<Queue>>;

/// The checkpoints of one client of this process.
pub(crate) struct Checkpoints {
    /// What the reader of the queue knows the client by.
    handle: u64,
    reader: Reader,
    /// The one that is being taken note of: its number, and what waits for it.
    open: Mutex<Option<(u64, Sender<Option<String>>)>>,
}

impl Checkpoints {
    pub(crate) fn new(handle: u64, reader: Reader) -> Arc<Checkpoints> {
        Arc::new(Checkpoints { handle, reader, open: Mutex::default() })
    }

    /// What the caller's function came to: nothing, or the class name of what it raised.
    pub(crate) fn answer(&self, number: u64, raised: Option<String>) {
        let mut open = lock(&self.open);
        if let Some((_, waiting)) = open.take_if(|(open, _)| *open == number) {
            let _ = waiting.send(raised);
        }
    }

    /// Nobody will learn what the caller's function came to.
    pub(crate) fn abandon(&self, number: u64) {
        drop(lock(&self.open).take_if(|(open, _)| *open == number));
    }

    fn tell(&self, checkpoint: &Checkpoint) -> Result<(), String> {
        let reader = self.reader.load_full().ok_or("nobody takes it")?;
        let (waiting, answer) = channel();
        let number = next_number();
        *lock(&self.open) = Some((number, waiting));
        let json = serde_json::to_string(checkpoint).map_err(|error| error.to_string())?;
        let json = format!(r#"{{"client":{},"checkpoint":{json}}}"#, self.handle);
        if !reader.push(Message { call: number, kind: Kind::Checkpoint, json }) {
            return Err("nobody takes it any more".to_owned());
        }
        match answer.recv_timeout(PATIENCE) {
            Ok(None) => Ok(()),
            Ok(Some(class)) => Err(format!("it raised `{class}`")),
            Err(RecvTimeoutError::Disconnected) => {
                Err("it had not returned when the process ended".to_owned())
            }
            Err(RecvTimeoutError::Timeout) => {
                Err(format!("it did not return within {} s", PATIENCE.as_secs()))
            }
        }
    }
}

impl fmt::Debug for Checkpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoints").field("handle", &self.handle).finish_non_exhaustive()
    }
}

/// The core's side of them.
pub(crate) struct TellingReader(pub(crate) Arc<Checkpoints>);

impl CheckpointSink for TellingReader {
    fn note(&self, checkpoint: &Checkpoint) -> Result<(), String> {
        self.0.tell(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let line = r#"{"v":1,"ts":"t","host":"h","run":"r","segment":"s","seq":7,"hash":"0"}"#;
        serde_json::from_str(line).unwrap()
    }

    /// What comes of one that `answer` answers.
    fn told(answer: Option<&str>) -> Result<(), String> {
        let queue = Queue::new(|| {});
        let checkpoints = Checkpoints::new(3, Arc::new(ArcSwapOption::from(Some(Arc::clone(&queue)))));
        std::thread::scope(|scope| {
            let telling = scope.spawn(|| checkpoints.tell(&checkpoint()));
            assert!(queue.wait(Duration::from_secs(60)));
            let message = queue.drain().remove(0);
            assert_eq!(message.kind, Kind::Checkpoint);
            assert!(message.json.starts_with(r#"{"client":3,"checkpoint":{"v":1,"#), "{}", message.json);
            checkpoints.answer(message.call + 1, Some("NotThisOne".to_owned()));
            checkpoints.answer(message.call, answer.map(str::to_owned));
            telling.join().unwrap()
        })
    }

    #[test]
    fn what_the_function_came_to_is_what_the_trail_is_told() {
        assert_eq!(told(None), Ok(()));
        assert_eq!(told(Some("VaultSealed")), Err("it raised `VaultSealed`".to_owned()));
    }

    #[test]
    fn one_that_is_abandoned_is_waited_for_no_longer() {
        let queue = Queue::new(|| {});
        let checkpoints = Checkpoints::new(3, Arc::new(ArcSwapOption::from(Some(Arc::clone(&queue)))));
        std::thread::scope(|scope| {
            let telling = scope.spawn(|| checkpoints.tell(&checkpoint()));
            assert!(queue.wait(Duration::from_secs(60)));
            checkpoints.abandon(queue.drain().remove(0).call);
            let said = telling.join().unwrap().unwrap_err();
            assert!(said.contains("when the process ended"), "{said}");
        });
    }

    #[test]
    fn where_nobody_reads_nobody_waits() {
        let nobody = Checkpoints::new(3, Arc::default());
        assert!(nobody.tell(&checkpoint()).is_err());
        let queue = Queue::new(|| {});
        queue.close();
        let gone = Checkpoints::new(3, Arc::new(ArcSwapOption::from(Some(queue))));
        assert!(gone.tell(&checkpoint()).is_err());
    }
}
