//! `sandgate policy fmt`: policies in one layout. It must never write a file that it could not read back.

use crate::{failure::Failure, print, report};
use sandgate::policy::{self, File};
use std::{io, path::Path};

/// Lays the policies of these contexts out, or says which are not. Tells whether any were not.
pub(super) fn format(root: &Path, contexts: &[String], check: bool) -> Result<bool, Failure> {
    let mut found = false;
    for context in contexts {
        let path = root.join(context).join("policy.cedar");
        let name = format!("{context}/policy.cedar");
        let text = policy::read(&path)
            .map_err(|error| Failure::usage(sandgate::chain(&error), "check the file"))?;
        let file = File {
            name: &name,
            text: &text,
        };
        let laid_out = match policy::formatted(file) {
            Ok(laid_out) => laid_out,
            Err(unusable) => {
                report::failure(&unusable);
                found = true;
                continue;
            }
        };
        if laid_out == text {
            continue;
        }
        found = true;
        if check {
            print::out(&format!("{name} is laid out in another way\n"))?;
            continue;
        }
        replace(&path, &laid_out).map_err(|error| {
            let message = format!("`{}` cannot be written: {error}", path.display());
            Failure::usage(message, "make it writable for you")
        })?;
        print::out(&format!("{name} is laid out\n"))?;
    }
    Ok(found)
}

/// Writes a file anew with the mode that it has.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the operator names the policies that are written"
    )]
    std::fs::write(path, text)
}
