//! What somebody has to see to, the worst first, each with what to do about it.

use cxone_actions::trail::UnfinishedState;
use maud::{Markup, html};

use super::say::{self, count, counted};
use crate::report::About;
use crate::report::facts::{Attention, Facts, Open};

/// So many are seen at once; the others are there for whoever asks for them.
const AT_ONCE: usize = 8;

pub(super) fn section(about: &About, facts: &Facts, attention: &Attention) -> Markup {
    html! {
        section #attention aria-labelledby="attention-head" {
            h2 #attention-head { "What needs somebody" }
            @if let Some(why) = &attention.unsure {
                p.warning {
                    "The trail could not be asked which processes live: " (say::quoted(why))
                    ". Everything that is open is listed here, also what a living process may be about to end."
                }
            }
            @if attention.total() == 0 {
                p { "Nothing: every call that was started has ended"
                    @if attention.in_flight > 0 { ", but for " (count(attention.in_flight)) " in the hands of a process that lives" } "." }
            } @else if attention.in_flight > 0 {
                p { "Besides these, " (counted(attention.in_flight, "call")) " are under way in a process that lives." }
            }
            @for (state, number, listed) in attention.states.iter().filter(|(_, number, _)| *number > 0) {
                @let (name, meaning, advice) = words(*state);
                article class={"open " (state.as_str())} {
                    h3 { (count(*number)) " " (name) }
                    p { (meaning) }
                    p.advice { b { "What to do: " } (advice) }
                    @let (first, others) = listed.split_at(listed.len().min(AT_ONCE));
                    (table(about, facts, first))
                    @if !others.is_empty() {
                        details {
                            summary { (count(others.len() as u64)) " more" }
                            (table(about, facts, others))
                        }
                    }
                    @if *number > listed.len() as u64 {
                        p.more { "and " (count(number - listed.len() as u64)) " younger ones, which are not listed." }
                    }
                }
            }
        }
    }
}

fn words(state: UnfinishedState) -> (&'static str, &'static str, Markup) {
    match state {
        UnfinishedState::Unknown => (
            "with an unknown outcome",
            "The request left, and no trustworthy answer came back. The action may have been executed.",
            html! {
                "ask whoever runs the gateway, or look where the action leaves its mark, with the correlation id. "
                "Do not call again before that is clear: it may execute a second time."
            },
        ),
        UnfinishedState::Accepted => (
            "accepted, with a result that nobody took",
            "The gateway has accepted the action, and the process that waited for the result is gone.",
            html! {
                "call " code { "client.recover()" } " and hand each " code { "resume_token" } " to " code { "client.poll()" }
                ". That asks for the result and executes nothing."
            },
        ),
        UnfinishedState::Unsent => (
            "never sent",
            "The process ended before the first byte of the request left. Nothing was executed.",
            html! { "call again, if it is still wanted: that is safe." },
        ),
    }
}

fn table(about: &About, facts: &Facts, listed: &[Open]) -> Markup {
    html! {
        table {
            thead { tr {
                th scope="col" { "Correlation id" } th scope="col" { "Action" } th scope="col" { "Invocation" }
                th scope="col" { "Actor" } th scope="col" { "Started (UTC)" }
            } }
            tbody {
                @for open in listed {
                    tr {
                        td data-label="Correlation id" .id { (say::quoted(&open.correlation_id)) }
                        td data-label="Action" {
                            @let id = open.action.as_deref().unwrap_or_default();
                            (say::action(id, facts.actions.name_of(id)))
                        }
                        td data-label="Invocation" .id { @match &open.invocation_id { Some(id) => { (say::quoted(id)) }, None => { "–" } } }
                        td data-label="Actor" { @match &open.actor { Some(actor) => { (say::quoted(actor)) }, None => { "–" } } }
                        td data-label="Started (UTC)" { span {
                            (say::short(open.since))
                            @if let Some(since) = open.since {
                                @let age = (about.made.as_microsecond() - since).max(0) as f64 / 1000.0;
                                span.soft { ", " (say::age(age)) " ago" }
                            }
                        } }
                    }
                }
            }
        }
    }
}
