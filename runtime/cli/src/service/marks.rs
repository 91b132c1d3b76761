//! What an operator says of methods beyond their effects, as it is typed: the options of `service add` and `service mark`. It
//! must never take back what was not said.

use crate::failure::Failure;
use clap::Args;
use sandgate::service::{Marks, Undo};
use std::collections::BTreeMap;

/// What is said, or taken back.
#[derive(Debug, Args)]
pub(crate) struct MarkOptions {
    /// How a method is undone, by parts of its calls: METHOD=METHOD(PARAMETER=result.PART, PARAMETER=params.NAME, PARAMETER=JSON); =no where it cannot be
    #[arg(long = "undo", value_name = "METHOD=CALL", value_parser = parse_undo)]
    undo: Vec<MarkChange<Option<Undo>>>,

    /// A method that does no more when a call is sent twice with one `Idempotency-Key`; METHOD=no where it does
    #[arg(long = "idempotent", value_name = "METHOD", value_parser = parse_flag)]
    idempotent: Vec<MarkChange<bool>>,

    /// A method whose results are untrusted or confidential, `*` for all of the service; METHOD=no for one whose are not
    #[arg(long = "source", value_name = "METHOD", value_parser = parse_flag)]
    sources: Vec<MarkChange<bool>>,

    /// A parameter whose values are neither kept nor shown: METHOD.PARAMETER; METHOD.PARAMETER=no where they may be
    #[arg(long = "sensitive", value_name = "METHOD.PARAMETER", value_parser = parse_parameter)]
    sensitive: Vec<(String, MarkChange<bool>)>,
}

/// What is said of something, or nothing any more.
#[derive(Debug, Clone)]
struct MarkChange<T> {
    of: String,
    said: Option<T>,
}

impl MarkOptions {
    /// Changes what is said of the methods of a service.
    pub(super) fn apply(self, marks: &mut Marks, service: &str) -> Result<(), Failure> {
        for change in self.undo {
            change.apply(&mut marks.undo, service)?;
        }
        for change in self.idempotent {
            change.apply(&mut marks.idempotent, service)?;
        }
        for change in self.sources {
            change.apply(&mut marks.sources, service)?;
        }
        for (method, change) in self.sensitive {
            let said = marks.sensitive.entry(method.clone()).or_default();
            let parameter = format!("{method}.{}", change.of);
            let applied = change.apply(said, service);
            if said.is_empty() {
                marks.sensitive.remove(&method);
            }
            applied.map_err(|_| unsaid(&parameter, service))?;
        }
        Ok(())
    }
}

impl<T> MarkChange<T> {
    fn apply(self, said: &mut BTreeMap<String, T>, service: &str) -> Result<(), Failure> {
        match self.said {
            Some(word) => drop(said.insert(self.of, word)),
            None if said.remove(&self.of).is_some() => {}
            None => return Err(unsaid(&self.of, service)),
        }
        Ok(())
    }
}

/// What is to be taken back was not said.
pub(super) fn unsaid(of: &str, service: &str) -> Failure {
    Failure::usage(
        format!("nothing was said of `{of}`"),
        format!("`sandgate service show {service}` tells who says what"),
    )
}

fn parse_undo(text: &str) -> Result<MarkChange<Option<Undo>>, String> {
    let (method, call) = text
        .split_once('=')
        .ok_or("write METHOD=METHOD(PARAMETER=result.PART), =no or =unset")?;
    let said = match call {
        "unset" => None,
        "no" => Some(None),
        call => Some(Some(
            call.parse::<Undo>().map_err(|error| error.to_string())?,
        )),
    };
    Ok(MarkChange {
        of: method.to_owned(),
        said,
    })
}

/// `METHOD`, `METHOD=no` or `METHOD=unset`.
fn parse_flag(text: &str) -> Result<MarkChange<bool>, String> {
    let (of, said) = match text.rsplit_once('=') {
        None => (text, Some(true)),
        Some((of, "no")) => (of, Some(false)),
        Some((of, "unset")) => (of, None),
        Some((_, other)) => return Err(format!("`{other}` is neither no nor unset")),
    };
    let of = of.to_owned();
    Ok(MarkChange { of, said })
}

fn parse_parameter(text: &str) -> Result<(String, MarkChange<bool>), String> {
    let MarkChange { of, said } = parse_flag(text)?;
    let (method, parameter) = of.rsplit_once('.').ok_or("write METHOD.PARAMETER")?;
    let of = parameter.to_owned();
    Ok((method.to_owned(), MarkChange { of, said }))
}
