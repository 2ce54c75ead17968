//! A value that belongs to one process.
//!
//! The promise: after a fork the child gets a value of its own, and no lock, no thread and no socket of its parent's is
//! touched on the way there. The parent's value is left as it is: dropping it could wait for a thread that the child
//! does not have.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;

/// A value that each process makes for itself when it first needs one.
#[derive(Debug)]
pub struct PerProcess<T>(ArcSwapOption<Owned<T>>);

#[derive(Debug)]
struct Owned<T> {
    pid: u32,
    /// Only ever locked by threads of `pid`.
    value: Mutex<Option<Arc<T>>>,
}

impl<T> PerProcess<T> {
    /// Nothing yet.
    pub const fn new() -> Self {
        PerProcess(ArcSwapOption::const_empty())
    }

    /// What this process has, if it has made it already.
    pub fn get(&self) -> Option<Arc<T>> {
        let owned = self.0.load_full()?;
        if owned.pid == std::process::id() {
            lock(&owned.value).clone()
        } else {
            std::mem::forget(owned);
            None
        }
    }

    /// What this process's parent left in it at the fork, unless a thread of the parent's held it at that moment.
    pub fn inherited(&self) -> Option<Arc<T>> {
        let owned = self.0.load_full()?;
        if owned.pid == std::process::id() {
            return None;
        }
        // Never waits: whoever holds this lock does not exist in this process.
        let theirs = owned.value.try_lock().ok().and_then(|value| value.clone());
        std::mem::forget(owned);
        theirs
    }

    /// What this process has, or what `make` makes of it.
    ///
    /// # Errors
    /// What `make` returns; the next call tries again.
    pub fn get_or_try<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        let owned = self.owned();
        let mut value = lock(&owned.value);
        if let Some(value) = &*value {
            return Ok(Arc::clone(value));
        }
        let made = Arc::new(make()?);
        *value = Some(Arc::clone(&made));
        Ok(made)
    }

    /// Takes away what this process has.
    pub fn take(&self) -> Option<Arc<T>> {
        let owned = self.0.load_full()?;
        if owned.pid == std::process::id() {
            lock(&owned.value).take()
        } else {
            std::mem::forget(owned);
            None
        }
    }

    fn owned(&self) -> Arc<Owned<T>> {
        let pid = std::process::id();
        loop {
            let seen = self.0.load_full();
            match seen {
                Some(owned) if owned.pid == pid => return owned,
                other => {
                    let fresh = Arc::new(Owned { pid, value: Mutex::new(None) });
                    let before = self.0.compare_and_swap(&other, Some(fresh));
                    // Whoever won, the loop finds it; what belongs to the parent is never dropped.
                    std::mem::forget((arc_swap::Guard::into_inner(before), other));
                }
            }
        }
    }
}

impl<T> Default for PerProcess<T> {
    fn default() -> Self {
        PerProcess::new()
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        if let Some(owned) = self.0.swap(None)
            && owned.pid != std::process::id()
        {
            std::mem::forget(owned);
        }
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_and_made_again_only_after_a_failure() {
        let value = PerProcess::new();
        assert!(value.get().is_none());
        assert_eq!(value.get_or_try(|| Err::<u8, _>("no")), Err("no"));
        assert_eq!(value.get_or_try(|| Ok::<_, ()>(7)).as_deref(), Ok(&7));
        assert_eq!(value.get_or_try(|| Ok::<_, ()>(8)).as_deref(), Ok(&7));
        assert_eq!(value.take().as_deref(), Some(&7));
        assert!(value.get().is_none());
    }

    #[test]
    fn what_another_process_made_is_neither_used_nor_dropped() {
        let theirs = Arc::new(1);
        let owned = Owned { pid: std::process::id() + 1, value: Mutex::new(Some(Arc::clone(&theirs))) };
        let held = owned.value.try_lock().is_ok();
        assert!(held);
        let value = PerProcess(ArcSwapOption::from_pointee(owned));
        assert!(value.get().is_none());
        assert_eq!(value.inherited().as_deref(), Some(&1), "it may be let go of");
        assert_eq!(value.get_or_try(|| Ok::<_, ()>(2)).as_deref(), Ok(&2));
        assert!(value.inherited().is_none());
        drop(value);
        assert_eq!(Arc::strong_count(&theirs), 2, "the parent's copy must stay alive");
    }
}
