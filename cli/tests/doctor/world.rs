//! A world to look into, and what the command says of it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Output};
use std::thread;

use cxone_actions_sandbox::{Sandbox, SandboxOptions};
use serde_json::Value;

/// In everything that must never be seen.
pub(crate) const CANARY: &str = "CANARY";
pub(crate) const SECRET: &str = "CANARY-secret-a+b%/:e";

/// The command without anything of this process's environment that it would read.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cxone-actions"));
    let ours = |name: &str| name.starts_with("CXONE_") || name.to_ascii_uppercase().ends_with("_PROXY");
    for (name, _) in std::env::vars().filter(|(name, _)| ours(name) || name == "SSL_CERT_FILE") {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}

/// What the command said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) all: Value,
}

impl Said {
    pub(crate) fn of(output: &Output) -> Said {
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(!out.contains(CANARY) && !err.contains(CANARY), "a secret was shown: {out}{err}");
        let all: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("no JSON: {out}{err}"));
        let code = output.status.code().unwrap();
        assert_eq!(all["exit_code"], code, "{out}{err}");
        assert_eq!(all["ok"], code == 0, "{out}");
        for check in all["checks"].as_array().unwrap() {
            // Ten seconds is the promise; a busy machine may be late to see that they are over.
            assert!(check["ms"].as_f64().unwrap() < 60_000.0, "{check}");
            let fails = check["state"] == "failed";
            assert!(!fails || (check["do"].is_string() && check["kind"].is_string()), "{check}");
        }
        Said { code, all }
    }

    /// The checks of this name: one for each host.
    pub(crate) fn checks(&self, name: &str) -> Vec<&Value> {
        self.all["checks"].as_array().unwrap().iter().filter(|check| check["check"] == name).collect()
    }

    /// What was tried, what came back, and what to do; each has these words in it.
    pub(crate) fn says(&self, name: &str, state: &str, tried: &str, came_back: &str, todo: &str) {
        let checks = self.checks(name);
        let [check, ..] = checks[..] else { panic!("there is no {name}: {:#}", self.all) };
        assert_eq!(check["state"], state, "{check:#}");
        for (field, words) in [("tried", tried), ("came_back", came_back), ("do", todo)] {
            let said = check[field].as_str().unwrap_or_default();
            assert!(said.contains(words), "`{field}` does not say `{words}`: {check:#}");
        }
    }

    pub(crate) fn skipped(&self, name: &str, why: &str) {
        self.says(name, "skipped", "", why, "");
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The command in an empty directory, so that no settings of anybody's are found.
pub(crate) fn doctor(variables: &[(&str, &str)], arguments: &[&str]) -> Said {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(&["doctor", "--output", "json"]);
    command.args(arguments).current_dir(folder.path()).env("HOME", folder.path());
    Said::of(&command.envs(variables.iter().copied()).output().unwrap())
}

/// A sandbox whose secret is a canary.
pub(crate) fn sandbox() -> Sandbox {
    sandbox_of(SandboxOptions::default())
}

pub(crate) fn sandbox_of(options: SandboxOptions) -> Sandbox {
    Sandbox::start(SandboxOptions { client_secret: Some(SECRET.to_owned()), ..options }).unwrap()
}

/// What the command says of this sandbox, which executed nothing meanwhile.
pub(crate) fn examined(sandbox: &Sandbox, variables: &[(&str, &str)], arguments: &[&str]) -> Said {
    let environ = sandbox.environ();
    let all: Vec<(&str, &str)> = environ
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .chain(variables.iter().copied())
        .collect();
    let said = doctor(&all, arguments);
    let totals = sandbox.totals();
    assert_eq!((totals.executions, totals.invoke), (0, 0), "an action was executed, or asked for");
    said
}

/// Where connections are refused: nobody listens, and nobody else gets the port meanwhile.
pub(crate) struct Closed(socket2::Socket);

impl Closed {
    pub(crate) fn new() -> Closed {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        Closed(socket)
    }

    pub(crate) fn authority(&self) -> String {
        self.0.local_addr().unwrap().as_socket().unwrap().to_string()
    }
}

/// Takes every connection, reads once, answers this, and closes it.
pub(crate) fn answering(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(answer);
            });
        }
    });
    address
}

/// Leads every tunnel to this address.
pub(crate) fn leading(to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0) {
                    head.push(byte[0]);
                }
                let Ok(mut there) = std::net::TcpStream::connect(to) else { return };
                stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
                let (mut back, mut away) = (there.try_clone().unwrap(), stream.try_clone().unwrap());
                thread::spawn(move || std::io::copy(&mut back, &mut away));
                let _ = std::io::copy(&mut stream, &mut there);
                let _ = there.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    address
}

/// A file with this content.
pub(crate) fn file(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}
