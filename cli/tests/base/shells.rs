//! Completion, manual and help: made from the tree of commands, taken by the programs that they are for, and true.

use std::process::Command;

use crate::ground::{Ground, has, sandbox, text};

fn completed(script: &str, words: &[&str]) -> Vec<String> {
    let list = words.join(" ");
    let last = words.last().unwrap();
    let before = words[words.len() - 2];
    // As bash asks: the words, the place of the last, and the function that was registered.
    let asked = format!(
        "{script}\nCOMP_WORDS=({list}); COMP_CWORD={}; f=$(complete -p cxone-actions | sed 's/.*-F \\([^ ]*\\).*/\\1/')\n\
         $f cxone-actions '{last}' '{before}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.len() - 1
    );
    let output = Command::new("bash").args(["--norc", "-c", &asked]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout).lines().map(|line| line.trim().to_owned()).collect()
}

#[test]
fn each_shell_takes_its_completion_and_bash_completes_commands_flags_and_words() {
    let ground = Ground::new();
    for shell in ["bash", "zsh", "fish"] {
        let output = ground.run(&["completion", shell]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(text(&output.stdout).len() > 1000, "{shell}");
        ground.write(shell, text(&output.stdout));
        if has(shell) {
            let checked = Command::new(shell).arg("-n").arg(ground.path(shell)).output().unwrap();
            assert!(checked.status.success() && checked.stderr.is_empty(), "{checked:?}");
        }
    }
    // The flags that are there to be refused are offered nowhere.
    for shell in ["zsh", "fish", "powershell", "elvish"] {
        let script = text(&ground.run(&["completion", shell]).stdout).to_owned();
        for word in ["--client-secret=", "-l client-secret ", "'--client-secret'", "cand --client-secret "] {
            assert!(!script.contains(word), "{shell}: {word}");
        }
        assert!(script.contains("client-secret-file"), "{shell}");
    }
    let script = std::fs::read_to_string(ground.path("bash")).unwrap();
    for (words, reply) in [
        (&["cxone-actions", "com"][..], "completion"),
        (&["cxone-actions", "run", "--max-in"], "--max-in-flight"),
        (&["cxone-actions", "run", "--delivery", "at_m"], "at_most_once"),
        (&["cxone-actions", "config", "s"], "show"),
        (&["cxone-actions", "run", "--client-secret"], "--client-secret-file"),
    ] {
        let replies = completed(&script, words);
        assert!(replies.iter().any(|known| known == reply), "{words:?}: {replies:?}");
        assert!(
            !replies.iter().any(|known| known == "--client-secret"),
            "a flag that is there to be refused"
        );
    }
}

#[test]
fn there_is_a_manual_page_of_every_command_that_troff_has_nothing_to_say_about() {
    let ground = Ground::new();
    let written = ground.run(&["man", "--dir", "man1"]);
    assert_eq!(written.status.code(), Some(0), "{written:?}");
    let mut pages = 0;
    for path in commands(&ground) {
        let page = ground.path(&format!(
            "man1/{}.1",
            ["cxone-actions"]
                .iter()
                .copied()
                .chain(path.iter().map(String::as_str))
                .collect::<Vec<_>>()
                .join("-")
        ));
        let source = std::fs::read_to_string(&page).unwrap();
        assert!(source.contains(".TH") && source.contains(".SH SYNOPSIS"), "{page:?}");
        if has("groff") {
            let set = Command::new("groff")
                .args(["-K", "utf8", "-T", "utf8", "-man", "-ww", "-z"])
                .arg(&page)
                .output()
                .unwrap();
            assert!(set.status.success() && set.stderr.is_empty(), "{page:?} {set:?}");
        }
        pages += 1;
    }
    assert!(pages > 15);
    let whole = ground.run(&["man"]);
    assert!(text(&whole.stdout).contains("cxone\\-actions"), "{whole:?}");
}

/// The paths of all commands, as `--help` lists them.
fn commands(ground: &Ground) -> Vec<Vec<String>> {
    let (mut all, mut open) = (Vec::new(), vec![Vec::new()]);
    while let Some(path) = open.pop() {
        let listed = help(ground, &path);
        let names = listed.lines().skip_while(|line| *line != "Commands:").skip(1);
        for line in names.take_while(|line| line.starts_with("  ")) {
            let name = line.split_whitespace().next().unwrap_or_default();
            if name != "help" && line.starts_with("  ") && !line.starts_with("   ") {
                let mut below: Vec<String> = path.clone();
                below.push(name.to_owned());
                open.push(below);
            }
        }
        all.push(path);
    }
    all
}

fn help(ground: &Ground, path: &[String]) -> String {
    let arguments: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
    let output = ground.run(&arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    text(&output.stdout).to_owned()
}

#[test]
fn every_command_has_an_example_that_works() {
    let (ground, sandbox) = (Ground::new(), sandbox());
    // `create-case` is one that takes any inputs.
    let policy = [
        ("a1b2c3d4-e5f6-7890-abcd-ef1234567890", "open"),
        ("00000000-0000-4000-8000-000000000003", "create-case"),
    ]
    .map(|(id, name)| format!("[[action]]\nid = \"{id}\"\nname = \"{name}\"\ninputs = \"*\"\n"))
    .concat();
    ground.write("policy.toml", &policy);
    ground.write(
        "requests.jsonl",
        "{\"actionId\": \"create-case\", \"inputs\": {\"customerId\": \"C\", \"issueType\": \"b\"}}\n",
    );
    ground.write("cases.csv", "case,customerId,issueType,Prio\n1,C-1,billing,1\n2,C-2,billing,2\n");
    // A trail to look at, and what a checkpoint elsewhere says of it.
    let prepared = ground
        .command(&["run", "create-case", "--audit", "trail", "--audit-checkpoints", "checkpoints.jsonl"])
        .args(["--policy", "policy.toml", "-i", "customerId=C", "-i", "issueType=b"])
        .envs(sandbox.environ())
        .output()
        .unwrap();
    assert!(prepared.status.success(), "{prepared:?}");
    let directory = std::path::Path::new(env!("CARGO_BIN_EXE_cxone-actions")).parent().unwrap();
    let mut path = vec![directory.to_owned()];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    let path = std::env::join_paths(path).unwrap();
    for command in commands(&ground) {
        let help = help(&ground, &command);
        let example = help.lines().find_map(|line| line.strip_prefix("Example: "));
        assert!(example.is_some(), "`{}` has no example", command.join(" "));
        let example = example.unwrap();
        // What serves or watches until it is told to end is told so.
        let line = match command.join(" ").as_str() {
            "sandbox" => format!("timeout --preserve-status -s INT 3 {example}"),
            "metrics" => example.replace(" --watch", ""),
            _ => example.to_owned(),
        };
        let output = Command::new("bash")
            .args(["-o", "pipefail", "-c", &line])
            .current_dir(ground.path(""))
            .env_clear()
            .env("HOME", ground.path("home"))
            .env("PATH", &path)
            .env("CXONE_POLICY", ground.path("policy.toml"))
            .envs(sandbox.environ())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{example}: {output:?}");
    }
}
