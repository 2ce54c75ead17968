//! Log events, as a subscriber of `tracing` prints them.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

use crate::{INPUT, builder, request, sandbox, says_no_secret};

#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Printed {
    type Writer = Printed;

    fn make_writer(&'a self) -> Printed {
        self.clone()
    }
}

impl Printed {
    /// The lines that are this library's.
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains(" cxone_actions: ")).map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn every_record_of_the_trail_is_an_event_and_none_tells_what_the_trail_may_not_hold() {
    let printed = Printed::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::TRACE)
        .with_ansi(false)
        .with_writer(printed.clone())
        .finish();
    let _listening = tracing::subscriber::set_default(subscriber);
    let sandbox = sandbox();
    let client = builder(&sandbox).build().unwrap();
    client.run(request().correlation_id("fine")).await.unwrap();
    // It says back what it was sent, as gateways do.
    let echo = json!({"status": 400, "body": {"message": format!("no customer {INPUT}")}});
    sandbox.inject("invoke", echo, 1).unwrap();
    client.run(request().correlation_id("refused")).await.unwrap_err();
    let records = client.audit().records(&cxone_actions::trail::Filter::default()).unwrap();
    let records: Vec<serde_json::Value> =
        records.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();

    let lines = printed.lines();
    let said: Vec<_> = lines.iter().filter(|line| line.contains(" event=")).collect();
    assert_eq!(said.len(), records.len());
    for (line, record) in said.iter().zip(&records) {
        let event = record["event"].as_str().unwrap();
        assert!(line.contains(&format!("event=\"{event}\"")), "{line}");
        let level = if event == "rejected" { "WARN" } else { "DEBUG" };
        assert!(line.contains(&format!(" {level} ")), "{line}");
        for name in ["action_id", "correlation_id", "invocation_id", "kind"] {
            let expected = record[name].as_str().map(|value| format!(" {name}=\"{value}\""));
            assert!(expected.is_none_or(|expected| line.contains(&expected)), "{name} is not in {line}");
        }
    }
    says_no_secret(&String::from_utf8(printed.0.lock().unwrap().clone()).unwrap(), &sandbox);
}
