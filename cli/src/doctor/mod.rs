//! `cxone-actions doctor`: what stands between this machine and an invocation, looked for before one is tried.
//!
//! One promise: no action is executed. What is sent is a request for a token, and a look at an invocation that does not
//! exist; every check says what was tried, what came back and what to do, ends within ten seconds, and shows no secret.

mod check;
mod clock;
mod gateway;
mod network;
mod policy;
mod settings;
mod show;
mod token;
mod trail;

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use cxone_actions::Options;
use cxone_actions::probe::Probe;

use crate::failure::Failure;
use crate::output::{Format, Output, ended_with, print};
use crate::settings::Flags;
use check::Check;

/// No check takes longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Look for what keeps an invocation from working, and say what to do about it
///
/// It reads the options as every command does, then tries name, connection, proxy and certificate of each host, the clock,
/// a token, its scopes, the gateway, the policy and the directory of the trail. It executes no action: the gateway is asked
/// for an invocation that does not exist, and has to say so.
///
/// It ends with 0 where nothing failed (warnings do not count), or with the exit code of the first class of error that an
/// invocation would meet: 2 for the options or the policy, 4 for credentials and scopes, 7 for the network, the gateway and
/// the trail.
///
/// Example: cxone-actions doctor --output json
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    #[command(flatten)]
    settings: Flags,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // The sandbox of `--sandbox` is closed with them.
    let settings = arguments.settings.resolve();
    let checks = match &settings {
        Ok(settings) => runtime.block_on(all(settings.options())),
        Err(failure) => settings::unread(failure),
    };
    // A resolver that hangs would keep us for its own time.
    runtime.shutdown_background();
    let printed = print(&match arguments.output.format {
        Format::Table => show::table(&checks, arguments.output.paint()),
        Format::Json => show::json(&checks),
        Format::Jsonl => show::lines(&checks),
    });
    let ended = match checks.iter().find_map(|check| Some((check.failure()?, check.title()))) {
        None => Ok(()),
        Some((kind, title)) => {
            let many = checks.iter().filter(|check| check.failure().is_some()).count();
            let message = match many {
                1 => format!("a check failed: {title}"),
                many => format!("{many} checks failed, first of all {title}"),
            };
            Err(Failure { exit_code: kind.exit_code(), message })
        }
    };
    ended_with(printed, ended)
}

/// Every check, in the order in which a call would meet what it is about.
async fn all(options: Options) -> Vec<Check> {
    let opened = Probe::open(options);
    let mut checks = settings::checks(&opened);
    let Some(probe) = opened.probe.map(Arc::new) else {
        checks.extend(policy::checks(opened.policy, None));
        checks.extend(settings::left());
        return checks;
    };
    let (outside, trail) = tokio::join!(outside(&probe), trail::checks(&probe));
    checks.extend(outside);
    checks.extend(policy::checks(opened.policy, Some(probe.config().profile.invoke.action_id)));
    checks.extend(trail);
    checks
}

/// What is beyond this machine: each part is tried where what it stands on was found.
async fn outside(probe: &Arc<Probe>) -> Vec<Check> {
    let places = probe.places();
    let roads =
        futures_util::future::join_all(places.iter().map(|place| network::checks(probe, place))).await;
    let open = |serves: &str| {
        let road = places.iter().zip(&roads).find(|(place, _)| place.serves.contains(&serves));
        road.is_none_or(|(_, checks)| checks.iter().all(|check| check.failure().is_none()))
    };
    let way_to_token = open(network::TOKEN_SERVICE) && open(network::DISCOVERY);
    let asked = token::checks(probe, way_to_token).await;
    let looked = gateway::checks(probe, asked.token.as_ref(), open(network::GATEWAY)).await;
    let mut checks: Vec<Check> = roads.into_iter().flatten().collect();
    checks.push(clock::check(&[("the token service", asked.ahead), ("the gateway", looked.ahead)]));
    checks.extend(asked.checks);
    checks.extend(looked.checks);
    checks
}
