#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cxone_actions::fuzz::endpoint_of_a_configuration(data));
