//! The four moments at which a death matters most (fault 39), and what must come of each.

use std::path::Path;
use std::time::{Duration, Instant};

use cxone_actions::trail::{Trail, UnfinishedState};
use cxone_actions_faults::{CLIENT_ID, CLIENT_SECRET, Gateway, Point, Step};

use crate::processes::User;

const FOR_EVER: &str = "3600000";

/// One death.
struct Moment {
    name: &'static str,
    /// What the gateway does until then.
    script: fn(&Gateway),
    /// Whether the moment has come; the last is the file of the results that were taken.
    has_come: fn(&Gateway, &str) -> bool,
    state: UnfinishedState,
    executed: u32,
    /// After the next process has recovered: executions, results taken, and whether it is still unfinished.
    afterwards: (u32, usize, bool),
}

const MOMENTS: &[Moment] = &[
    Moment {
        name: "before the POST",
        script: |gateway| gateway.always(Point::Token, Step::silence()),
        has_come: |gateway, _| gateway.count(Point::Token) == 1,
        state: UnfinishedState::Unsent,
        executed: 0,
        afterwards: (1, 1, false),
    },
    Moment {
        name: "after the last byte of the POST",
        script: |gateway| gateway.always(Point::Invoke, Step::silence().executing()),
        has_come: |gateway, _| gateway.executions("call-0") == 1,
        state: UnfinishedState::Unknown,
        executed: 1,
        afterwards: (1, 0, true),
    },
    Moment {
        name: "after acceptance",
        script: |gateway| gateway.always(Point::Poll, Step::state("RUNNING")),
        has_come: |gateway, _| gateway.count(Point::Poll) >= 2,
        state: UnfinishedState::Accepted,
        executed: 1,
        afterwards: (1, 1, false),
    },
    Moment {
        name: "while the handler had the result",
        script: |_| {},
        has_come: |_, taken| taken == "call-0\n",
        state: UnfinishedState::Accepted,
        executed: 1,
        afterwards: (1, 2, false),
    },
];

fn left(directory: &Path) -> Vec<(String, UnfinishedState)> {
    let trail = Trail::read_only(directory).unwrap();
    assert!(trail.verify().ok, "{:?}", trail.verify());
    trail.unfinished().unwrap().into_iter().map(|left| (left.correlation_id, left.state)).collect()
}

#[test]
fn a_death_at_each_moment_leaves_what_can_be_known_and_the_next_process_goes_on_from_there() {
    for moment in MOMENTS {
        let gateway = Gateway::start();
        (moment.script)(&gateway);
        let place = tempfile::tempdir().unwrap();
        let (directory, taken) = (place.path().join("trail"), place.path().join("taken"));
        let url = gateway.base_url();
        let access = [
            ("CXONE_BASE_URL", url.as_str()),
            ("CXONE_CLIENT_ID", CLIENT_ID),
            ("CXONE_CLIENT_SECRET", CLIENT_SECRET),
        ];
        let dawdling = [&access[..], &[("DAWDLE_MS", FOR_EVER)]].concat();
        let mut user = User::start(&dawdling, &directory, &taken, 1);
        assert!(user.says("working"), "{}", moment.name);
        let end = Instant::now() + Duration::from_secs(10);
        let lines = || std::fs::read_to_string(&taken).unwrap_or_default();
        while !(moment.has_come)(&gateway, &lines()) {
            assert!(Instant::now() < end, "{} did not come", moment.name);
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(!user.kill(), "{}: it ended by itself", moment.name);
        assert_eq!(left(&directory), [("call-0".to_owned(), moment.state)], "{}", moment.name);
        assert_eq!(gateway.executions("call-0"), moment.executed, "{}", moment.name);

        gateway.clear();
        assert!(User::start(&access, &directory, &taken, 1).ends_well(), "{}", moment.name);
        let afterwards =
            (gateway.executions("call-0"), lines().lines().count(), !left(&directory).is_empty());
        assert_eq!(afterwards, moment.afterwards, "{}", moment.name);
        gateway.stop();
    }
}
