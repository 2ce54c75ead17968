//! The end of the process where JavaScript does not see it: workers alone may use the library, and the main thread's
//! `exit` is not theirs to listen to.
//!
//! The promise: what is on the wire is recorded then too, once, before the process is gone.

use napi::bindgen_prelude::retain_current_module_for_unload_safety;

/// To be called before anything is made that outlives the thread that made it.
pub(crate) fn outlive_this_thread() {
    // A worker that ends unloads the module, if nobody else has loaded it.
    retain_current_module_for_unload_safety();
    #[cfg(unix)]
    exit::expect();
}

/// On Windows the threads are gone when a library is told of the end.
#[cfg(unix)]
mod exit {
    use std::ffi::c_int;
    use std::panic::catch_unwind;
    use std::sync::Once;

    // C11, 7.22.4.2.
    unsafe extern "C" {
        safe fn atexit(function: extern "C" fn()) -> c_int;
    }

    static EXPECTED: Once = Once::new();

    pub(super) fn expect() {
        EXPECTED.call_once(|| {
            // Where there is no room for it, the process ends as it would without.
            let _ = atexit(drain);
        });
    }

    extern "C" fn drain() {
        // After a listener of JavaScript's there is nothing left to do.
        let _ = catch_unwind(cxone_actions_bridge::drain_at_exit);
    }
}
