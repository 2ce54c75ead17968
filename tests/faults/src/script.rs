//! A gateway as a file says it, for those who cannot write Rust, and what it says of what it saw.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::{CLIENT_ID, CLIENT_SECRET, Gateway, GatewayOptions, Point, Step};

/// `{"gateway": {…}, "script": {"token": […], "invoke": […], "poll": […]}, "always": {"poll": {…}}}`, each part optional.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Script {
    gateway: GatewayOptions,
    script: HashMap<Point, Vec<Box<RawValue>>>,
    always: HashMap<Point, Box<RawValue>>,
}

impl Gateway {
    /// A gateway that does what a script says, listening when this returns.
    ///
    /// # Errors
    /// What is wrong with the script.
    pub fn from_json(text: &str) -> Result<Gateway, String> {
        let Script { gateway, script, always } =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        let gateway = Gateway::start_with(gateway);
        for (point, written) in script {
            for text in written {
                gateway.script(point, Step::from_json(text.get())?);
            }
        }
        for (point, text) in always {
            for step in Step::from_json(text.get())? {
                gateway.always(point, step);
            }
        }
        Ok(gateway)
    }

    /// How to reach it.
    pub fn access(&self) -> Value {
        json!({
            "base_url": self.base_url(),
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "ca_file": self.ca_file(),
        })
    }

    /// What it saw and what it executed.
    pub fn counters(&self) -> Value {
        let requests: Vec<Value> = self
            .requests()
            .iter()
            .map(|seen| json!({"point": seen.point.as_str(), "path": seen.target(), "read": seen.read}))
            .collect();
        json!({
            "requests": requests,
            "executions": self.all_executions(),
            "altered": self.altered(),
            "seen_elsewhere": self.seen_elsewhere(),
            "connections": self.connections(),
            "written": self.written(),
        })
    }
}
