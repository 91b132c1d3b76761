//! An instant, to the millisecond: the time at which a call is made, and what a text of `format: date-time` or `date`
//! says. Read by types, by decisions and by cases. A text is read in one way or not at all: a policy must never compare
//! another instant than the service will read.

use cedar_policy::RestrictedExpression;
use chrono::{DateTime, NaiveDate, SecondsFormat, Timelike};
use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

/// The last millisecond of the year 9999: what comes later has no form that Cedar reads.
const LAST: i64 = 253_402_300_799_999;

/// The first of the year 0.
const FIRST: i64 = -62_167_219_200_000;

/// Milliseconds since 1970, in the years 0 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(i64);

/// How a parameter's text says when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateFormat {
    /// `2026-01-31T10:00:00Z`, as in RFC 3339.
    Instant,
    /// `2026-01-31`: the midnight with which the day begins, in UTC.
    Day,
}

impl Moment {
    /// When calls of cases are made that do not say: on every day the same.
    pub const OF_CASES: Self = Self(1_767_225_600_000);

    /// So many milliseconds after 1970.
    #[must_use]
    pub fn of_ms(ms: u64) -> Self {
        Self(i64::try_from(ms).unwrap_or(LAST).min(LAST))
    }

    /// How many milliseconds after 1970 it is.
    #[must_use]
    pub fn ms(self) -> u64 {
        u64::try_from(self.0).unwrap_or_default()
    }

    /// What a clock shows; 1970 where it shows something before.
    #[must_use]
    pub fn at(clock: SystemTime) -> Self {
        let since = clock.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::of_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// What an RFC 3339 text says. What is finer than a millisecond is cut off; a leap second is not taken.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let at = DateTime::parse_from_rfc3339(text).ok()?;
        let ms = at.timestamp_millis();
        // The latter is how a leap second is kept.
        ((FIRST..=LAST).contains(&ms) && at.nanosecond() < 1_000_000_000).then_some(Self(ms))
    }

    fn of_day(text: &str) -> Option<Self> {
        let is_plain = text.len() == 10
            && text
                .bytes()
                .all(|byte| byte == b'-' || byte.is_ascii_digit());
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()
            .filter(|_| is_plain)?;
        Some(Self(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis()))
    }

    /// As Cedar has it.
    pub(crate) fn expression(self) -> RestrictedExpression {
        RestrictedExpression::new_datetime(self.to_string())
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every moment is in the range of years that it can write.
        let at = DateTime::from_timestamp_millis(self.0).unwrap_or_default();
        f.write_str(&at.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl DateFormat {
    pub(crate) fn read(self, text: &str) -> Option<Moment> {
        match self {
            Self::Instant => Moment::parse(text),
            Self::Day => Moment::of_day(text),
        }
    }

    /// What a text that it does not read should have been.
    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::Instant => "a date and a time with an offset, such as 2026-01-31T10:00:00Z",
            Self::Day => "a date, such as 2026-01-31",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> Option<String> {
        Moment::parse(text).map(|moment| moment.to_string())
    }

    #[test]
    fn a_time_with_an_offset_is_an_instant_and_nothing_else_is() {
        for (text, instant_of) in [
            ("2026-01-31T10:00:00Z", "2026-01-31T10:00:00.000Z"),
            ("2026-01-31T10:00:00+02:00", "2026-01-31T08:00:00.000Z"),
            (
                "2024-02-29T23:59:59.9999999-00:30",
                "2024-03-01T00:29:59.999Z",
            ),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(instant(text).as_deref(), Some(instant_of), "{text}");
        }
        for text in [
            "",
            "tomorrow",
            "2026-01-31",
            "2026-01-31T10:00:00",
            "2026-02-30T10:00:00Z",
            "2026-13-01T10:00:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T23:59:60Z",
            "2026-01-31T10:00Z",
            "2026-01-31T10:00:00+0200",
            "2026-01-31T10:00:00Z ",
            "12026-01-31T10:00:00Z",
            "9999-12-31T23:59:59-12:00",
            "0000-01-01T00:00:00+01:00",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        let day = |text: &str| DateFormat::Day.read(text).map(|day| day.to_string());
        assert_eq!(
            day("2024-02-29").as_deref(),
            Some("2024-02-29T00:00:00.000Z")
        );
        for text in [
            "2026-02-29",
            "2026-1-31",
            "+026-01-31",
            "2026-01-31T00:00:00Z",
            "31.01.2026",
            " 2026-01-3",
        ] {
            assert_eq!(day(text), None, "{text}");
        }
    }

    #[test]
    fn a_clock_that_runs_past_the_year_9999_stands_there() {
        assert_eq!(
            Moment::of_ms(u64::MAX).to_string(),
            "9999-12-31T23:59:59.999Z"
        );
        assert_eq!(Moment::of_ms(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Moment::OF_CASES.to_string(), "2026-01-01T00:00:00.000Z");
    }
}
