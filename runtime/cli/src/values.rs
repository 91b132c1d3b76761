//! What is typed for a time, a size and a clock. Used by the subcommands' arguments. A value that could be meant in two ways
//! must be refused, with how to write each.

use bytesize::ByteSize;
use sandgate::{Clock, TimeZone, TimeZoneError, service::Address};
use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Where a collector of OpenTelemetry listens, to which OTLP is spoken over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Collector {
    named: String,
    traces: Address,
}

impl Collector {
    /// Where it takes spans.
    pub(super) fn traces(&self) -> &Address {
        &self.traces
    }
}

impl FromStr for Collector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let base = text.trim_end_matches('/');
        let traces = Address::url(&format!("{base}/v1/traces"));
        let traces = traces.map_err(|_| {
            "a collector is named as in http://127.0.0.1:4318, or by https:// where it is elsewhere".to_owned()
        })?;
        Ok(Self {
            named: text.to_owned(),
            traces,
        })
    }
}

impl fmt::Display for Collector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.named)
    }
}

/// A time; a bare number is seconds.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok();
    let parsed = match seconds {
        Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        None => humantime::parse_duration(text).ok(),
    };
    match parsed {
        Some(time) if time.is_zero() => Err("a script needs some time to run".to_owned()),
        Some(time) => Ok(time),
        None => Err("a time is written as 500ms, 30s or 5m; a bare number is seconds".to_owned()),
    }
}

/// A size. A bare number is bytes, as everywhere.
pub(super) fn size(text: &str) -> Result<ByteSize, String> {
    text.parse()
        .map_err(|_| "a size is written as 64KiB, 256MiB or 1GiB".to_owned())
}

/// The host's clock, or a time at which it stands.
pub(super) fn clock(text: &str) -> Result<Clock, String> {
    if text == "real" {
        return Ok(Clock::Real);
    }
    let wrong = || {
        "a clock is `real`, or a time as in 2026-01-31, 2026-01-31T12:00:00Z or 2026-01-31T14:00:00+02:00".to_owned()
    };
    let (local, ahead) = offset(text).ok_or_else(wrong)?;
    let whole = if local.contains(['T', ' ']) {
        local.to_owned()
    } else {
        format!("{local}T00:00:00")
    };
    let time = humantime::parse_rfc3339_weak(&whole).map_err(|_| wrong())?;
    let since = time
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i128::try_from(since.as_millis()).ok())
        .and_then(|local| u64::try_from(local.checked_sub(ahead)?).ok())
        .ok_or("the clock starts in 1970")?;
    Ok(Clock::Frozen(since))
}

/// A point in time, in milliseconds since 1970: a day, a time, or how long ago it is.
pub(super) fn point(text: &str) -> Result<u64, String> {
    if let Ok(ago) = humantime::parse_duration(text) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let then = now.unwrap_or_default().saturating_sub(ago);
        return Ok(u64::try_from(then.as_millis()).unwrap_or(u64::MAX));
    }
    match clock(text) {
        Ok(Clock::Frozen(at)) => Ok(at),
        _ => Err(
            "write how long ago it is, as in 30d or 12h, or when it is, as in 2026-01-31 or 2026-01-31T12:00:00Z".to_owned(),
        ),
    }
}

/// How old a thing is.
pub(super) fn age(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "an age is written as 90d or 12h".to_owned())
}

/// A variable of an environment, with its value.
pub(super) fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a variable is written as NAME=VALUE; the value may be empty".to_owned()),
    }
}

/// A zone of local time.
pub(super) fn zone(text: &str) -> Result<TimeZone, String> {
    text.parse().map_err(|error: TimeZoneError| match error {
        TimeZoneError::Unknown { near: Some(_), .. } | TimeZoneError::Offset => error.to_string(),
        TimeZoneError::Unknown { .. } => {
            format!("{error}; it is a name such as Europe/Berlin, or an offset such as +02:00")
        }
    })
}

/// The time without its zone, and by how many milliseconds that is ahead of UTC.
fn offset(text: &str) -> Option<(&str, i128)> {
    if let Some(local) = text.strip_suffix(['Z', 'z']) {
        return Some((local, 0));
    }
    let Some((local, zone)) = text
        .len()
        .checked_sub("+00:00".len())
        .and_then(|at| text.split_at_checked(at))
    else {
        return Some((text, 0));
    };
    let (Some(sign), Some((hours, minutes))) = (
        zone.chars().next().filter(|sign| matches!(sign, '+' | '-')),
        zone.get(1..).and_then(|zone| zone.split_once(':')),
    ) else {
        return Some((text, 0));
    };
    let (hours, minutes): (i128, i128) = (hours.parse().ok()?, minutes.parse().ok()?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let ahead = (hours * 60 + minutes) * 60_000;
    Some((local, if sign == '-' { -ahead } else { ahead }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_is_seconds() {
        for (text, millis) in [("5", 5000), ("0.5", 500), ("500ms", 500), ("2m", 120_000)] {
            assert_eq!(time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        let wrong =
            Err("a time is written as 500ms, 30s or 5m; a bare number is seconds".to_owned());
        for text in ["abc", "5 parsecs", "-1", "", "inf", "NaN"] {
            assert_eq!(time(text), wrong, "{text}");
        }
        assert_eq!(time("0"), Err("a script needs some time to run".to_owned()));
    }

    #[test]
    fn a_size_that_is_none_is_answered_with_some() {
        assert_eq!(size("96MiB"), Ok(ByteSize::mib(96)));
        let wrong = Err("a size is written as 64KiB, 256MiB or 1GiB".to_owned());
        for text in ["abc", "", "12 parsecs"] {
            assert_eq!(size(text), wrong, "{text}");
        }
    }

    #[test]
    fn a_point_in_time_is_a_day_or_a_time_or_so_long_ago() {
        const NOON: u64 = 1_769_860_800_000;
        for (text, at) in [
            ("2026-01-31T12:00:00Z", NOON),
            ("2026-01-31", NOON - 12 * 3_600_000),
            ("9999y", 0),
        ] {
            assert_eq!(point(text), Ok(at), "{text}");
        }
        let day = point("1d").unwrap_or_default();
        let hour = point("1h").unwrap_or_default();
        assert_eq!((hour - day) / 60_000, 23 * 60);
        for text in ["real", "yesterday", "", "30"] {
            assert_eq!(
                point(text),
                Err("write how long ago it is, as in 30d or 12h, or when it is, as in 2026-01-31 or 2026-01-31T12:00:00Z".to_owned()),
                "{text}"
            );
        }
        assert_eq!(age("2d"), Ok(Duration::from_hours(48)));
        assert_eq!(
            age("old"),
            Err("an age is written as 90d or 12h".to_owned())
        );
    }

    #[test]
    fn a_clock_may_be_a_day_or_in_another_zone() {
        const NOON: u64 = 1_769_860_800_000;
        for text in [
            "2026-01-31T12:00:00Z",
            "2026-01-31 12:00:00",
            "2026-01-31T14:00:00+02:00",
            "2026-01-31T02:30:00-09:30",
            "2026-01-31T12:00:00.000Z",
        ] {
            assert_eq!(clock(text), Ok(Clock::Frozen(NOON)), "{text}");
        }
        assert_eq!(
            clock("2026-01-31"),
            Ok(Clock::Frozen(NOON - 12 * 3_600_000))
        );
        assert_eq!(clock("real"), Ok(Clock::Real));
        assert_eq!(
            clock("1970-01-01T00:00:00+02:00"),
            Err("the clock starts in 1970".to_owned())
        );
        for text in ["noon", "2026-02-30", "2026-01-31T12:00:00+25:00", "", "é"] {
            assert!(
                clock(text).is_err_and(|said| said.starts_with("a clock is `real`")),
                "{text}"
            );
        }
    }
}
