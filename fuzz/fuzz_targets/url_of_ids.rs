#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cxone_actions::fuzz::url_of_ids(data));
