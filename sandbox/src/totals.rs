//! How often what happened: exact, however much is forgotten of the rest.

use serde::Serialize;

use crate::faults::Point;

/// How often what happened, since the start or the last [`clear`](crate::Sandbox::clear).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Totals {
    /// Requests for where the token endpoint is.
    pub discovery: u64,
    /// Requests for a token.
    pub token: u64,
    /// POSTs of an invocation.
    pub invoke: u64,
    /// Polls.
    pub poll: u64,
    /// Requests for the schemas of an action.
    pub describe: u64,
    /// Callbacks that were sent.
    pub callback: u64,
    /// Requests to anywhere else.
    pub other: u64,
    /// Invocations that were executed.
    pub executions: u64,
    /// How often the correlation id that was executed most was executed. At most once means that this is never
    /// above 1.
    pub most_executions: u64,
}

impl Totals {
    pub(crate) fn count(&mut self, point: Point) {
        let total = match point {
            Point::Discovery => &mut self.discovery,
            Point::Token => &mut self.token,
            Point::Invoke => &mut self.invoke,
            Point::Poll => &mut self.poll,
            Point::Describe => &mut self.describe,
            Point::Callback => &mut self.callback,
            Point::Other => &mut self.other,
        };
        *total += 1;
    }
}
