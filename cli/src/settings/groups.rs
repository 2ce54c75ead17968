//! Which of what was said holds. Most options stand alone, and whoever is asked first wins. Credentials do not: a token and
//! a client's secret exclude each other, so the one that was said nearer to the call wins with its whole kind. The same is
//! so of a base URL and a region.

use cxone_actions::profile::{GrantKind, Profile};

use super::Setting;

/// Ways to be let in, of which one is enough.
const TOKEN: &[&str] = &["token"];
const SECRETS: &[&str] = &["client_id", "client_secret", "access_key_id", "access_key_secret"];
/// Ways to say where.
const URL: &[&str] = &["base_url"];
const REGION: &[&str] = &["region"];

/// What holds, in the order of the table; `list` has who is asked first at its beginning.
pub(super) fn effective(list: Vec<Setting>) -> Vec<Setting> {
    let mut held: Vec<Setting> = Vec::new();
    for setting in list {
        if held.iter().all(|known| known.spec.name != setting.spec.name) {
            held.push(setting);
        }
    }
    // What is of no use here drives nothing out that is.
    drop_what_is_for_others(&mut held);
    one_of(&mut held, TOKEN, SECRETS);
    one_of(&mut held, URL, REGION);
    if held.iter().any(|of| URL.contains(&of.spec.name)) {
        held.retain(|of| !of.origin.is_shared() || !REGION.contains(&of.spec.name));
    }
    let place = |setting: &Setting| {
        cxone_actions::config::OPTIONS.iter().position(|spec| spec.name == setting.spec.name)
    };
    held.sort_by_key(place);
    held
}

/// Drops the kind that was said farther away. Said equally near they stay, and the library says what is wrong.
fn one_of(held: &mut Vec<Setting>, one: &[&str], other: &[&str]) {
    let nearest = |kind: &[&str]| {
        held.iter().filter(|of| kind.contains(&of.spec.name)).map(|of| of.origin.rank()).min()
    };
    let (Some(a), Some(b)) = (nearest(one), nearest(other)) else { return };
    let farther = match a.cmp(&b) {
        std::cmp::Ordering::Less => other,
        std::cmp::Ordering::Greater => one,
        std::cmp::Ordering::Equal => return,
    };
    held.retain(|of| !farther.contains(&of.spec.name));
}

/// Environment and `.env` are shared: what this profile has no use for is meant for somebody else. What a flag or the
/// settings file says is meant here, and the library says that it is of no use.
fn drop_what_is_for_others(held: &mut Vec<Setting>) {
    let text = |name: &str| held.iter().find(|of| of.spec.name == name).and_then(|of| of.value.as_str());
    let Ok(profile) = Profile::load(text("profile").unwrap_or("gateway")) else { return };
    let (client, key) = match profile.token.grant {
        GrantKind::ClientCredentials => (true, false),
        GrantKind::Password => (true, true),
        GrantKind::AccessKey => (false, true),
    };
    let callbacks = profile.invoke.body.takes_callback();
    let (trail, policy) = (text("audit").is_some(), text("policy").is_some());
    let takes_region = profile.takes_region();
    held.retain(|of| {
        !of.origin.is_shared()
            || match of.spec.name {
                "client_id" | "client_secret" | "client_auth" | "scope" => client,
                "access_key_id" | "access_key_secret" => key,
                "callback_secret" => callbacks,
                "region" => takes_region,
                "policy_refresh" => policy,
                name if name == "durability" || name.starts_with("audit_") => trail,
                _ => true,
            }
    });
}
