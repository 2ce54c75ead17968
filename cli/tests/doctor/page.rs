//! The page about it: each of its runs is run, and says what the page says.

use std::fs;
use std::process::Command;

use crate::world::text;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/doctor.md");

/// The text without what differs from run to run: ports, ids, times, and where its lines were broken for them.
fn masked(said: &str) -> String {
    let words = said.split_whitespace().map(|word| {
        let word = without_port(word);
        let id = |part: &str| part.len() == 36 && part.bytes().all(|c| c == b'-' || c.is_ascii_hexdigit());
        let parts: Vec<_> = word.split_inclusive(['/', '`', ':', ')', '"', ',', '(']).collect();
        let masked = parts.iter().map(|part| {
            let bare = part.trim_end_matches(['/', '`', ':', ')', '"', ',', '(']);
            if id(bare) { part.replace(bare, "ID") } else { (*part).to_owned() }
        });
        masked.collect::<String>()
    });
    let all = words.collect::<Vec<_>>().join(" ");
    let mut out = String::new();
    let mut rest = all.as_str();
    // `(12 ms)` and `"ms":1.5`
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, number) = rest.split_at(at);
        let length = number.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(number.len());
        let (number, after) = number.split_at(length);
        let time = after.starts_with(" ms") || before.ends_with("\"ms\":");
        out.push_str(before);
        out.push_str(if time { "N" } else { number });
        rest = after;
    }
    out + rest
}

/// Any port of this machine is PORT, but for the one at which nobody listens.
fn without_port(word: &str) -> String {
    const HOST: &str = "127.0.0.1:";
    let Some((before, after)) = word.split_once(HOST) else { return word.to_owned() };
    let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    let (port, rest) = after.split_at(digits);
    let port = if port == "9" { port } else { "PORT" };
    format!("{before}{HOST}{port}{}", without_port(rest))
}

#[test]
fn each_run_on_the_page_says_what_the_page_says() {
    let page = fs::read_to_string(PAGE).unwrap();
    let blocks: Vec<&str> = page
        .split("```console\n")
        .skip(1)
        .map(|block| block.split_once("```").map_or("", |(block, _)| block))
        .collect();
    assert!(blocks.len() >= 4, "the page has {} runs", blocks.len());
    let folder = tempfile::tempdir().unwrap();
    let bin = std::path::Path::new(env!("CARGO_BIN_EXE_cxone-actions")).parent().unwrap().to_owned();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    for block in blocks {
        let (script, shown): (Vec<&str>, Vec<&str>) = block.lines().partition(|line| line.starts_with("$ "));
        let script = script.iter().map(|line| line.trim_start_matches("$ ")).collect::<Vec<_>>().join("\n");
        let mut shell = Command::new("sh");
        for (name, _) in std::env::vars()
            .filter(|(name, _)| name.starts_with("CXONE_") || name.to_ascii_uppercase().ends_with("_PROXY"))
        {
            shell.env_remove(name);
        }
        let output = shell
            .args(["-c", &format!("exec 2>&1; {script}")])
            .current_dir(folder.path())
            .env("PATH", &path)
            .output();
        let said = text(&output.unwrap().stdout);
        assert_eq!(masked(&said), masked(&shown.join("\n")), "{script}\n{said}");
    }
}
