//! When an action may be invoked: windows of local time, each by the clock of its own time zone.
//!
//! One promise: whether it is open now, and when it opens next, is what a clock on the wall there says, also on the days
//! on which that clock is moved. The zones are those of the system and, where it has none, those that are built in.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};
use serde_json::{Map, Value};

use crate::contract::pointer::{join, nearest};
use crate::document::{Mistakes, article, sort, unknown};

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];
const DAY: u16 = 24 * 60;
/// An opening lies within a week, or within two where the calendar leaves out the day of it.
const AHEAD: i64 = 15;
/// Names under which a system keeps a zone that is another one on the next machine, or none.
const NO_ZONES: [&str; 4] = ["localtime", "posixrules", "factory", "etc/unknown"];

/// The windows of one action. It is open while one of them is.
#[derive(Debug)]
pub(super) struct Hours(Vec<Window>);

/// On some days of the week, from one minute of the day to another.
#[derive(Debug)]
struct Window {
    /// One for each day from Monday on.
    days: [bool; 7],
    from: u16,
    to: u16,
    zone: TimeZone,
    /// As messages say it: "mon-fri 08:00-18:00 Europe/Berlin".
    shown: String,
}

/// Whether it is open.
#[derive(Debug, PartialEq)]
pub(super) enum Door<'a> {
    /// By this window, as messages say it.
    Open(&'a str),
    /// Until then, as far as the calendar goes.
    Closed(Option<Opening>),
}

/// When it opens next.
#[derive(Debug, PartialEq)]
pub(super) struct Opening {
    pub(super) at: Timestamp,
    /// As messages say it, by the clock there.
    pub(super) shown: String,
}

impl Hours {
    /// The windows that a list of tables names. Mistakes in them are added; what is without one is read.
    pub(super) fn read(given: &Value, path: &str, mistakes: &mut Mistakes) -> Hours {
        const RULE: &str = "must be a list of windows such as `{ days = [\"mon-fri\"], from = \"08:00\", to = \"18:00\", zone = \"Europe/Berlin\" }`";
        match given {
            Value::Array(windows) if !windows.is_empty() => {
                let windows = windows.iter().enumerate().filter_map(|(position, window)| {
                    let path = join(path, &position.to_string());
                    match window {
                        Value::Object(fields) => Window::read(fields, &path, mistakes),
                        other => {
                            let got = article(sort(other));
                            mistakes.add(&path, "type", &format!("must be a table, got {got}"));
                            None
                        }
                    }
                });
                return Hours(windows.collect());
            }
            Value::Array(_) => {
                mistakes.add(path, "empty", &format!("{RULE}; leave it out to allow every time"));
            }
            other => mistakes.add(path, "type", &format!("{RULE}, got {}", article(sort(other)))),
        }
        Hours(Vec::new())
    }

    /// Whether it is open at this moment, and otherwise when it opens.
    pub(super) fn at(&self, now: Timestamp) -> Door<'_> {
        if let Some(open) = self.0.iter().find(|window| window.is_open(now)) {
            return Door::Open(&open.shown);
        }
        let next = self.0.iter().filter_map(|window| Some((window.opens_after(now)?, window)));
        Door::Closed(next.min_by_key(|(at, _)| *at).map(|(at, window)| Opening {
            at,
            shown: at.to_zoned(window.zone.clone()).strftime("%A %Y-%m-%d %H:%M %Q").to_string(),
        }))
    }
}

impl Window {
    fn read(fields: &Map<String, Value>, path: &str, mistakes: &mut Mistakes) -> Option<Window> {
        unknown(fields, &["days", "from", "to", "zone"], path, mistakes);
        let days = days(fields.get("days"), &join(path, "days"), mistakes);
        let from = minute(fields.get("from"), 0, &join(path, "from"), mistakes);
        let to = minute(fields.get("to"), DAY, &join(path, "to"), mistakes);
        let zone = zone(fields.get("zone"), &join(path, "zone"), mistakes);
        if let (Some(from), Some(to)) = (from, to) {
            let rule = match from {
                DAY => "is the end of a day; a window that begins with the next one begins at `00:00`",
                _ if from == to => {
                    "must not be `to`: such a window is never open; leave both out for whole days"
                }
                _ => "",
            };
            if !rule.is_empty() {
                mistakes.add(&join(path, "from"), "never_open", rule);
                return None;
            }
        }
        let ((days, words), from, to, (zone, name)) = (days?, from?, to?, zone?);
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let shown = format!("{words} {}-{} {name}", clock(from), clock(to));
        Some(Window { days, from, to, zone, shown })
    }

    fn is_open(&self, at: Timestamp) -> bool {
        let local = self.zone.to_datetime(at);
        let (day, now) = (local.date(), minute_of(local.time()));
        if self.from < self.to {
            return self.is_on(day) && (self.from..self.to).contains(&now);
        }
        // Over midnight: what began the day before belongs to that day.
        (self.is_on(day) && now >= self.from)
            || (day.yesterday().is_ok_and(|day| self.is_on(day)) && now < self.to)
    }

    fn is_on(&self, day: Date) -> bool {
        let position = usize::try_from(day.weekday().to_monday_zero_offset()).unwrap_or_default();
        self.days.get(position).copied().unwrap_or_default()
    }

    /// It opens at its time on one of its days, or where the clock is moved into it.
    fn opens_after(&self, now: Timestamp) -> Option<Timestamp> {
        let today = self.zone.to_datetime(now).date();
        let last = now.checked_add((AHEAD * 24).hours()).ok()?;
        let start =
            Time::new(i8::try_from(self.from / 60).ok()?, i8::try_from(self.from % 60).ok()?, 0, 0).ok()?;
        let starts = (0..=AHEAD).filter_map(|ahead| today.checked_add(ahead.days()).ok()).flat_map(|day| {
            // Where the clock is put back, the same time comes twice.
            let at = self.zone.to_ambiguous_timestamp(day.to_datetime(start));
            [at.earlier(), at.later()].into_iter().flatten()
        });
        let moved = self.zone.following(now).map(|change| change.timestamp()).take_while(|at| *at <= last);
        starts.chain(moved).filter(|at| *at > now && self.is_open(*at)).min()
    }
}

fn minute_of(time: Time) -> u16 {
    u16::try_from(i16::from(time.hour()) * 60 + i16::from(time.minute())).unwrap_or_default()
}

/// The days, and the words for them.
fn days(given: Option<&Value>, path: &str, mistakes: &mut Mistakes) -> Option<([bool; 7], String)> {
    const RULE: &str = "must be a list of days such as `[\"mon\", \"wed\"]` or `[\"mon-fri\"]`";
    let Some(given) = given else { return Some(([true; 7], "every day".to_owned())) };
    let items = match given {
        Value::Array(items) if !items.is_empty() => items,
        Value::Array(_) => {
            mistakes.add(path, "empty", &format!("{RULE}; leave it out for every day"));
            return None;
        }
        other => {
            mistakes.add(path, "type", &format!("{RULE}, got {}", article(sort(other))));
            return None;
        }
    };
    let mut days = [false; 7];
    let mut words = Vec::new();
    for (position, item) in items.iter().enumerate() {
        let path = join(path, &position.to_string());
        let Some(text) = item.as_str() else {
            let got = article(sort(item));
            mistakes.add(&path, "type", &format!("must be a day such as `mon`, or `mon-fri`, got {got}"));
            continue;
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let day = |word: &str| DAYS.iter().position(|(name, _)| *name == word);
        let (Some(first), Some(last)) = (day(first), day(last)) else {
            let near = nearest(text.get(..3).unwrap_or(text), DAYS.map(|(name, _)| name));
            let hint = near.map(|word| format!("; did you mean `{word}`?")).unwrap_or_default();
            let names = DAYS.map(|(name, _)| format!("`{name}`")).join(", ");
            mistakes.add(
                &path,
                "day",
                &format!("must be one of {names}, or two of them as in `mon-fri`{hint}"),
            );
            continue;
        };
        for (at, on) in days.iter_mut().enumerate() {
            let between =
                if first <= last { (first..=last).contains(&at) } else { at >= first || at <= last };
            *on |= between;
        }
        words.push(text);
    }
    (words.len() == items.len()).then(|| (days, words.join(",")))
}

/// The minute of the day; `24:00` is its end.
fn minute(given: Option<&Value>, absent: u16, path: &str, mistakes: &mut Mistakes) -> Option<u16> {
    const RULE: &str = "must be a time of day in quotes, from `00:00` to `24:00`";
    let Some(given) = given else { return Some(absent) };
    let Some(text) = given.as_str() else {
        mistakes.add(path, "type", &format!("{RULE}, got {}", article(sort(given))));
        return None;
    };
    let two = |digits: &str| -> Option<u16> {
        let plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| plain)
    };
    let read = text.split_once(':').and_then(|(hour, minute)| Some((two(hour)?, two(minute)?)));
    let minute = read.filter(|(_, minute)| *minute < 60).map(|(hour, minute)| hour * 60 + minute);
    let minute = minute.filter(|minute| *minute <= DAY);
    if minute.is_none() {
        mistakes.add(path, "time", RULE);
    }
    minute
}

/// The zone, and its name.
fn zone(given: Option<&Value>, path: &str, mistakes: &mut Mistakes) -> Option<(TimeZone, String)> {
    const RULE: &str = "must be a time zone such as `Europe/Berlin` or `UTC`";
    let text = match given {
        Some(Value::String(text)) => text,
        Some(other) => {
            mistakes.add(path, "type", &format!("{RULE}, got {}", article(sort(other))));
            return None;
        }
        None => {
            mistakes.add(
                path,
                "required",
                "is missing; it names a time zone such as `Europe/Berlin` or `UTC`",
            );
            return None;
        }
    };
    let known = !NO_ZONES.contains(&text.to_lowercase().as_str());
    let built_in = TimeZoneDatabase::bundled();
    let found = jiff::tz::db().get(text).or_else(|_| built_in.get(text)).ok().filter(|_| known);
    if found.is_none() {
        let names: Vec<String> = built_in.available().map(|name| name.to_string()).collect();
        let near = nearest(text, names.iter().map(String::as_str));
        let hint = near.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        mistakes.add(path, "zone", &format!("{RULE}{hint}"));
    }
    let name = |zone: &TimeZone| zone.iana_name().unwrap_or(text).to_owned();
    found.map(|zone| (zone.clone(), name(&zone)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn hours(windows: Value) -> Hours {
        let (_, mut mistakes) = crate::document::read("the policy", "{}", None);
        let hours = Hours::read(&windows, "/when", &mut mistakes);
        assert!(mistakes.is_empty(), "{mistakes:?}");
        hours
    }

    /// The moment that a clock in this zone shows, the first of two.
    fn at(local: &str, zone: &str) -> Timestamp {
        let zone = TimeZoneDatabase::bundled().get(zone).unwrap();
        zone.to_timestamp(local.parse().unwrap()).unwrap()
    }

    /// None while it is open, otherwise when it opens in UTC.
    fn opens(hours: &Hours, now: Timestamp) -> Option<String> {
        match hours.at(now) {
            Door::Open(_) => None,
            Door::Closed(next) => Some(next.unwrap().at.to_string()),
        }
    }

    #[test]
    fn it_is_open_from_its_first_minute_to_before_its_last_on_its_days() {
        let hours = hours(
            json!([{"days": ["mon", "wed-fri"], "from": "08:00", "to": "18:00", "zone": "Europe/Berlin"}]),
        );
        for (local, expected) in [
            ("2026-11-23T07:59:59", Some("2026-11-23T07:00:00Z")),
            ("2026-11-23T08:00:00", None),
            ("2026-11-23T17:59:59", None),
            ("2026-11-23T18:00:00", Some("2026-11-25T07:00:00Z")),
            ("2026-11-24T12:00:00", Some("2026-11-25T07:00:00Z")),
            ("2026-11-25T12:00:00", None),
            ("2026-11-28T12:00:00", Some("2026-11-30T07:00:00Z")),
        ] {
            assert_eq!(opens(&hours, at(local, "Europe/Berlin")).as_deref(), expected, "{local}");
        }
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_begins() {
        let hours =
            hours(json!([{"days": ["fri-sat"], "from": "22:00", "to": "02:00", "zone": "America/New_York"}]));
        for (local, expected) in [
            ("2026-11-20T01:00:00", Some("2026-11-21T03:00:00Z")),
            ("2026-11-20T22:00:00", None),
            ("2026-11-21T01:59:00", None),
            ("2026-11-21T02:00:00", Some("2026-11-22T03:00:00Z")),
            ("2026-11-22T01:59:00", None),
            ("2026-11-22T23:00:00", Some("2026-11-28T03:00:00Z")),
        ] {
            assert_eq!(opens(&hours, at(local, "America/New_York")).as_deref(), expected, "{local}");
        }
    }

    #[test]
    fn it_goes_by_the_clock_on_the_wall_when_that_is_moved() {
        // On 29 March 2026 it goes from 2 to 3 o'clock in Berlin, on 25 October from 3 to 2.
        let spring = hours(json!([{"from": "02:15", "to": "04:00", "zone": "Europe/Berlin"}]));
        assert_eq!(
            opens(&spring, at("2026-03-29T01:59:00", "Europe/Berlin")).unwrap(),
            "2026-03-29T01:00:00Z"
        );
        assert_eq!(opens(&spring, at("2026-03-29T03:00:00", "Europe/Berlin")), None);
        let autumn = hours(json!([{"from": "02:30", "to": "02:45", "zone": "Europe/Berlin"}]));
        for (utc, expected) in [
            ("2026-10-25T00:00:00Z", Some("2026-10-25T00:30:00Z")),
            ("2026-10-25T00:30:00Z", None),
            ("2026-10-25T00:45:00Z", Some("2026-10-25T01:30:00Z")),
            ("2026-10-25T01:30:00Z", None),
            ("2026-10-25T01:45:00Z", Some("2026-10-26T01:30:00Z")),
        ] {
            assert_eq!(opens(&autumn, utc.parse().unwrap()).as_deref(), expected, "{utc}");
        }
        // Put back into the window: it opens a second time.
        let put_back = hours(json!([{"from": "01:00", "to": "02:10", "zone": "Europe/Berlin"}]));
        assert_eq!(
            opens(&put_back, "2026-10-25T00:10:00Z".parse().unwrap()).unwrap(),
            "2026-10-25T01:00:00Z"
        );
        // A day that a calendar leaves out.
        let friday = hours(json!([{"days": ["fri"], "zone": "Pacific/Apia"}]));
        assert_eq!(
            opens(&friday, at("2011-12-29T12:00:00", "Pacific/Apia")).unwrap(),
            "2012-01-05T10:00:00Z"
        );
    }

    #[test]
    fn of_several_windows_one_is_enough_and_the_first_to_open_is_named() {
        let hours = hours(json!([
            {"days": ["sun"], "zone": "UTC"},
            {"days": ["fri-mon"], "from": "06:00", "to": "07:00", "zone": "Asia/Tokyo"},
        ]));
        assert_eq!(opens(&hours, at("2026-11-22T12:00:00", "UTC")), None);
        let Door::Closed(Some(next)) = hours.at(at("2026-11-21T12:00:00", "UTC")) else { panic!() };
        assert_eq!(next.shown, "Sunday 2026-11-22 06:00 Asia/Tokyo");
        assert_eq!(hours.at(next.at), Door::Open("fri-mon 06:00-07:00 Asia/Tokyo"));
    }

    #[test]
    fn the_zones_are_there_where_the_system_has_none() {
        for zone in ["Europe/Berlin", "US/Pacific", "Asia/Kolkata", "UTC"] {
            assert!(TimeZoneDatabase::bundled().get(zone).is_ok(), "{zone}");
        }
    }
}
