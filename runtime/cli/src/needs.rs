//! What a script says of itself that it needs: the packages and the Python of its `# /// script` block (PEP 723). Read by
//! `run` before the script starts. It must never install or fetch anything: what is missing is answered with what to use in
//! its place, and only a Python that is not this one keeps a script from running.

use super::failure::Failure;
use sandgate::{PACKAGES, Package};
use serde::Deserialize;

/// What scripts run in, as `sys.version_info` has it.
const PYTHON: [u64; 3] = [3, 14, 0];

/// A longer block is not what people write at the top of a script.
const LONGEST: usize = 64 << 10;
/// So many packages are answered one by one.
const MOST: usize = 30;
/// What is shown of a text that is no name.
const SHOWN: usize = 60;

/// The part of a block that is understood.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Needs {
    #[serde(default)]
    dependencies: Vec<String>,
    requires_python: Option<String>,
}

impl Needs {
    /// What the script says, or why that cannot be understood.
    pub(super) fn of(source: &str) -> Result<Self, String> {
        let Some(block) = block(source)? else {
            return Ok(Self::default());
        };
        if block.len() > LONGEST {
            return Err(format!("it is longer than {} KiB", LONGEST >> 10));
        }
        toml::from_str(&block).map_err(|error| error.message().to_owned())
    }

    /// Whether this Python will do.
    pub(super) fn check_python(&self) -> Result<(), Failure> {
        let Some(wanted) = &self.requires_python else {
            return Ok(());
        };
        match admits(wanted) {
            Some(true) => Ok(()),
            Some(false) => {
                let [major, minor, micro] = PYTHON;
                Err(Failure::usage(
                    format!(
                        "the script needs Python {}, and scripts run in {major}.{minor}.{micro} here",
                        start(wanted)
                    ),
                    "change `requires-python` in its `# /// script` block, if it runs in this one as well",
                ))
            }
            None => Err(Failure::usage(
                format!(
                    "the script's `requires-python` is `{}`, which is no range of versions",
                    start(wanted)
                ),
                "write it as in `requires-python = \">=3.12\"`",
            )),
        }
    }

    /// What to use in the place of each package, a line each.
    pub(super) fn answers(&self) -> Vec<String> {
        let mut answers: Vec<String> = self
            .dependencies
            .iter()
            .take(MOST)
            .map(|text| answer(text))
            .collect();
        let more = self.dependencies.len().saturating_sub(MOST);
        if more > 0 {
            answers.push(format!("{more} more packages cannot be installed here"));
        }
        answers
    }
}

fn answer(dependency: &str) -> String {
    let Some(name) = name(dependency) else {
        return format!("`{}` is no name of a package", start(dependency));
    };
    let instead = package(&name).map_or(
        "the standard library, files of the workspace and `services` can be imported",
        |package| package.instead,
    );
    format!("`{name}` cannot be installed here: {instead}")
}

fn package(name: &str) -> Option<&'static Package> {
    PACKAGES
        .iter()
        .find(|package| package.distributions.contains(&name))
}

fn start(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

/// What is between `# /// script` and `# ///`. There is at most one.
fn block(source: &str) -> Result<Option<String>, String> {
    let mut lines = source.lines();
    let mut found = None;
    while let Some(line) = lines.next() {
        if line.trim_end() != "# /// script" {
            continue;
        }
        if found.is_some() {
            return Err("there is more than one".to_owned());
        }
        // The last line that ends it does: a text within it may look like an end.
        let rest: Vec<&str> = lines
            .clone()
            .map_while(|line| match line.strip_prefix('#')? {
                "" => Some(""),
                text => text.strip_prefix(' '),
            })
            .collect();
        let end = rest.iter().rposition(|line| line.trim_end() == "///");
        let Some(inner) = end.and_then(|end| rest.get(..end)) else {
            return Err("it has no end, a line `# ///`".to_owned());
        };
        found = Some(inner.join("\n"));
        for _ in inner {
            lines.next();
        }
    }
    Ok(found)
}

/// What a requirement is about, as indexes write it: lower case, with hyphens.
fn name(requirement: &str) -> Option<String> {
    let requirement = requirement.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let end = requirement.find(|c| !plain(c)).unwrap_or(requirement.len());
    let (name, rest) = requirement.split_at_checked(end)?;
    let goes_on = rest.trim_start();
    let may_follow =
        goes_on.is_empty() || goes_on.starts_with(['[', '(', '<', '>', '=', '!', '~', ';', '@']);
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let is_name = edge(name.chars().next()) && edge(name.chars().last()) && name.len() <= SHOWN;
    let parts = name.split(['.', '_', '-']).filter(|part| !part.is_empty());
    let written = || parts.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    (is_name && may_follow).then(written)
}

/// Whether a range of versions has this Python; nothing where it is none.
fn admits(range: &str) -> Option<bool> {
    let mut all = true;
    for clause in range.split(',').map(str::trim) {
        all &= clause_admits(clause)?;
    }
    Some(all)
}

fn clause_admits(clause: &str) -> Option<bool> {
    let operators = ["===", "==", "~=", "!=", "<=", ">=", "<", ">"];
    let (operator, version) = operators
        .iter()
        .find_map(|operator| Some((*operator, clause.strip_prefix(operator)?.trim())))?;
    let (version, is_prefix) = match version.strip_suffix(".*") {
        Some(version) => (version, true),
        None => (version, false),
    };
    let numbers = version
        .split('.')
        .map(|number| number.parse().ok())
        .collect::<Option<Vec<u64>>>()?;
    let begins = |numbers: &[u64]| PYTHON.starts_with(numbers);
    let mut whole = numbers.clone();
    whole.resize(numbers.len().max(PYTHON.len()), 0);
    let order = PYTHON.as_slice().cmp(whole.as_slice());
    Some(match (operator, is_prefix) {
        ("==", true) => begins(&numbers),
        ("!=", true) => !begins(&numbers),
        (_, true) => return None,
        ("==" | "===", false) => order.is_eq(),
        ("!=", false) => order.is_ne(),
        ("<=", false) => order.is_le(),
        (">=", false) => order.is_ge(),
        ("<", false) => order.is_lt(),
        (">", false) => order.is_gt(),
        // At least this one, and all but its last number as it is.
        _ => {
            let (_, before) = numbers.split_last()?;
            if before.is_empty() {
                return None;
            }
            order.is_ge() && begins(before)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_found_wherever_it_stands_and_only_whole() {
        let script = "#!/usr/bin/env -S sandgate run\n# a comment\n# /// script\n# requires-python = \">=3.12\"\n#\n# dependencies = [\n#   \"requests<3\", # \"///\"\n# ]\n# ///\n\n# /// other\n# x\n# ///\nimport requests\n";
        assert_eq!(
            Needs::of(script),
            Ok(Needs {
                dependencies: vec!["requests<3".to_owned()],
                requires_python: Some(">=3.12".to_owned()),
            })
        );
        assert_eq!(Needs::of("print('# /// script')\n"), Ok(Needs::default()));
        for (source, why) in [
            (
                "# /// script\n# dependencies = []\nprint()\n",
                "it has no end, a line `# ///`",
            ),
            (
                "# /// script\n# ///\n\n# /// script\n# ///\n",
                "there is more than one",
            ),
            (
                "# /// script\n# dependencies = 1\n# ///\n",
                "invalid type: integer `1`, expected a sequence",
            ),
        ] {
            assert_eq!(Needs::of(source), Err(why.to_owned()), "{source}");
        }
    }

    #[test]
    fn requirements_are_about_the_package_that_an_index_calls_so() {
        for (requirement, about) in [
            ("requests", Some("requests")),
            (
                "Python_Dateutil >= 2 ; python_version < '4'",
                Some("python-dateutil"),
            ),
            ("ruamel.yaml[jinja2]~=0.18", Some("ruamel-yaml")),
            ("pip @ https://example.org/pip.zip", Some("pip")),
            ("a b", None),
            ("-x", None),
            ("", None),
        ] {
            assert_eq!(name(requirement).as_deref(), about, "{requirement}");
        }
    }

    #[test]
    fn a_range_has_this_python_or_not_or_is_none() {
        for range in [
            ">=3.9",
            ">3.8,<4",
            "==3.14.*",
            "~=3.9",
            "~=3.14.0",
            "!=3.15",
            "===3.14.0",
            "<=3.14",
        ] {
            assert_eq!(admits(range), Some(true), "{range}");
        }
        for range in [
            ">=3.15",
            "<3.14",
            "==3.13.*",
            "~=3.13.1",
            ">3.14",
            "!=3.14.*",
            ">=3.9,<3.12",
        ] {
            assert_eq!(admits(range), Some(false), "{range}");
        }
        for range in ["", "3.12", ">=x", "~=3", ">=3.*", ">= 3.12.0rc1"] {
            assert_eq!(admits(range), None, "{range}");
        }
    }
}
