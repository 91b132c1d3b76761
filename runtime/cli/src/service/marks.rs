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
