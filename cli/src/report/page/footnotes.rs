//! How the clients ran, which policy was in force, and how this page counts.

use cxone_actions::trail::Event;
use maud::{Markup, html};

use super::say::{self, count, counted};
use crate::report::About;
use crate::report::facts::Facts;

pub(super) fn section(about: &About, facts: &Facts) -> Markup {
    let operation = [
        ("Runs", facts.cases.runs() as u64, "clients that wrote to this trail, one for each in each process"),
        ("Closed in good order", facts.count(Event::Closed), "the others live, or died"),
        ("Requests sent", facts.count(Event::Sending), "each was on record before its first byte left"),
        (
            "Sent again",
            facts.repeats,
            "only where it was certain that nothing had been executed, or as the option delivery allows",
        ),
        (
            "Joined",
            facts.count(Event::Joined),
            "calls that waited for one of the same correlation id, and sent nothing",
        ),
        ("Looks without an answer", facts.count(Event::PollFailed), "the poll went on each time"),
        (
            "Result handlers that failed",
            facts.count(Event::CallbackFailed),
            "raised, or took too long; the result was kept",
        ),
        ("Tokens renewed", facts.count(Event::TokenRefreshed), ""),
    ];
    let oddities = [
        ("Lines that are no records", facts.unreadable, "they are in no number of this page"),
        ("Records without a time", facts.timeless, "counted, and not drawn"),
    ];
    let oddities = oddities.into_iter().filter(|(_, n, _)| *n > 0);
    html! {
        section #operation aria-labelledby="operation-head" {
            h2 #operation-head { "How it ran" }
            table.plain.narrow {
                tbody {
                    @for (name, n, meaning) in operation.into_iter().chain(oddities) {
                        tr { th scope="row" { (name) @if !meaning.is_empty() { br; span.soft { (meaning) } } } td.number data-label="Number" { (count(n)) } }
                    }
                }
            }
            h3 { "Under which configuration" }
            @if facts.configs.count == 0 {
                p { "No record of this period says it." }
            } @else {
                table {
                    thead { tr { th scope="col" { "First recorded (UTC)" } th scope="col" { "Configuration" } th.number scope="col" { "Times" } } }
                    tbody {
                        @for (at, note, times) in &facts.configs.listed {
                            tr {
                                td data-label="First recorded" { (say::short(*at)) }
                                td data-label="Configuration" .id { (say::quoted(note)) }
                                td.number data-label="Times" { (count(*times)) }
                            }
                        }
                    }
                }
                @if facts.configs.unlisted() > 0 { p.more { "and " (counted(facts.configs.unlisted(), "more record")) " of other ones." } }
            }
        }
        section #method aria-labelledby="method-head" {
            h2 #method-head { "How this page counts" }
            ul.method {
                li { "It is made from the records alone: what is not in the trail is not on the page." }
                li { "A call is counted where it was started, in one line of one table. Its outcome is drawn at the time at which it ended." }
                li { "The success rate is the share of completed calls among those whose result is known: completed, failed and cancelled." }
                li { "The time to a result is measured by the process that called. Where another one finished the call, it is the time between the two records." }
                li { "At most 100 actions are named, the busiest of the first 1,000; all others are counted together. Lists that are cut say how much is missing." }
                li { "Verification covers the whole trail, whichever period is shown. What needs somebody is listed whenever it began." }
                @if about.filter.since.is_some() { li { "Calls that were started before this period are not counted, also where they ended in it." } }
            }
        }
    }
}
