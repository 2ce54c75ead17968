//! Threads, processes, and their deaths.

use super::*;

#[test]
fn what_a_killed_process_left_is_found_and_what_a_living_one_does_is_not() {
    if let Some(directory) = child() {
        let trail = open(&directory);
        trail.append(&entry(Event::Started, "never-sent")).unwrap();
        trail.append(&entry(Event::Started, "nobody-knows")).unwrap();
        trail.append(&entry(Event::Sending, "nobody-knows")).unwrap();
        for event in [Event::Started, Event::Sending, Event::Accepted, Event::Terminal] {
            trail.append(&entry(event, "done")).unwrap();
        }
        trail.append(&entry(Event::Started, "running")).unwrap();
        trail.append(&entry(Event::Sending, "running")).unwrap();
        let accepted = Entry { invocation_id: Some("inv-1"), ..entry(Event::Accepted, "running") };
        trail.append(&accepted).unwrap();
        println!("\nwritten");
        let _ = std::io::stdin().lines().count(); // until the parent kills this process
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let test = "what_a_killed_process_left_is_found_and_what_a_living_one_does_is_not";
    let mut process = again(module_path!(), test, directory.path(), "").spawn().unwrap();
    let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
    assert!(output.any(|line| line.unwrap() == "written"));

    let trail = open(directory.path());
    trail.append(&entry(Event::Started, "mine")).unwrap();
    assert_eq!(trail.unfinished().unwrap(), [], "its writer lives");
    assert!(trail.verify().ok, "verifying works while another process writes");
    process.kill().unwrap();
    process.wait().unwrap();

    let unfinished = serde_json::to_value(trail.unfinished().unwrap()).unwrap();
    let one = |correlation: &str, invocation: Option<&str>, state: &str| {
        serde_json::json!({"action_id": ACTION, "correlation_id": correlation, "invocation_id": invocation,
                           "state": state, "resume_token": null})
    };
    let expected = serde_json::json!([
        one("never-sent", None, "unsent"),
        one("nobody-knows", None, "unknown"),
        one("running", Some("inv-1"), "accepted"),
    ]);
    assert_eq!(unfinished, expected);

    // Somebody polls what was accepted, and it ends.
    let ended =
        Entry { invocation_id: Some("inv-1"), status: Some("COMPLETED"), ..Entry::new(Event::Terminal) };
    trail.append(&ended).unwrap();
    let left: Vec<_> = trail.unfinished().unwrap().into_iter().map(|one| one.correlation_id).collect();
    assert_eq!(left, ["never-sent", "nobody-knows"]);
}

#[test]
fn eight_threads_two_trails_and_a_reader_keep_every_chain_whole() {
    let directory = tempfile::tempdir().unwrap();
    let trails = [open(directory.path()), open(directory.path())];
    const EACH: usize = 500;
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|n| {
                let trail = &trails[n % 2];
                scope.spawn(move || {
                    for m in 0..EACH {
                        trail.append(&entry(Event::Started, &format!("{n}-{m}"))).unwrap();
                    }
                })
            })
            .collect();
        while !writers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            let found = trails[0].verify();
            assert!(found.ok && found.cut == 0, "{found:?}");
        }
    });
    let found = trails[0].verify();
    assert_eq!((found.ok, found.records, found.segments), (true, 8 * EACH as u64, 2));
    let records = records(&trails[1], "{}");
    assert_eq!(records.len(), 8 * EACH);
    let times: Vec<_> = records.iter().map(|record| record["ts"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "segments are merged by time");
}
