//! `cxone-actions completion` and `cxone-actions man`: made from the same tree of commands that reads the arguments.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;
use cxone_actions::config::OPTIONS;

use crate::failure::Failure;
use crate::output::{note, print};
use crate::settings::is_secret;

const NAME: &str = "cxone-actions";

/// Print the completion script of a shell
///
/// Example: cxone-actions completion bash > cxone-actions.bash
///
/// It goes to ~/.local/share/bash-completion/completions/cxone-actions for bash, to a file _cxone-actions in a directory of
/// $fpath for zsh, and to ~/.config/fish/completions/cxone-actions.fish for fish.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Completion {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Print the manual page, or write the pages of all commands into a directory
///
/// Example: cxone-actions man --dir man1
///
/// `man -l man1/cxone-actions-run.1` shows one of them.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Man {
    /// Write a page for each command into this directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn completion(arguments: &Completion) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut crate::command(), NAME, &mut script);
    let script = String::from_utf8_lossy(&script);
    // The generator for bash takes the hyphen of the name for the border of a subcommand in half of the places.
    let mut script = script.replace("cxone__subcmd__actions", "cxone__actions");
    // And all offer what is hidden: the flags that are there to be refused. In bash each stands before the one that names a
    // file, elsewhere on a line of its own.
    for spec in OPTIONS.iter().filter(|spec| is_secret(spec) && spec.name != "proxy") {
        let name = spec.name.replace('_', "-");
        script = script.replace(&format!(" --{name} --{name}-file"), &format!(" --{name}-file"));
        let lines = [
            format!("'--{name}=["),
            format!("-l {name} "),
            format!("'--{name}',"),
            format!("cand --{name} "),
        ];
        let is_offered = |line: &&str| !lines.iter().any(|refused| line.contains(refused));
        script = script.split_inclusive('\n').filter(is_offered).collect();
    }
    print(&script)
}

pub(crate) fn man(arguments: &Man) -> Result<(), Failure> {
    let Some(directory) = &arguments.dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(crate::command()).render(&mut page)?;
        return print(&String::from_utf8_lossy(&page));
    };
    std::fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(crate::command(), directory))
        .map_err(|error| Failure {
        exit_code: crate::failure::EXIT_FAILED,
        message: format!("`{}` cannot be written: {error}", directory.display()),
    })?;
    note(&format!("the pages are in {}", directory.display()));
    Ok(())
}
