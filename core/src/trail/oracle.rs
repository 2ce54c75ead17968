//! Recovery once more, slowly and without any index: every record of the trail, one after another in the order of time.
//! What the indexes say must be the same, whatever happened and wherever the segments were cut.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::path::Path;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::Records;
use super::log::Head;
use super::record::{Entry, Origin, Record, timestamp_text};
use super::segment::{self, Segment};
use super::summary::{Progress, Summary};
use super::{Event, Filter, Unfinished, UnfinishedState, chain, index, unfinished};

/// What is known of one invocation at some point of the history.
#[derive(Default)]
struct Known {
    reached: Vec<Reached>,
    /// By whom, the gateway's id, when, and whether it was refused since.
    accepted: Vec<(String, String, usize, bool)>,
}

struct Reached {
    run: String,
    progress: Progress,
    at: usize,
    action_id: Option<String>,
}

impl Known {
    fn end(&mut self, until: usize) {
        self.reached.retain(|reached| reached.at > until);
        self.accepted.retain(|(_, _, at, _)| *at > until);
    }

    fn refuse(&mut self, by: &str, until: usize) {
        self.reached.retain(|reached| {
            reached.run != by || reached.progress == Progress::Unknown || reached.at > until
        });
        for (_, _, _, refused) in self.accepted.iter_mut().filter(|(run, _, at, _)| run == by && *at <= until)
        {
            *refused = true;
        }
    }

    fn deliver(&mut self, by: &str) {
        let is_due = |reached: &Reached| reached.run == by && reached.progress == Progress::Due;
        let due: Vec<_> =
            self.reached.iter().filter(|reached| is_due(reached)).map(|reached| reached.at).collect();
        self.reached.retain(|reached| !is_due(reached));
        self.accepted.retain(|(_, _, at, _)| !due.contains(at));
    }

    fn reach(&mut self, run: &str, progress: Progress, at: usize, record: &Record<'_>) {
        self.reached.retain(|reached| reached.run != run || reached.progress != progress);
        let text = |text: &super::record::Text<'_>| text.as_str().to_owned();
        let action_id = record.action_id.as_ref().map(text);
        self.reached.push(Reached { run: run.to_owned(), progress, at, action_id });
        if let Some(invocation) = &record.invocation_id {
            self.accepted.push((run.to_owned(), text(invocation), at, false));
        }
    }
}

fn replayed(segments: &[Segment], living: &HashSet<String>) -> Vec<Unfinished> {
    let mut all: BTreeMap<String, Known> = BTreeMap::new();
    for (at, line) in Records::of_segments(segments.to_vec(), Filter::default()).enumerate() {
        let line = line.unwrap();
        // Between two records there is room for what one says about all before it.
        let at = 2 * at + 1;
        let record = Record::parse(line.as_bytes()).unwrap();
        let run = &*record.run;
        let event: Event = record.event.parse().unwrap();
        let invocation = record.invocation_id.as_ref().map(|id| id.as_str().to_owned());
        let Some(correlation) = record.correlation_id.as_ref() else {
            let Some(invocation) = invocation else { continue };
            for known in all.values_mut() {
                let named = known.accepted.iter().filter(|(_, id, _, _)| *id == invocation);
                let named: Vec<_> = named.map(|(by, _, at, _)| (by.clone(), *at)).collect();
                for (by, accepted) in named {
                    match event {
                        Event::Terminal if record.due == Some(true) => {}
                        Event::Terminal | Event::Delivered | Event::CallbackFailed => known.end(accepted),
                        Event::Rejected | Event::Aborted if by == run => known.refuse(run, accepted),
                        _ => {}
                    }
                }
            }
            continue;
        };
        let known = all.entry(correlation.as_str().to_owned()).or_default();
        match event {
            Event::Started => known.reach(run, Progress::Started, at, &record),
            Event::Sending => known.reach(run, Progress::Sending, at, &record),
            Event::Unknown => known.reach(run, Progress::Unknown, at, &record),
            Event::Accepted => known.reach(run, Progress::Accepted, at, &record),
            Event::Terminal => {
                known.end(at - 1);
                if record.due == Some(true) {
                    known.reach(run, Progress::Due, at, &record);
                }
            }
            Event::Rejected | Event::Aborted => known.refuse(run, at),
            Event::Delivered | Event::CallbackFailed => known.deliver(run),
            _ => {}
        }
    }
    let mut left: Vec<_> = all.into_iter().filter_map(|(id, known)| left(id, known, living)).collect();
    left.sort_by(|(a, x), (b, y)| (a, &x.correlation_id).cmp(&(b, &y.correlation_id)));
    left.into_iter().map(|(_, unfinished)| unfinished).collect()
}

fn left(correlation_id: String, known: Known, living: &HashSet<String>) -> Option<(usize, Unfinished)> {
    let Known { reached, accepted } = known;
    let state = match reached.iter().map(|reached| reached.progress).max()? {
        Progress::Started => UnfinishedState::Unsent,
        Progress::Sending | Progress::Unknown => UnfinishedState::Unknown,
        Progress::Accepted | Progress::Due => UnfinishedState::Accepted,
    };
    if reached.iter().any(|reached| living.contains(&reached.run)) {
        return None;
    }
    let since = reached.iter().map(|reached| reached.at).min()?;
    let accepted = accepted.into_iter().filter(|(_, _, _, refused)| !refused);
    let invocation_id = accepted.max_by_key(|(_, _, at, _)| *at).map(|(_, id, _, _)| id);
    let of_actions = reached.into_iter().filter(|reached| reached.action_id.is_some());
    let action_id = of_actions.max_by_key(|reached| reached.at).and_then(|reached| reached.action_id);
    Some((since, Unfinished { action_id, correlation_id, invocation_id, state, resume_token: None }))
}

/// One record of a history, and what else happens before it.
#[derive(Debug, Clone)]
struct Step {
    run: usize,
    event: Event,
    correlation: Option<u8>,
    invocation: Option<u8>,
    due: bool,
    /// By how many microseconds the clock goes on; it may be set back.
    clock: i64,
    /// The run goes on in its next segment.
    rotate: bool,
}

const RUNS: usize = 4;

fn step() -> impl Strategy<Value = Step> {
    let event = prop::sample::select(vec![
        Event::Started,
        Event::Started,
        Event::Sending,
        Event::Sending,
        Event::Accepted,
        Event::Accepted,
        Event::Unknown,
        Event::Rejected,
        Event::Aborted,
        Event::Terminal,
        Event::Terminal,
        Event::Terminal,
        Event::Delivered,
        Event::CallbackFailed,
        Event::Detached,
        Event::Config,
    ]);
    let correlation = prop_oneof![4 => (0..3_u8).prop_map(Some), 1 => Just(None)];
    let invocation = prop_oneof![1 => (0..3_u8).prop_map(Some), 1 => Just(None)];
    let clock = prop_oneof![3 => Just(0_i64), 4 => 1..5_i64, 1 => -6..0_i64];
    (0..RUNS, event, correlation, invocation, any::<bool>(), clock, prop::bool::weighted(0.2)).prop_map(
        |(run, event, correlation, invocation, due, clock, rotate)| Step {
            run,
            event,
            correlation,
            invocation,
            due,
            clock,
            rotate,
        },
    )
}

/// The segments of one run as its process would write them.
struct Writer {
    origin: Origin,
    name: String,
    file: File,
    length: u64,
    head: Head,
    summary: Summary,
}

impl Writer {
    fn begin(directory: &Path, origin: Origin, at: Timestamp) -> Writer {
        let name = segment::name(at, origin.pid, &origin.run);
        let file = segment::create_locked(directory, &name).unwrap();
        let summary = Summary::new(&name);
        Writer { origin, name, file, length: 0, head: Head::default(), summary }
    }

    fn write(&mut self, step: &Step, at: Timestamp) {
        let correlation = step.correlation.map(|id| format!("c{id}"));
        let invocation = step.invocation.map(|id| format!("i{id}"));
        let entry = Entry {
            action_id: step.correlation.map(|_| if step.due { "one" } else { "other" }),
            correlation_id: correlation.as_deref(),
            invocation_id: invocation.as_deref(),
            due: step.due && step.event == Event::Terminal,
            ..Entry::new(step.event)
        };
        let ts = timestamp_text(at);
        let record = Record::new(&self.origin, &entry, self.head.seq + 1, &ts, &self.head.hash, None);
        let (mut line, mut hash) = (serde_json::to_vec(&record).unwrap(), String::new());
        chain::seal(&mut line, None, &mut hash);
        std::io::Write::write_all(&mut self.file, &line).unwrap();
        self.summary.take(&record);
        self.length += line.len() as u64;
        self.head = Head { seq: self.head.seq + 1, hash };
    }

    fn rotated(self, directory: &Path, at: Timestamp, indexed: bool) -> Writer {
        let Writer { origin, name, length, head, summary, .. } = self;
        let next = Writer::begin(directory, origin, at.max(summary.end()));
        if indexed {
            index::write(directory, &name, length, &head, &summary, None).unwrap();
        }
        next
    }
}

fn now(clock: i64) -> Timestamp {
    Timestamp::from_microsecond(1_800_000_000_000_000 + clock).unwrap()
}

/// The history as its processes would write it, recovered in every way.
fn agree(steps: &[Step], alive: [bool; RUNS], damaged: usize) -> Result<(), TestCaseError> {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let mut writers: HashMap<usize, Writer> = HashMap::new();
    let mut clock = 0;
    for step in steps {
        clock += step.clock;
        let begin = || {
            let (host, run) = ("h".to_owned(), format!("{:012}", step.run));
            let origin = Origin { host, pid: 1, run, actor: "a".to_owned(), key: None };
            Writer::begin(directory, origin, now(clock))
        };
        let mut writer = writers.remove(&step.run).unwrap_or_else(begin);
        if step.rotate && writer.head.seq > 0 {
            writer = writer.rotated(directory, now(clock), step.due);
        }
        writer.write(step, now(clock));
        writers.insert(step.run, writer);
    }
    // Whose writer is dropped is dead: its lock is gone.
    writers.retain(|run, _| alive[*run]);
    let living = writers.values().map(|writer| writer.origin.run.clone()).collect();

    let segments = segment::list(directory).unwrap();
    let expected = replayed(&segments, &living);
    let list = || Ok(segment::list(directory).unwrap());
    // Once with the indexes that are there, then with one for every complete segment, then with a damaged one.
    prop_assert_eq!(&unfinished::unfinished(list, false, None).unwrap(), &expected);
    prop_assert_eq!(&unfinished::unfinished(list, true, None).unwrap(), &expected);
    let indexes: Vec<_> = segments
        .iter()
        .map(|segment| index::path(directory, &segment.name))
        .filter(|path| path.exists())
        .collect();
    prop_assert_eq!(&unfinished::unfinished(list, true, None).unwrap(), &expected);
    if !indexes.is_empty() {
        let path = &indexes[damaged % indexes.len()];
        let whole = fs::read(path).unwrap();
        let at = damaged % whole.len();
        let mut torn = whole.clone();
        torn[at] ^= 1;
        fs::write(path, &torn).unwrap();
        prop_assert_eq!(&unfinished::unfinished(list, false, None).unwrap(), &expected);
        let first_line = whole.iter().position(|byte| *byte == b'\n').unwrap();
        fs::write(path, &whole[..at.min(first_line)]).unwrap();
        prop_assert_eq!(&unfinished::unfinished(list, true, None).unwrap(), &expected);
        prop_assert!(fs::read(path).unwrap() == whole, "it was made again from the segment");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn indexes_say_what_all_records_say_wherever_the_segments_are_cut(
        steps in prop::collection::vec(step(), 1..60),
        alive in any::<[bool; RUNS]>(),
        damaged in any::<usize>(),
    ) {
        agree(&steps, alive, damaged)?;
    }
}

#[test]
fn a_refusal_in_an_earlier_segment_is_heard_also_where_only_a_later_one_is_open() {
    let step = |event, correlation, invocation, rotate| Step {
        run: 0,
        event,
        correlation: Some(correlation),
        invocation,
        due: true,
        clock: 1,
        rotate,
    };
    let steps = [
        step(Event::Unknown, 2, Some(0), false),
        step(Event::Rejected, 2, Some(0), false),
        step(Event::Delivered, 0, Some(0), true),
        step(Event::Unknown, 2, None, false),
        step(Event::Started, 0, Some(0), false),
    ];
    agree(&steps, [false; RUNS], 0).unwrap();
}
