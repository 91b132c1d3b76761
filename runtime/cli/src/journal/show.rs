//! `sandgate journal show`, `follow` and `export`: the entries of one run, those that come, or all, told to people or as JSON. They
//! differ only in which entries they read.

use super::{Redaction, entries::Entries, list::counted, past, readable, story::RunStory};
use crate::{escape, exit::Exit, failure::Failure, print, shared::SharedArguments, values};
use clap::Args;
use sandgate::{Entry, Id, Journal, KeptLine, PastRun, RunFilter};
use std::{collections::BTreeSet, thread, time::Duration};

/// How often it is looked for new ones.
const LOOKS: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    /// The run: the beginning of its name, or `last`
    #[arg(value_name = "RUN")]
    run: String,
    /// Show what is sensitive too
    #[arg(long)]
    unredacted: bool,
    /// Print its entries as JSON, one a line, with every text whole
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct FollowArguments {
    /// Show what is sensitive too
    #[arg(long)]
    unredacted: bool,
    /// Print the entries as JSON, one a line, with every text whole
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    /// Only runs that began at this time or later: 30d (so long ago), 2026-01-31 or 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = values::point)]
    since: Option<u64>,
    /// With what is sensitive
    #[arg(long)]
    unredacted: bool,
}

/// In which form entries are told.
enum Telling<'a> {
    Story(RunStory<'a>),
    Json(Entries<'a>),
}

impl<'a> Telling<'a> {
    fn new(journal: &'a Journal, redaction: &'a Redaction, json: bool) -> Self {
        if json {
            Self::Json(Entries::new(journal, redaction))
        } else {
            Self::Story(RunStory::new(journal, redaction))
        }
    }

    /// Tells one, and whether somebody still reads.
    fn tell(&mut self, line: &KeptLine) -> Result<bool, Failure> {
        print::goes_on(&self.said(line)?)
    }

    fn said(&mut self, line: &KeptLine) -> Result<String, Failure> {
        let entry = Entry::decode(&line.body).map_err(|error| {
            let message = format!("line {} of the journal: {error}", line.seq);
            let help = "`sandgate journal verify` says what is wrong with the journal";
            Failure::usage(message, help)
        })?;
        match self {
            Self::Story(story) => story.tell(line, &entry),
            Self::Json(entries) => Ok(escape::json(&entries.line(line, &entry)?)),
        }
    }
}

pub(super) fn show(arguments: &ShowArguments, shared: &SharedArguments) -> Result<Exit, Failure> {
    let journal = readable(shared)?;
    let redaction = Redaction::open(shared, arguments.unredacted)?;
    let past = past(&journal, &arguments.run)?;
    let mut telling = Telling::new(&journal, &redaction, arguments.json);
    journal.each(Some(past.row().run), 0, |line| telling.tell(line))?;
    if !arguments.json {
        print::out(&standing(&past))?;
    }
    Ok(Exit::Ok)
}

/// What a run did, as people are told.
pub(crate) fn told(
    journal: &Journal,
    redaction: &Redaction,
    past: &PastRun,
) -> Result<String, Failure> {
    let mut telling = Telling::new(journal, redaction, false);
    let mut text = String::new();
    journal.each(Some(past.row().run), 0, |line| -> Result<bool, Failure> {
        text.push_str(&telling.said(line)?);
        Ok(true)
    })?;
    text.push_str(&standing(past));
    Ok(text)
}

/// What a run did in numbers, and what can be done about one that has not ended.
fn standing(past: &PastRun) -> String {
    let row = past.row();
    let run = row.run;
    let mut told = String::new();
    let counted = counted(row.counts);
    if !counted.is_empty() {
        told.push_str(&format!("      {counted}\n"));
    }
    for (call, method) in past.unknown() {
        told.push_str(&format!(
            "      nobody knows whether call {call}, {method}, was made: look at the service, then `sandgate resolve {run} {call}`\n"
        ));
    }
    if past.is_interrupted() && past.unknown().is_empty() {
        told.push_str(&format!(
            "      interrupted: `sandgate resume {run}` goes on with it\n"
        ));
    } else if past.is_awaiting() {
        told.push_str(&format!(
            "      `sandgate approvals --run {run}` shows what it waits for\n"
        ));
    }
    told
}

pub(super) fn follow(
    arguments: &FollowArguments,
    shared: &SharedArguments,
) -> Result<Exit, Failure> {
    let journal = readable(shared)?;
    let redaction = Redaction::open(shared, arguments.unredacted)?;
    let mut telling = Telling::new(&journal, &redaction, arguments.json);
    let mut next = journal.last()?.saturating_add(1);
    if !shared.quiet {
        print::err("sandgate: following the journal; Ctrl-C ends it\n");
    }
    loop {
        if journal.last()? >= next {
            match journal.each(None, next, |line| telling.tell(line))? {
                Some(from) => next = from,
                None => return Ok(Exit::Ok),
            }
        }
        thread::sleep(LOOKS);
    }
}

pub(super) fn export(
    arguments: &ExportArguments,
    shared: &SharedArguments,
) -> Result<Exit, Failure> {
    let journal = readable(shared)?;
    let redaction = Redaction::open(shared, arguments.unredacted)?;
    let mut telling = Telling::new(&journal, &redaction, true);
    let wanted = match arguments.since {
        None => None,
        since => {
            let filter = RunFilter {
                since,
                ..RunFilter::default()
            };
            let runs = journal.runs(&filter)?;
            Some(runs.iter().map(|row| row.run).collect::<BTreeSet<Id>>())
        }
    };
    journal.each(None, 0, |line| match &wanted {
        Some(wanted) if !wanted.contains(&line.run) => Ok(true),
        _ => telling.tell(line),
    })?;
    Ok(Exit::Ok)
}
