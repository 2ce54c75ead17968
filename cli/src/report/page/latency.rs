//! How long results took, for all calls and for each action.

use maud::{Markup, html};

use super::chart::{self, Decades};
use super::say::{self, count, counted};
use crate::report::actions::Row;
use crate::report::facts::Facts;
use crate::report::outcome::Outcome;

/// Parts of the large distribution and of a small one.
const LARGE: usize = 60;
const SMALL: usize = 36;

pub(super) fn section(facts: &Facts) -> Markup {
    let all = &facts.actions.all;
    html! {
        section #latency aria-labelledby="latency-head" {
            h2 #latency-head { "How long it took" }
            @if all.duration.count() == 0 {
                p { "No result came in this period, so there is no time to one." }
            } @else {
                div.beside {
                    div { (spectrum(all)) }
                    div { (percentiles(all)) }
                }
            }
            @if all.counts.started + all.counts.all_refused() > 0 { (by_action(facts)) }
        }
    }
}

fn spectrum(all: &Row) -> Markup {
    let decades = around([all].into_iter());
    let marks: Vec<_> = [("50 %", 50.0), ("95 %", 95.0), ("99 %", 99.0)]
        .into_iter()
        .filter_map(|(name, percent)| Some((name, all.duration.percentile(percent)?)))
        .collect();
    html! {
        figure {
            figcaption { b { "Time to a result" } ", from the call to the terminal state, on a logarithmic scale" }
            (chart::distribution(&said("All actions", all), decades, &all.duration.parts(&decades.bounds(LARGE)), &marks))
        }
    }
}

fn percentiles(all: &Row) -> Markup {
    let rows = [
        ("fastest", 0.0),
        ("median", 50.0),
        ("90 % within", 90.0),
        ("95 % within", 95.0),
        ("99 % within", 99.0),
        ("slowest", 100.0),
    ];
    let value = |times: &crate::report::times::Times, percent: f64| {
        say::maybe_duration(if percent == 0.0 { times.min() } else { times.percentile(percent) })
    };
    html! {
        table.plain {
            caption { "All actions" }
            thead { tr { th scope="col" { "" span.hidden { "Percentile" } } th.number scope="col" { "accepted" } th.number scope="col" { "result" } } }
            tbody {
                @for (name, percent) in rows {
                    tr {
                        th scope="row" { (name) }
                        td.number data-label="accepted" { (value(&all.invoke, percent)) }
                        td.number data-label="result" { (value(&all.duration, percent)) }
                    }
                }
                tr {
                    th scope="row" { "measured" }
                    td.number data-label="accepted" { (count(all.invoke.count())) }
                    td.number data-label="result" { (count(all.duration.count())) }
                }
            }
        }
        p.soft { "Both clocks start at the call. Each number is exact to 1 %." }
    }
}

fn by_action(facts: &Facts) -> Markup {
    let listed = facts.actions.listed();
    let decades = around(listed.rows.iter().map(|(_, row)| row).chain(&listed.rest));
    html! {
        h3 { "By action" }
        table.actions {
            thead { tr {
                th scope="col" { "Action" } th.number scope="col" { "Calls" } th.number scope="col" { "Success" }
                th.number scope="col" { "Not completed" } th.number scope="col" { "Refused" }
                th.number scope="col" { "Median" } th.number scope="col" { "p95" } th.number scope="col" { "p99" }
                th.drawing scope="col" { "Time to a result" (chart::small_axis(decades)) }
            } }
            tbody {
                @for (id, row) in &listed.rows {
                    (line(decades, html! {
                        @if let Some(name) = &row.name { b { (say::quoted(name)) } br; span.id.soft { (say::quoted(id)) } }
                        @else { (say::action(id, None)) }
                    }, row.name.as_deref().unwrap_or(id), row))
                }
                @if let Some(rest) = &listed.rest { (line(decades, html! { b { "all others together" } }, "All others", rest)) }
            }
        }
        @if listed.rest.is_some() {
            p.soft { (count(listed.rows.len() as u64)) " actions are named, those with the most calls." }
        }
    }
}

fn line(decades: Decades, action: Markup, name: &str, row: &Row) -> Markup {
    let not_completed = row.counts.all_ended() - row.counts.ended(Outcome::Completed);
    let time = |percent| say::maybe_duration(row.duration.percentile(percent));
    html! {
        tr {
            th scope="row" { (action) }
            td.number data-label="Calls" { (count(row.counts.started)) }
            td.number data-label="Success" { (row.counts.success_rate().map_or_else(|| "–".to_owned(), say::share)) }
            td.number data-label="Not completed" { (count(not_completed)) }
            td.number data-label="Refused" { (count(row.counts.all_refused())) }
            td.number data-label="Median" { (time(50.0)) }
            td.number data-label="p95" { (time(95.0)) }
            td.number data-label="p99" { (time(99.0)) }
            td.drawing data-label="Time to a result" {
                @if row.duration.count() > 0 {
                    (chart::small_distribution(&said(name, row), decades, &row.duration.parts(&decades.bounds(SMALL)), row.duration.percentile(50.0)))
                }
            }
        }
    }
}

fn around<'a>(rows: impl Iterator<Item = &'a Row>) -> Decades {
    Decades::around(rows.flat_map(|row| [row.duration.min(), row.duration.max()]).flatten())
}

/// A distribution in words.
fn said(name: &str, row: &Row) -> String {
    let time = |percent| say::maybe_duration(row.duration.percentile(percent));
    format!(
        "{}: {}, half within {}, 95 % within {}, 99 % within {}, the slowest {}",
        crate::plain::plain(name, 200),
        counted(row.duration.count(), "result"),
        time(50.0),
        time(95.0),
        time(99.0),
        time(100.0)
    )
}
