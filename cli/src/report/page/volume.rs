//! How many calls, and how they ended, over time.

use maud::{Markup, html};

use super::chart::{self, Bar, Spread};
use super::say::{self, count, counted};
use super::swatch;
use crate::report::facts::Facts;
use crate::report::outcome::{Outcome, Refusal};
use crate::report::seen::Micros;
use crate::report::timeline::Slot;

pub(super) fn section(facts: &Facts) -> Markup {
    let slots = facts.timeline.slots();
    let width = facts.timeline.width();
    html! {
        section #volume aria-labelledby="volume-head" {
            h2 #volume-head { "Calls and how they ended" }
            @if slots.is_empty() {
                p { "No call was made in this period." }
            } @else {
                div.beside {
                    div { (panels(&slots, width)) }
                    div { (outcomes(facts)) }
                }
                (figures(&slots, width))
            }
        }
    }
}

fn panels(slots: &[(Micros, Slot)], width: Micros) -> Markup {
    let starts: Vec<_> = slots.iter().map(|(start, _)| *start).collect();
    let bars = |parts: &dyn Fn(&Slot) -> Vec<(&'static str, u64)>| -> Vec<Bar> {
        slots.iter().map(|(start, slot)| bar(*start, width, parts(slot))).collect()
    };
    let ends = |slot: &Slot, outcomes: &[Outcome]| -> Vec<_> {
        outcomes.iter().map(|outcome| (outcome.as_str(), slot.counts.ended(*outcome))).collect()
    };
    let all = bars(&|slot| ends(slot, &Outcome::ALL));
    let (_, others) = Outcome::ALL.split_at(1);
    let not_completed = bars(&|slot| ends(slot, others));
    let refused = bars(&|slot| {
        Refusal::ALL.iter().map(|refusal| (refusal.as_str(), slot.counts.refused(*refusal))).collect()
    });
    let any = |bars: &[Bar]| bars.iter().any(|bar| bar.parts.iter().any(|(_, n)| *n > 0));
    let spreads: Vec<_> = slots.iter().map(|(start, slot)| spread(*start, width, slot)).collect();
    let each = say::interval(width);
    html! {
        figure {
            figcaption { b { "Ended calls" } " in each " (each) }
            (chart::stacked(&format!("Calls that ended in each {each}, by outcome; the table below has the numbers"), &all))
            (chart::time_axis(&starts, width))
        }
        @if any(&not_completed) {
            figure {
                figcaption { b { "Those that did not complete" } ", on a scale of their own" }
                (chart::stacked(&format!("Calls that ended in each {each} without being completed, by outcome"), &not_completed))
                (chart::time_axis(&starts, width))
            }
        }
        @if any(&refused) {
            figure {
                figcaption { b { "Refused before anything was sent" } }
                (chart::stacked(&format!("Calls that policy or contract refused in each {each}"), &refused))
                (chart::time_axis(&starts, width))
            }
        }
        @if spreads.iter().any(|spread| spread.percentiles.is_some()) {
            figure {
                figcaption { b { "Time to a result" } ": bars from the median to the 95th percentile, marks at the 99th" }
                (chart::spreads(&format!("Time to a result in each {each}: median, 95th and 99th percentile"), &spreads))
                (chart::time_axis(&starts, width))
            }
        }
    }
}

fn bar(start: Micros, width: Micros, parts: Vec<(&'static str, u64)>) -> Bar {
    let said: Vec<_> =
        parts.iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!("{} {what}", count(*n))).collect();
    Bar { title: format!("{}: {}", say::tick(start, width), said.join(", ")), parts }
}

fn spread(start: Micros, width: Micros, slot: &Slot) -> Spread {
    let at = |percent| slot.duration.percentile(percent);
    let percentiles = at(50.0).zip(at(95.0)).zip(at(99.0)).map(|((p50, p95), p99)| [p50, p95, p99]);
    let said = percentiles.map_or_else(String::new, |[p50, p95, p99]| {
        let [p50, p95, p99] = [p50, p95, p99].map(say::duration);
        format!("half within {p50}, 95 % within {p95}, 99 % within {p99}")
    });
    Spread { percentiles, title: format!("{}: {said}", say::tick(start, width)) }
}

/// Every call that was started is in one line of this table.
fn outcomes(facts: &Facts) -> Markup {
    let counts = &facts.actions.all.counts;
    let taken_up = facts.cases.taken_up;
    let open = counts.started.saturating_sub(counts.all_ended()).saturating_sub(taken_up);
    let line = |class: Option<&str>, name: &str, meaning: &str, n: u64| {
        html! {
            tr {
                th scope="row" { @if let Some(class) = class { (swatch(class)) " " } (name) br; span.soft { (meaning) } }
                td.number data-label="Calls" { (count(n)) }
                td.number data-label="Share" { (say::share_of(n, counts.started)) }
            }
        }
    };
    html! {
        table.plain {
            caption { "Every call that was started" }
            thead { tr { th scope="col" { "Outcome" } th scope="col" .number { "Calls" } th scope="col" .number { "Share" } } }
            tbody {
                @for outcome in Outcome::ALL {
                    (line(Some(outcome.as_str()), outcome.as_str(), outcome.meaning(), counts.ended(outcome)))
                }
                @if open > 0 { (line(None, "not ended", "under way, or left behind by a process that died", open)) }
                @if taken_up > 0 { (line(None, "taken up again", "a later call with the same correlation id ended it", taken_up)) }
            }
            tfoot { tr { th scope="row" { "started" } td.number data-label="Calls" { (count(counts.started)) } td.number data-label="Share" { "100 %" } } }
        }
        @if counts.all_refused() > 0 {
            table.plain {
                caption { "Refused before anything was sent" }
                tbody {
                    @for refusal in Refusal::ALL {
                        tr {
                            th scope="row" { (swatch(refusal.as_str())) " " (refusal.as_str()) br; span.soft { (refusal.meaning()) } }
                            td.number data-label="Calls" { (count(counts.refused(refusal))) }
                        }
                    }
                }
            }
        }
        @if facts.cases.elsewhere > 0 {
            p.soft {
                "Besides, " (counted(facts.cases.elsewhere, "end")) " of calls that were started before this period, on another "
                "machine, or that had ended already. They are not counted."
            }
        }
    }
}

/// The drawings as a table.
fn figures(slots: &[(Micros, Slot)], width: Micros) -> Markup {
    let used = || {
        slots
            .iter()
            .filter(|(_, slot)| slot.counts.started + slot.counts.all_ended() + slot.counts.all_refused() > 0)
    };
    html! {
        details {
            summary { "The numbers of these drawings" }
            table.dense {
                caption { "In each " (say::interval(width)) "; times are UTC; intervals in which nothing happened are left out" }
                thead { tr {
                    th scope="col" { "From" } th.number scope="col" { "Started" }
                    @for outcome in Outcome::ALL { th.number scope="col" { (outcome.as_str()) } }
                    @for refusal in Refusal::ALL { th.number scope="col" { (refusal.as_str()) } }
                    th.number scope="col" { "median" } th.number scope="col" { "p95" } th.number scope="col" { "p99" }
                } }
                tbody {
                    @for (start, slot) in used() {
                        tr {
                            th scope="row" { (say::short(Some(*start))) }
                            td.number data-label="Started" { (count(slot.counts.started)) }
                            @for outcome in Outcome::ALL {
                                td.number data-label=(outcome.as_str()) { (count(slot.counts.ended(outcome))) }
                            }
                            @for refusal in Refusal::ALL {
                                td.number data-label=(refusal.as_str()) { (count(slot.counts.refused(refusal))) }
                            }
                            @for (name, percent) in [("median", 50.0), ("p95", 95.0), ("p99", 99.0)] {
                                td.number data-label=(name) { (say::maybe_duration(slot.duration.percentile(percent))) }
                            }
                        }
                    }
                }
            }
        }
    }
}
