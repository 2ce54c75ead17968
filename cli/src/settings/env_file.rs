//! `.env` of the current directory, for whoever develops there: variables of this command and no others are taken from it,
//! each with its line.

use std::path::Path;

use super::origin::Origin;

/// A variable of the file.
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) origin: Origin,
}

/// Reads the file. Of a name that is there twice the last holds, as in a shell.
///
/// # Errors
/// What is wrong with it, by line; never the line itself, which may be a secret.
pub(super) fn read(path: &Path) -> Result<Vec<Variable>, String> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| format!("`{file}` cannot be read: {error}"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut found: Vec<Variable> = Vec::new();
    for item in dotenvy::from_read_iter(text.as_bytes()) {
        let (name, value) = item.map_err(|error| {
            let line = match &error {
                // It may be the value alone.
                dotenvy::Error::LineParse(torn, _) => {
                    let first = torn.lines().next().unwrap_or_default().trim();
                    let torn = |line: &str| !first.is_empty() && line.trim().ends_with(first);
                    text.lines().position(torn).map(|line| line + 1)
                }
                _ => None,
            };
            let place = line.map_or_else(|| file.clone(), |line| format!("{file}:{line}"));
            format!("{place}: is no line of the form `NAME=value`; quote what has spaces or `#`")
        })?;
        found.retain(|known| known.name != name);
        let line = text.lines().enumerate().filter(|(_, line)| assigns(line, &name)).last();
        let line = line.map_or(0, |(line, _)| line + 1);
        found.push(Variable { name, value, origin: Origin::EnvFile { file: file.clone(), line } });
    }
    Ok(found)
}

/// Whether the line gives this variable its value.
fn assigns(line: &str, name: &str) -> bool {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='))
}
