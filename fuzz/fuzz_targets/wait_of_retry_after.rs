#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cxone_actions::fuzz::wait_of_retry_after(data));
