//! The head of the page: whether the trail is what was written, and who besides this directory can say so.

use cxone_actions::trail::Verification;
use maud::{Markup, html};

use super::chart;
use super::say::{self, count, counted};
use crate::report::facts::Facts;

/// More problems than this are counted: the command `audit verify` lists them.
const LISTED: usize = 50;

/// How much the reader may rely on what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Good,
    Caution,
    Bad,
    Nothing,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Tone::Good => "good",
            Tone::Caution => "caution",
            Tone::Bad => "bad",
            Tone::Nothing => "nothing",
        }
    }

    /// A shape for each, so that the colour says nothing that the shape does not.
    fn sign(self) -> Markup {
        html! {
            svg.sign width="44" height="44" viewBox="0 0 44 44" aria-hidden="true" {
                @match self {
                    Tone::Good => { circle cx="22" cy="22" r="20" {} path d="M13 23l6 6 12-13" {} },
                    Tone::Caution => { path.body d="M22 4l19 35H3z" {} path d="M22 17v10M22 32v2" {} },
                    Tone::Bad => { rect x="3" y="3" width="38" height="38" rx="6" {} path d="M14 14l16 16M30 14L14 30" {} },
                    Tone::Nothing => { circle cx="22" cy="22" r="20" {} path d="M13 22h18" {} },
                }
            }
        }
    }
}

fn judge(verification: &Verification, facts: &Facts) -> (Tone, &'static str) {
    if !verification.ok {
        (Tone::Bad, "The chain is broken")
    } else if verification.records == 0 {
        (Tone::Nothing, "There is nothing to verify")
    } else if verification.unchecked > 0 {
        (Tone::Caution, "The records follow each other; their content was not checked")
    } else if facts.gaps.count > 0 {
        (Tone::Caution, "The chain holds, and records are missing")
    } else if verification.anchored == 0 {
        (Tone::Caution, "The chain holds, and nothing outside vouches for it")
    } else if verification.anchored == verification.records {
        (Tone::Good, "The chain holds, and all of it is anchored")
    } else if verification.anchored >= verification.records / 2 {
        (Tone::Good, "The chain holds, and most of it is anchored")
    } else {
        (Tone::Caution, "The chain holds, and part of it is anchored")
    }
}

pub(super) fn section(verification: &Verification, facts: &Facts) -> Markup {
    let (tone, headline) = judge(verification, facts);
    let loose = verification.records.saturating_sub(verification.anchored);
    let part = |n: u64| format!("{} ({})", count(n), say::share_of(n, verification.records));
    html! {
        section #verdict class={"verdict " (tone.class())} aria-labelledby="verdict-head" {
            (tone.sign())
            div {
                h2 #verdict-head { (headline) }
                p.lead { (lead(verification)) }
                @if verification.records > 0 {
                    (chart::bar("anchored", verification.anchored, verification.records))
                    dl.facts {
                        (fact("Anchored", &part(verification.anchored), "a checkpoint kept elsewhere names them or what follows them"))
                        (fact("Not anchored", &part(loose), "whoever may write to the directory could have written them anew"))
                        @if verification.unchecked > 0 {
                            (fact("Not checked", &count(verification.unchecked), "sealed with a key that was not at hand"))
                        }
                        @if verification.removed > 0 {
                            (fact("Removed", &counted(verification.removed, "segment"), "older ones, which a limited history no longer keeps"))
                        }
                        (fact("Cut off", &counted(verification.cut, "segment"), "ended in half a record when the process died; nobody was told that it was written"))
                        (fact("Known to be missing", &counted(facts.gaps.count, "gap"), "places where the writer itself says that it could not write"))
                    }
                }
                (problems(verification))
                (gaps(facts))
            }
        }
    }
}

fn fact(name: &str, value: &str, meaning: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) br; span.soft { (meaning) } } } }
}

fn lead(verification: &Verification) -> Markup {
    let loose = verification.records.saturating_sub(verification.anchored);
    let read = html! {
        (counted(verification.records, "record")) " in " (counted(verification.segments, "segment")) " were read"
    };
    html! {
        @if verification.records == 0 && verification.ok {
            "The trail has no records: no client has written to this directory, or its history was removed."
        } @else if verification.ok && verification.unchecked > 0 {
            (read) ". " (count(verification.unchecked)) " of them are sealed with a key that was not at hand: only whoever holds it can tell whether they "
            "are what was written. Give " code { "--key-file" } " to this report."
        } @else if verification.ok {
            (read) ". Every one has the hash of its content and follows the one before it"
            @if verification.anchored == 0 {
                ": none was edited, deleted, inserted or moved by anybody who could not write the whole chain anew. "
                "No checkpoint outside this directory was compared: give the option " code { "audit_checkpoints" }
                " to clients and " code { "--checkpoints" } " to this report."
            } @else {
                ", and the checkpoints kept elsewhere agree: no anchored record was edited, deleted, inserted or moved since. "
                @if loose > 0 {
                    "The " (count(loose)) " that no checkpoint covers yet could be written anew by whoever may write to the directory."
                }
            }
        } @else {
            (read) ", and the trail is not what was written at "
            b { (counted(problem_count(verification), "place")) } ". "
            "Until that is explained, rely on no number below that these places could have changed. "
            "Keep a copy of the directory as it is before anything else."
        }
    }
}

/// The last one may stand for others that were only counted.
fn problem_count(verification: &Verification) -> u64 {
    let listed = verification.problems.len() as u64;
    let more = verification
        .problems
        .last()
        .and_then(|last| last.what.strip_prefix("and ")?.strip_suffix(" more problems")?.parse::<u64>().ok());
    more.map_or(listed, |more| listed - 1 + more)
}

fn problems(verification: &Verification) -> Markup {
    let unlisted = problem_count(verification).saturating_sub(LISTED.min(verification.problems.len()) as u64);
    html! {
        @if !verification.problems.is_empty() {
            h3 { "Where it breaks" }
            table {
                thead { tr { th scope="col" { "Segment" } th scope="col" .number { "Line" } th scope="col" { "What is wrong" } } }
                tbody {
                    @for problem in verification.problems.iter().take(LISTED) {
                        tr {
                            td data-label="Segment" .id {
                                @if problem.segment.is_empty() { "–" } @else { (say::quoted(&problem.segment)) }
                            }
                            td data-label="Line" .number { @if problem.line == 0 { "all of it" } @else { (count(problem.line)) } }
                            td data-label="What is wrong" { (say::quoted(&problem.what)) }
                        }
                    }
                }
            }
            @if unlisted > 0 {
                p.more { "and " (counted(unlisted, "more problem")) ": " code { "cxone-actions audit verify" } " lists them." }
            }
        }
    }
}

fn gaps(facts: &Facts) -> Markup {
    html! {
        @if facts.gaps.count > 0 {
            h3 { "What is missing" }
            ul {
                @for (at, note, _) in facts.gaps.listed.iter().take(LISTED) {
                    li { (say::maybe_moment(*at)) ": " (say::quoted(note)) }
                }
            }
            @if facts.gaps.unlisted() > 0 { p.more { "and " (counted(facts.gaps.unlisted(), "more gap")) "." } }
        }
    }
}
