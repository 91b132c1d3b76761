//! Which processors an image is made for: this one, or every one that has at least what a named level has. Chosen by whoever
//! prepares an image; the cache asks which of them this processor can run.

use serde::{Serialize, Serializer};
use std::{fmt, str::FromStr};

/// The processors that an image is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageTarget {
    /// This one, with everything that it has.
    Native,
    /// Any that has what this level has.
    Level(ProcessorLevel),
}

/// What many processors have in common, by the name that compilers and distributions give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessorLevel {
    name: &'static str,
    /// What it has beyond the level below.
    features: &'static [&'static str],
}

/// Those of this architecture, the one that has most first.
const LEVELS: &[ProcessorLevel] = if cfg!(target_arch = "x86_64") {
    &[
        ProcessorLevel {
            name: "x86-64-v4",
            features: &["avx512f", "avx512dq", "avx512vl"],
        },
        ProcessorLevel {
            name: "x86-64-v3",
            features: &["avx", "avx2", "bmi1", "bmi2", "fma", "lzcnt"],
        },
        ProcessorLevel {
            name: "x86-64-v2",
            features: &["sse3", "ssse3", "sse4.1", "sse4.2", "popcnt", "cmpxchg16b"],
        },
        ProcessorLevel {
            name: "x86-64",
            features: &[],
        },
    ]
} else {
    &[]
};

/// Why a text names no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an image is made for one of: {}", ImageTarget::names().join(", "))]
pub struct ImageTargetError;

impl ImageTarget {
    /// What can be asked for on this machine.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        let levels = LEVELS.iter().map(|level| level.name);
        std::iter::once("native").chain(levels).collect()
    }

    fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Level(level) => level.name,
        }
    }

    /// Those besides the native one that this processor can run, the one that has most first.
    pub(super) fn runnable() -> impl Iterator<Item = Self> {
        LEVELS
            .iter()
            .copied()
            .map(Self::Level)
            .filter(|target| target.lacking().is_empty())
    }

    /// What this processor lacks for it.
    pub(super) fn lacking(self) -> Vec<&'static str> {
        let Self::Level(wanted) = self else {
            return Vec::new();
        };
        let here = features();
        LEVELS
            .iter()
            .skip_while(|level| **level != wanted)
            .flat_map(|level| level.features)
            .copied()
            .filter(|feature| !here.contains(feature))
            .collect()
    }
}

impl ProcessorLevel {
    pub(in crate::sandbox) fn name(self) -> &'static str {
        self.name
    }
}

impl fmt::Display for ImageTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for ImageTarget {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl FromStr for ImageTarget {
    type Err = ImageTargetError;

    fn from_str(text: &str) -> Result<Self, ImageTargetError> {
        if text == "native" {
            return Ok(Self::Native);
        }
        let level = LEVELS.iter().find(|level| level.name == text);
        level.copied().map(Self::Level).ok_or(ImageTargetError)
    }
}

/// What this processor has, of all that the compiler asks for.
pub(super) fn features() -> Vec<&'static str> {
    macro_rules! found {
        ($detected:ident: $($feature:tt)*) => {
            [$(($feature, std::arch::$detected!($feature))),*]
        };
    }
    #[cfg(target_arch = "x86_64")]
    let all = found!(is_x86_feature_detected:
        "sse3" "ssse3" "sse4.1" "sse4.2" "popcnt" "cmpxchg16b" "avx" "avx2" "fma" "bmi1" "bmi2" "lzcnt" "avxvnni"
        "avx512f" "avx512dq" "avx512vl" "avx512vbmi" "avx512bitalg" "avx512vnni");
    #[cfg(target_arch = "aarch64")]
    let all = found!(is_aarch64_feature_detected: "lse" "paca" "fp16" "dotprod" "i8mm");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let all: [(&str, bool); 0] = [];
    all.into_iter()
        .filter_map(|(feature, there)| there.then_some(feature))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_the_name_that_it_is_asked_for_by() {
        for name in ImageTarget::names() {
            assert_eq!(name.parse::<ImageTarget>().map(ImageTarget::name), Ok(name));
        }
        for name in ["", "x86-64-v5", "Native", "generic"] {
            assert_eq!(name.parse::<ImageTarget>(), Err(ImageTargetError), "{name}");
        }
    }

    #[test]
    fn a_level_needs_what_those_below_it_need() {
        let lacking: Vec<usize> = LEVELS
            .iter()
            .map(|level| ImageTarget::Level(*level).lacking().len())
            .collect();
        assert!(
            lacking.is_sorted_by(|more, less| more >= less),
            "{lacking:?}"
        );
        assert!(ImageTarget::Native.lacking().is_empty());
    }
}
