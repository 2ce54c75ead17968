//! Who is asked first, what is said of mistakes, and that no secret is shown.

use cxone_actions::config::{OPTIONS, Shape};
use serde_json::Value;

use crate::ground::{ACTION, Ground, text};

fn secret(shape: Shape) -> bool {
    matches!(shape, Shape::Secret | Shape::Secrets | Shape::Token)
}

#[test]
fn every_option_of_the_table_has_a_flag_and_a_secret_one_that_names_a_file() {
    let ground = Ground::new();
    let help = ground.run(&["run", "--help"]);
    let help = text(&help.stdout);
    for spec in OPTIONS {
        let mut flag = format!("--{}", spec.name.replace('_', "-"));
        if secret(spec.shape) {
            // The proxy has both: most have no password.
            flag.push_str("-file");
        }
        let there = help.lines().any(|line| {
            let line = line.trim_start();
            line.strip_prefix(&flag).is_some_and(|rest| rest.starts_with([' ', '[']))
        });
        assert!(there, "{flag}");
    }
}

#[test]
fn flags_go_over_the_environment_over_env_files_over_named_settings_over_those_that_always_hold() {
    let ground = Ground::new();
    ground.write(".env", "# mine\nexport CXONE_ACTOR=\"by env file\"\n");
    ground.write(
        "cxone-actions.toml",
        "[settings]\nactor = \"always\"\n\n[settings.prod]\nactor = \"by name\"\n[settings.other]\nregion = \"x\"\n",
    );
    ground.write("home/.config/cxone-actions/config.toml", "[settings]\nactor = \"at home\"\n");
    let of_actor = |command: &mut std::process::Command| {
        let shown = Ground::shown(command);
        let (_, value, origin) = shown.into_iter().find(|(name, ..)| name == "actor").unwrap();
        (value, origin)
    };
    let with = |value: &str, origin: &str| (Value::from(value), origin.to_owned());
    let show = |flags: &[&str], env: &[(&str, &str)]| {
        let mut command = ground.command(&["config", "show", "--output", "jsonl"]);
        let output = command.args(flags).envs(env.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let lines = text(&output.stdout).lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let line = lines.into_iter().find(|line| line["name"] == "actor").unwrap();
        (line["value"].clone(), line["origin"].as_str().unwrap().to_owned())
    };
    let env = [("CXONE_ACTOR", "by env")];
    let everything: &[&str] = &["--use", "prod", "--actor", "by flag"];
    assert_eq!(show(everything, &env), with("by flag", "flag --actor"));
    assert_eq!(show(&["--use", "prod"], &env), with("by env", "env CXONE_ACTOR"));
    assert_eq!(show(&["--use", "prod"], &[]), with("by env file", ".env:2"));
    let without = ["--use", "prod", "--no-env-file"];
    assert_eq!(show(&without, &[]), with("by name", "cxone-actions.toml:5 [settings.prod]"));
    let by_variable = show(&["--no-env-file"], &[("CXONE_USE", "prod")]);
    assert_eq!(by_variable, with("by name", "cxone-actions.toml:5 [settings.prod]"));
    assert_eq!(show(&["--no-env-file"], &[]), with("always", "cxone-actions.toml:2"));
    std::fs::remove_file(ground.path("cxone-actions.toml")).unwrap();
    let (value, origin) = show(&["--no-env-file"], &[]);
    assert_eq!(value, "at home");
    assert!(origin.ends_with("home/.config/cxone-actions/config.toml:2"), "{origin}");
    std::fs::remove_dir_all(ground.path("home")).unwrap();
    let (value, origin) = of_actor(&mut ground.command(&[]));
    assert_eq!((value, origin), with("by env file", ".env:2"));
    assert_eq!(show(&["--no-env-file"], &[]), (Value::Null, "default".to_owned()));
}

#[test]
fn a_token_and_a_secret_of_which_one_was_said_nearer_do_not_meet() {
    let ground = Ground::new();
    ground.write(
        "cxone-actions.toml",
        "[settings]\nbase_url = \"https://a.example\"\nclient_id = \"me\"\nclient_secret = \"s\"\n",
    );
    let kinds = |command: &mut std::process::Command| -> Vec<String> {
        let shown = Ground::shown(command).into_iter();
        let kinds =
            shown.filter(|(name, ..)| ["token", "client_id", "client_secret"].contains(&name.as_str()));
        kinds.filter(|(.., origin)| origin != "default").map(|(name, ..)| name).collect()
    };
    assert_eq!(kinds(&mut ground.command(&[])), ["client_id", "client_secret"]);
    assert_eq!(kinds(ground.command(&[]).env("CXONE_TOKEN", "t")), ["token"]);
    // What the environment has for others is of no use to this profile, and no mistake.
    let output = ground
        .command(&["config", "show"])
        .envs([("CXONE_ACCESS_KEY_ID", "k"), ("CXONE_ACCESS_KEY_SECRET", "s"), ("CXONE_REGION", "eu")])
        .output()
        .unwrap();
    assert_eq!(text(&output.stderr), "", "{output:?}");
}

#[test]
fn no_way_of_showing_settings_shows_a_secret() {
    const CANARY: &str = "CANARY-0123456789abcdef";
    let secrets: Vec<_> = OPTIONS.iter().filter(|spec| secret(spec.shape)).collect();
    assert!(secrets.len() >= 6);
    for way in ["env", "env file", "dotenv", "toml", "toml file", "toml env", "flag"] {
        let ground = Ground::new();
        ground.write("secret", CANARY);
        let mut said = String::new();
        let mut command = ground.command(&["config", "show"]);
        for spec in &secrets {
            let value = if spec.name == "proxy" {
                format!("http://u:{CANARY}@p.example:1")
            } else {
                CANARY.to_owned()
            };
            let variable = spec.env.unwrap();
            match way {
                "env" => _ = command.env(variable, value),
                "env file" => _ = command.env(format!("{variable}_FILE"), ground.path("secret")),
                "dotenv" => said.push_str(&format!("{variable}={value}\n")),
                "toml" => said.push_str(&format!("{} = \"{value}\"\n", spec.name)),
                "toml file" => said.push_str(&format!("{}_file = \"secret\"\n", spec.name)),
                "toml env" => {
                    said.push_str(&format!("{}_env = \"OF_{variable}\"\n", spec.name));
                    command.env(format!("OF_{variable}"), value);
                }
                _ => {
                    _ = command
                        .arg(format!("--{}-file", spec.name.replace('_', "-")))
                        .arg(ground.path("secret"));
                }
            }
        }
        match way {
            "dotenv" => ground.write(".env", &said),
            _ => ground.write("cxone-actions.toml", &format!("[settings]\n{said}")),
        }
        for format in ["table", "json", "jsonl"] {
            let output = command.args(["--output", format]).output().unwrap();
            // `--output` is given once.
            command = {
                let mut again = ground.command(&["config", "show"]);
                let old: Vec<_> = command
                    .get_args()
                    .skip(2)
                    .take_while(|arg| *arg != "--output")
                    .map(ToOwned::to_owned)
                    .collect();
                again.args(old);
                for (name, value) in command.get_envs() {
                    if let Some(value) = value {
                        again.env(name, value);
                    }
                }
                again
            };
            assert_eq!(output.status.code(), Some(0), "{way} {output:?}");
            let everything = format!("{}{}", text(&output.stdout), text(&output.stderr));
            assert!(!everything.contains("CANARY"), "{way} {format}: {everything}");
            assert!(text(&output.stdout).contains("***"), "{way} {format}");
        }
    }
}

#[test]
fn a_secret_on_the_command_line_is_refused_with_the_ways_that_are_safe_and_not_repeated() {
    let ground = Ground::new();
    for spec in OPTIONS.iter().filter(|spec| secret(spec.shape)) {
        let value = if spec.name == "proxy" { "http://me:CANARY@p.example" } else { "CANARY" };
        let flag = format!("--{}", spec.name.replace('_', "-"));
        let output = ground.run(&["run", ACTION, &flag, value]);
        assert_eq!(output.status.code(), Some(2), "{flag}");
        let said = text(&output.stderr);
        assert!(!said.contains("CANARY") && said.contains(&format!("`{flag}-file FILE`")), "{said}");
        assert!(said.contains(&format!("{}_env", spec.name)), "{said}");
    }
    // Nor is one shown that somebody wrote into a URL, where it cannot be used.
    for url in ["https://u:CANARY@a.example", "https://a.example/?t=CANARY#CANARY", "https://u:CANARY@"] {
        let output = ground.run(&["config", "show", "--base-url", url]);
        let everything = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(everything.contains("***") && !everything.contains("CANARY"), "{url}: {everything}");
    }
    // A proxy without a password is no secret.
    let output = ground.run(&["config", "show", "--proxy", "http://p.example:3128"]);
    assert!(text(&output.stdout).contains("http://p.example:3128"), "{output:?}");
}

#[test]
fn every_mistake_is_named_by_file_and_line_with_the_name_that_was_meant() {
    let ground = Ground::new();
    ground.write(
        "cxone-actions.toml",
        "setings = 1\n[settings]\nclientid = \"me\"\ntimeout = \"soon\"\ntoken_file = \"absent\"\n[settings.prod]\ntmeout = 5\n\
         client_secret = \"a\"\nclient_secret_env = \"b\"\nconnect_timeout = inf\n",
    );
    let output = ground.run(&["config", "show", "--use", "prd", "--max-attempts", "0"]);
    assert_eq!(output.status.code(), Some(2));
    for part in [
        "cxone-actions.toml:1: `setings` is not known; did you mean `settings`?",
        "cxone-actions.toml:3: `clientid` is not a setting; did you mean `client_id`?",
        "`timeout` must be a number of seconds, got a string (cxone-actions.toml:4)",
        "absent` cannot be read",
        "cxone-actions.toml:7: `tmeout` is not a setting; did you mean `timeout`?",
        "cxone-actions.toml:10: `connect_timeout` cannot be inf",
        "there is no `[settings.prd]`; did you mean `prod`?",
        "`max_attempts` must be a whole number from 1 to 4294967295 (flag --max-attempts)",
    ] {
        assert!(text(&output.stderr).contains(part), "{part}: {}", text(&output.stderr));
    }
    let twice = ground.run(&["config", "show", "--use", "prod"]);
    assert!(text(&twice.stderr).contains("toml:9: `client_secret` is given twice"), "{twice:?}");
    ground.write("cxone-actions.toml", "[settings]\nclient_id = \"CANARY\n");
    let torn = ground.run(&["config", "show"]);
    assert_eq!(torn.status.code(), Some(2));
    assert!(text(&torn.stderr).contains("cxone-actions.toml:2: "), "{torn:?}");
    ground.write("cxone-actions.toml", "");
    for value in ["'CANARY", "CANARY in words"] {
        ground.write(".env", &format!("A=1\nCXONE_TOKEN={value}\n"));
        let torn = ground.run(&["config", "show"]);
        assert_eq!(torn.status.code(), Some(2));
        assert!(text(&torn.stderr).contains(".env:2") && !text(&torn.stderr).contains("CANARY"), "{torn:?}");
    }
    ground.write(".env", "OTHER=1\nCXONE_CLIENT_SECERT=x\n");
    let warned = ground.run(&["config", "show"]);
    assert_eq!(warned.status.code(), Some(0));
    assert!(text(&warned.stderr).contains("did you mean `CXONE_CLIENT_SECRET`?"), "{warned:?}");
}

#[test]
fn the_settings_file_is_looked_for_up_to_the_root_of_the_repository_and_no_farther() {
    let ground = Ground::new();
    ground.write("cxone-actions.toml", "[settings]\nactor = \"outside\"\n");
    ground.write("repository/.git/HEAD", "");
    ground.write("repository/below/here/file", "");
    let actor = |below| {
        let shown = Ground::shown(&mut ground.command_in(below, &[]));
        shown.into_iter().find(|(name, ..)| name == "actor").map(|(_, value, _)| value).unwrap()
    };
    assert_eq!(actor("repository/below/here"), Value::Null);
    ground
        .write("repository/cxone-actions.toml", "[settings]\nactor = \"inside\"\npolicy = \"rules.toml\"\n");
    assert_eq!(actor("repository/below/here"), "inside");
    // Outside a repository only the directory itself counts: what stands in /tmp is not for whoever works below it.
    assert_eq!(actor(""), "outside");
    ground.write("elsewhere/file", "");
    assert_eq!(actor("elsewhere"), Value::Null);
    // Paths are relative to the file that says them.
    let shown = Ground::shown(&mut ground.command_in("repository/below/here", &[]));
    let policy = shown.into_iter().find(|(name, ..)| name == "policy").unwrap().1;
    assert!(policy.as_str().unwrap().ends_with("repository/rules.toml"), "{policy}");
}

#[cfg(unix)]
#[test]
fn a_file_with_a_secret_that_everybody_may_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let ground = Ground::new();
    for (name, content) in
        [("cxone-actions.toml", "[settings]\ntoken = \"s\"\n"), (".env", "CXONE_TOKEN=s\n")]
    {
        ground.write(name, content);
        assert_eq!(text(&ground.run(&["config", "show", "--base-url", "http://127.0.0.1:1"]).stderr), "");
        std::fs::set_permissions(ground.path(name), std::fs::Permissions::from_mode(0o644)).unwrap();
        let warned = ground.run(&["config", "show"]);
        assert!(text(&warned.stderr).contains(&format!("chmod 600 {name}")), "{warned:?}");
        std::fs::remove_file(ground.path(name)).unwrap();
    }
}

#[test]
fn a_rehearsal_calls_nobody_else_and_is_not_recorded_among_real_calls() {
    let ground = Ground::new();
    let real = [
        ("CXONE_BASE_URL", "https://real.example"),
        ("CXONE_CLIENT_ID", "me"),
        ("CXONE_CLIENT_SECRET", "s"),
        ("CXONE_SCOPE", "everything"),
        ("CXONE_AUDIT_DIR", "trail"),
        ("CXONE_AUDIT_KEY", "0123456789abcdef"),
    ];
    let inputs = ["-i", "customerId=C-1", "-i", "issueType=billing"];
    let mut command = ground.command(&["run", ACTION, "--sandbox"]);
    let output = command.args(inputs).envs(real).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(!ground.path("trail").exists());
    let mut command = ground.command(&["run", ACTION, "--sandbox", "--audit", "rehearsal"]);
    assert!(command.args(inputs).envs(real).status().unwrap().success());
    assert!(ground.path("rehearsal").is_dir());
    let refused = ground.run(&["run", ACTION, "--sandbox", "--base-url", "https://real.example"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("leave `--base-url` away"), "{refused:?}");
}
