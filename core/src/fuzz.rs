//! What holds whatever a gateway, a token service, a caller or a file says: a law per parser, from bytes.
//!
//! The laws stand beside their parsers, in the modules called `laws`, with the property tests. cargo-fuzz calls them with
//! bytes that it makes up (`fuzz/`), and the test below with every file of its corpus, so that what was found once is
//! looked for always.

pub use crate::auth::laws::{endpoint_of_a_configuration, token_of_an_answer};
pub use crate::profile::laws::{meaning_of_a_word, profile_of_a_file, url_of_ids};
pub use crate::resume::laws::invocation_of_a_text;
pub use crate::wire::laws::{
    meaning_of_an_answer, pace_of_rate_limits, value_at_a_pointer, wait_of_retry_after, words_of_an_error,
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    type Law = (&'static str, fn(&[u8]));
    const LAWS: [Law; 11] = [
        ("endpoint_of_a_configuration", endpoint_of_a_configuration),
        ("invocation_of_a_text", invocation_of_a_text),
        ("meaning_of_a_word", meaning_of_a_word),
        ("meaning_of_an_answer", meaning_of_an_answer),
        ("pace_of_rate_limits", pace_of_rate_limits),
        ("profile_of_a_file", profile_of_a_file),
        ("token_of_an_answer", token_of_an_answer),
        ("url_of_ids", url_of_ids),
        ("value_at_a_pointer", value_at_a_pointer),
        ("wait_of_retry_after", wait_of_retry_after),
        ("words_of_an_error", words_of_an_error),
    ];

    fn fuzz() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
    }

    fn names(folder: &str) -> BTreeSet<String> {
        let entries = std::fs::read_dir(fuzz().join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn every_file_of_the_corpus_keeps_its_law() {
        for (name, law) in LAWS {
            let folder = fuzz().join("corpus").join(name);
            let files: Vec<PathBuf> =
                std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
            assert!(files.len() >= 5, "{name} has a corpus of {} files", files.len());
            for file in files {
                let data = std::fs::read(&file).unwrap();
                let kept = std::panic::catch_unwind(|| law(&data));
                assert!(kept.is_ok(), "{} breaks the law", file.display());
            }
        }
    }

    #[test]
    fn every_law_is_fuzzed_and_nothing_else_is() {
        let laws: BTreeSet<String> = LAWS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(names("fuzz_targets"), laws);
        assert_eq!(names("corpus"), laws);
    }
}
