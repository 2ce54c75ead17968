#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cxone_actions::fuzz::words_of_an_error(data));
