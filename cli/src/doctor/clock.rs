//! This machine's clock, beside those of whom it talks to.

use super::check::Check;

/// More than this is no delay of the network any more.
const NOTICEABLE: f64 = 30.0;

/// `heard`: who said how far he is ahead of us, in seconds.
pub(super) fn check(heard: &[(&str, Option<f64>)]) -> Check {
    let check = Check::of("clock", "skew", "compare this machine's clock with the `Date` of the answers");
    let said = heard.iter().filter_map(|(who, ahead)| Some((who, (*ahead)?)));
    let Some((who, ahead)) = said.max_by(|(_, one), (_, other)| one.abs().total_cmp(&other.abs())) else {
        return check.skipped("no answer had one");
    };
    if ahead.abs() <= NOTICEABLE {
        return check.passed("they agree within 30 s");
    }
    let way = if ahead > 0.0 { "behind" } else { "ahead of" };
    check.warned(
        format!("this machine is {:.0} s {way} {who}", ahead.abs()),
        "set it by NTP: records get its time, certificates and the signatures of callbacks are judged by it, and tokens \
         that hold their own times are taken for expired",
    )
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::check;

    #[test]
    fn the_clock_that_differs_most_is_told_and_which_way() {
        let said = |heard: &[(&'static str, Option<f64>)]| {
            let check = check(heard);
            (check.state, check.came_back)
        };
        let behind = said(&[("the token service", Some(2.0)), ("the gateway", Some(3600.4))]);
        assert_eq!(behind, (State::Warned, "this machine is 3600 s behind the gateway".to_owned()));
        let ahead = said(&[("the token service", Some(-31.0)), ("the gateway", None)]);
        assert_eq!(ahead, (State::Warned, "this machine is 31 s ahead of the token service".to_owned()));
        assert_eq!(said(&[("the gateway", Some(-29.0))]).0, State::Passed);
        assert_eq!(said(&[("the gateway", None)]).0, State::Skipped);
    }
}
