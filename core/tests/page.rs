//! The page for Rust: its programs are the examples of this crate, and they print what it shows. What it says of
//! installing and of the command line is done by `make package`, from the crates as they are published.
#![expect(clippy::unwrap_used, reason = "a helper of a test that panics is a test that fails")]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cxone_actions_sandbox::{Sandbox, SandboxOptions};

const PAGE: &str = include_str!("../../docs/rust.md");
const EXAMPLES: [(&str, &str); 2] = [
    ("governed_batch", include_str!("../examples/governed_batch.rs")),
    ("one_call", include_str!("../examples/one_call.rs")),
];

/// The blocks of the page in a language.
fn blocks(language: &str) -> Vec<&str> {
    let open = format!("```{language}\n");
    PAGE.split(open.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// Where cargo put an example, beside the folder of this test. It builds them for all tests together, and not for
/// `--test page` alone.
fn example(name: &str) -> PathBuf {
    let here = std::env::current_exe().unwrap();
    here.ancestors().nth(2).unwrap().join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// What an example prints, in a directory with the page's policy.
fn printed<'e>(
    name: &str,
    directory: &Path,
    environment: impl IntoIterator<Item = (&'e str, &'e str)>,
) -> String {
    let policy = blocks("toml").into_iter().find(|block| block.starts_with("[[action]]")).unwrap();
    fs::write(directory.join("policy.toml"), policy).unwrap();
    let said: Vec<_> =
        std::env::vars_os().filter(|(name, _)| !name.to_string_lossy().starts_with("CXONE_")).collect();
    let output = Command::new(example(name))
        .current_dir(directory)
        .env_clear()
        .envs(said)
        .envs(environment.into_iter().map(|(name, value)| (name, OsStr::new(value))))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_programs_of_the_page_are_the_examples_of_the_crate() {
    let programs = blocks("rust");
    assert_eq!(programs.len(), EXAMPLES.len());
    for (program, (name, text)) in programs.iter().zip(EXAMPLES) {
        assert!(text.ends_with(&format!("\n\n{program}")), "{name} is not what the page says");
    }
}

#[test]
fn the_batch_of_the_page_ends_as_the_page_shows() {
    let directory = tempfile::tempdir().unwrap();
    let shown = printed("governed_batch", directory.path(), [("CXONE_AUDIT_KEY", "sixteen bytes of a key")]);
    assert_eq!(Some(shown.as_str()), blocks("text").first().copied());
}

#[test]
fn the_call_of_the_page_goes_where_the_environment_says() {
    let sandbox = Sandbox::start(SandboxOptions::default()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let gateway = [
        ("CXONE_BASE_URL", sandbox.base_url()),
        ("CXONE_CLIENT_ID", sandbox.client_id()),
        ("CXONE_CLIENT_SECRET", sandbox.client_secret()),
    ];
    let shown = printed("one_call", directory.path(), gateway);
    assert_eq!(Some(shown.as_str()), blocks("text").last().copied());
}
