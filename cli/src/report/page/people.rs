//! Who acted, and who was refused what.

use maud::{Markup, html};

use super::say::{self, count, counted};
use super::{chart, swatch};
use crate::report::facts::Facts;
use crate::report::outcome::Refusal;
use crate::report::refusals::{Line, Refused};

/// As many reasons as are said of one line.
const REASONS: usize = 3;
/// So many lines are seen at once; the others are there for whoever asks for them.
const AT_ONCE: usize = 8;

pub(super) fn section(facts: &Facts) -> Markup {
    let (lines, unlisted) = facts.refusals.listed();
    let (first, others) = lines.split_at(lines.len().min(AT_ONCE));
    html! {
        section #actors aria-labelledby="actors-head" {
            h2 #actors-head { "Who called, and who was refused" }
            (actors(facts))
        }
        section #refused aria-labelledby="refused-head" {
            h2 #refused-head { "What was refused, and why" }
            @if lines.is_empty() {
                p { "Nothing: policy and contract let every call through." }
            } @else {
                (refusals(facts, first))
                @if !others.is_empty() {
                    details {
                        summary { (count(others.len() as u64)) " more" }
                        (refusals(facts, others))
                    }
                }
                @if unlisted > 0 {
                    p.more { "and " (counted(unlisted, "more refusal")) ", less frequent than these: " code { "cxone-actions audit show --event denied" } " lists them." }
                }
                p.soft { "None of these was sent." }
            }
        }
    }
}

fn refusals(facts: &Facts, lines: &[Line]) -> Markup {
    html! {
        table {
            thead { tr {
                th scope="col" { "Actor" } th scope="col" { "Action" }
                th.number scope="col" { "Denied" } th.number scope="col" { "Invalid" }
                th scope="col" { "Why" } th scope="col" { "First (UTC)" } th scope="col" { "Last (UTC)" }
            } }
            tbody {
                @for line in lines {
                    tr {
                        th scope="row" { (say::quoted(&line.actor)) }
                        td data-label="Action" { (say::action(&line.action, facts.actions.name_of(&line.action))) }
                        @for (refusal, n) in Refusal::ALL.iter().zip(line.refused.counts) {
                            td.number data-label=(refusal.as_str()) { (count(n)) }
                        }
                        td data-label="Why" { span { (why(&line.refused)) } }
                        td data-label="First (UTC)" { (say::short(line.refused.first)) }
                        td data-label="Last (UTC)" { (say::short(line.refused.last)) }
                    }
                }
            }
        }
    }
}

fn why(refused: &Refused) -> Markup {
    let reasons = refused.reasons();
    html! {
        @for (n, (reason, times)) in reasons.iter().take(REASONS).enumerate() {
            @if n > 0 { ", " }
            span.id { (say::quoted(reason)) } @if *times > 1 { " " span.soft.whole { "× " (count(*times)) } }
        }
        @if reasons.len() > REASONS { span.soft { ", and " (count((reasons.len() - REASONS) as u64)) " more" } }
        @if reasons.is_empty() { "–" }
    }
}

fn actors(facts: &Facts) -> Markup {
    let (actors, more) = facts.actors.listed();
    let most = |refusal: Refusal| actors.iter().map(|(_, deeds)| deeds.refused(refusal)).max().unwrap_or(0);
    html! {
        @if actors.is_empty() {
            p { "Nobody, in this period." }
        } @else {
            table {
                thead { tr {
                    th scope="col" { "Actor" } th.number scope="col" { "Calls started" }
                    th.number scope="col" { "Unknown outcome" }
                    th.measured scope="col" { (swatch("denied")) " Denied by policy" } th.measured scope="col" { (swatch("invalid")) " Broke the contract" }
                    th scope="col" { "Last record (UTC)" }
                } }
                tbody {
                    @for (actor, deeds) in &actors {
                        tr {
                            th scope="row" { (say::quoted(actor)) }
                            td.number data-label="Calls started" { (count(deeds.started)) }
                            td.number data-label="Unknown outcome" { (count(deeds.unknown)) }
                            @for (refusal, name) in [(Refusal::Denied, "Denied by policy"), (Refusal::Invalid, "Broke the contract")] {
                                td.measured data-label=(name) {
                                    span { (chart::bar(refusal.as_str(), deeds.refused(refusal), most(refusal))) span { (count(deeds.refused(refusal))) } }
                                }
                            }
                            td data-label="Last record (UTC)" { (say::short(deeds.last)) }
                        }
                    }
                }
            }
            @if more { p.more { "There are more; these have the most records." } }
        }
    }
}
