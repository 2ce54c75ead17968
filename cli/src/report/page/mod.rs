//! The page: one HTML file that holds everything it shows.
//!
//! It is written with templates that escape every text, and its policy lets a browser load nothing, run nothing, and use no
//! style but the one whose hash it names. What is good news and what is not is said in words and shapes, never by colour alone.

mod attention;
mod chart;
mod footnotes;
mod latency;
mod people;
mod say;
mod verdict;
mod volume;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cxone_actions::trail::{UnfinishedState, Verification};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::About;
use super::facts::{Attention, Facts};
use super::outcome::Refusal;
use say::{count, counted};

const STYLE: &str = include_str!("style.css");

pub(super) fn page(
    about: &About,
    verification: &Verification,
    facts: &Facts,
    attention: &Attention,
) -> Markup {
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'",
        STANDARD.encode(Sha256::digest(STYLE))
    );
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="robots" content="noindex";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={"cxone-actions " (cxone_actions::VERSION)};
                title { (crate::plain::plain(&about.title, 200)) }
                // Without one, browsers ask the server for /favicon.ico.
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                (patterns())
                header { (heading(about, verification, facts)) }
                main {
                    (verdict::section(verification, facts))
                    (figures(facts, attention))
                    (attention::section(about, facts, attention))
                    (volume::section(facts))
                    (latency::section(facts))
                    (people::section(facts))
                    (footnotes::section(about, facts))
                }
                footer {
                    p {
                        "Made by cxone-actions " (cxone_actions::VERSION) " on " (say::moment(about.made.as_microsecond()))
                        ". This page loads nothing and runs nothing. All times are UTC."
                    }
                }
            }
        }
    }
}

fn heading(about: &About, verification: &Verification, facts: &Facts) -> Markup {
    let (mut hosts, more) = facts.hosts.listed();
    hosts.sort_unstable_by_key(|(host, _)| *host);
    let filtered = about.filter.since.is_some() || about.filter.until.is_some();
    html! {
        p.kicker { "Report of an audit trail" }
        h1 { (say::quoted(&about.title)) }
        dl.facts {
            div {
                dt { "Period" }
                dd {
                    @match (facts.first, facts.last) {
                        (Some(first), Some(last)) => { (say::moment(first)) " – " (say::moment(last)) },
                        _ => { "no records" },
                    }
                    @if filtered {
                        br; span.soft {
                            "as asked for: "
                            @if let Some(since) = about.filter.since { "from " (say::moment(since.as_microsecond())) " " }
                            @if let Some(until) = about.filter.until { "before " (say::moment(until.as_microsecond())) }
                        }
                    }
                }
            }
            div {
                dt { "Records" }
                dd {
                    (count(facts.records)) " in " (counted(verification.segments, "segment"))
                    @if filtered { br; span.soft { "of " (count(verification.records)) " in the trail" } }
                }
            }
            div {
                dt { "Trail" }
                dd { (say::quoted(&about.directory)) }
            }
            div {
                dt { @if facts.hosts.count() == 1 { "Host" } @else { "Hosts" } }
                dd {
                    @for (n, (host, _)) in hosts.iter().take(4).enumerate() { @if n > 0 { ", " } (say::quoted(host)) }
                    @if more || hosts.len() > 4 { " and others" }
                    @if hosts.is_empty() { "–" }
                }
            }
        }
    }
}

/// The five numbers that are asked for first.
fn figures(facts: &Facts, attention: &Attention) -> Markup {
    let all = &facts.actions.all;
    let denied = all.counts.refused(Refusal::Denied);
    let part = |state: UnfinishedState, what: &str| match attention.count(state) {
        0 => None,
        n => Some(format!("{} {what}", count(n))),
    };
    let parts: Vec<_> = [
        part(UnfinishedState::Unknown, "unknown"),
        part(UnfinishedState::Accepted, "accepted"),
        part(UnfinishedState::Unsent, "unsent"),
    ]
    .into_iter()
    .flatten()
    .collect();
    html! {
        section.figures aria-label="Key figures" {
            (figure("#volume", "Calls started", &count(all.counts.started), html! {
                @if attention.in_flight > 0 { (count(attention.in_flight)) " still under way" }
                @else { "none is under way" }
            }))
            (figure("#volume", "Success rate", &all.counts.success_rate().map_or_else(|| "–".to_owned(), say::share), html! {
                @if all.counts.terminal() == 0 { "no results yet" }
                @else { "of " (counted(all.counts.terminal(), "result")) }
            }))
            (figure("#latency", "Time to a result", &say::maybe_duration(all.duration.percentile(50.0)), html! {
                @if all.duration.count() == 0 { "no results yet" }
                @else {
                    "half of them; 95 % within " (say::maybe_duration(all.duration.percentile(95.0)))
                    ", 99 % within " (say::maybe_duration(all.duration.percentile(99.0)))
                }
            }))
            (figure("#actors", "Denied by policy", &count(denied), html! {
                @if denied == 0 { "nobody was denied" }
                @else {
                    @let (actors, more) = facts.actors.denied();
                    "to " @if more { "at least " } (counted(actors, "actor"))
                }
            }))
            (figure("#attention", "Needs somebody", &count(attention.total()), html! {
                @if parts.is_empty() { "nothing is left open" } @else { (parts.join(", ")) }
            }))
        }
    }
}

fn figure(target: &str, name: &str, value: &str, about: Markup) -> Markup {
    html! {
        a.figure href=(target) {
            span.name { (name) }
            span.value { (value) }
            span.about { (about) }
        }
    }
}

/// Shapes besides colours, for whoever does not see these apart, or prints in grey.
fn patterns() -> Markup {
    html! {
        svg.patterns width="0" height="0" aria-hidden="true" {
            defs {
                pattern id="hatched" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                    rect.base width="6" height="6" {}
                    rect.stripe width="2" height="6" {}
                }
                pattern id="dotted" width="5" height="5" patternUnits="userSpaceOnUse" {
                    rect.ground width="5" height="5" {}
                    circle.dot cx="2.5" cy="2.5" r="1" {}
                }
            }
        }
    }
}

/// A square of a category's colour.
fn swatch(class: &str) -> Markup {
    html! { svg.swatch width="12" height="12" aria-hidden="true" { rect class=(class) width="12" height="12" rx="2" {} } }
}
