//! The trail of a client, read and checked. These functions read files, and block while they do.

use std::path::Path;

use cxone_actions_bridge::Records;
use napi::bindgen_prelude::Either;
use napi_derive::napi;

use crate::client::NativeClient;
use crate::tagged::tagged;

/// A reading of the trail, a page at a time.
#[napi]
#[derive(Debug)]
pub struct NativeRecords {
    records: Records,
}

#[napi]
impl NativeRecords {
    /// The next records as a JSON array; an empty one at the end.
    #[napi(catch_unwind)]
    pub fn next(&mut self, count: u32) -> String {
        let page = self.records.next_batch(usize::try_from(count).unwrap_or(usize::MAX));
        tagged(page.map(|lines| format!("[{}]", lines.join(","))))
    }
}

#[napi]
impl NativeClient {
    /// The records that the filter (a JSON object) chooses, or the JSON text of an error.
    #[napi(catch_unwind)]
    pub fn records(&self, filter: String) -> Either<NativeRecords, String> {
        match self.handle.records(&filter) {
            Ok(records) => Either::A(NativeRecords { records }),
            Err(error) => Either::B(error),
        }
    }

    /// Writes the records that the filter chooses to a file; how many they are.
    #[napi(catch_unwind)]
    pub fn export(&self, path: String, format: String, filter: String) -> String {
        tagged(self.handle.export(Path::new(&path), &format, &filter).map(|count| count.to_string()))
    }

    /// What checking the chain found, with the checkpoints of this file instead of the client's own.
    #[napi(catch_unwind)]
    pub fn verify(&self, checkpoints: Option<String>) -> String {
        tagged(self.handle.verify(checkpoints.as_deref().map(Path::new)))
    }

    /// Returns when everything recorded so far would survive a power failure.
    #[napi(catch_unwind)]
    pub fn flush(&self) -> String {
        tagged(self.handle.flush().map(|()| "null".to_owned()))
    }
}
