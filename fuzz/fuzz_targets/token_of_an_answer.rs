#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cxone_actions::fuzz::token_of_an_answer(data));
