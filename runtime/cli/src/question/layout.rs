//! What a question looks like: which lines, and how much of each parameter, for a terminal of any size. Pure. The last
//! lines hold the method, the effect and the beginning of every parameter, whatever those hold; where that cannot be,
//! there is no question. THREAT[APR-03].
//!
//! Every line is ended here before the terminal would end it, and one that shows somebody else's text begins with
//! spaces: only the first and the last line of a question begin at the left.

use super::shown::{self, Detail, columns, digest, is_mark};
use sandgate::{CallMade, Question, policy::Effect};

/// How large a terminal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TerminalSize {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// A question that fits.
#[derive(Debug)]
pub(super) struct Drawn {
    /// All of it, as far as the place where the answer is typed.
    pub(super) text: String,
    /// What is written once an answer counts.
    pub(super) ending: String,
    /// One answer can be for all further calls of the method.
    pub(super) offers_all: bool,
    /// What has to be typed, where a letter does not do.
    pub(super) word: Option<String>,
}

/// A name that is longer is shown by its beginning and its end.
const LONGEST_NAME: usize = 120;
/// A terminal of fewer columns shows nothing that can be read.
const NARROWEST: usize = 12;
/// What `yes` takes, with its end.
const ANSWER: usize = 4;
/// Of the calls before, the last are shown.
const MOST_BEFORE: usize = 30;

/// How broad a question is that is only told, and how much of a parameter.
const TOLD: usize = 120;
const MOST_TOLD: usize = 8000;

/// From all to little: what is shown of texts, of texts within values, and how many of members and items.
const LEVELS: [(usize, usize, usize); 5] = [
    (2000, 400, 100),
    (400, 100, 40),
    (160, 40, 12),
    (60, 24, 6),
    (30, 12, 4),
];

/// The question for a terminal of this size, with as much of the parameters as fits.
pub(super) fn draw(question: &Question, size: TerminalSize) -> Option<Drawn> {
    let width = size
        .columns
        .checked_sub(1)
        .filter(|width| *width >= NARROWEST)?;
    let parameters = shown::parameters(question.params.get());
    LEVELS
        .iter()
        .find_map(|&(text, leaf, items)| {
            let detail = Detail {
                text,
                leaf,
                items,
                room: size.rows.saturating_mul(width).saturating_mul(4),
            };
            spacious(question, &parameters, detail, width, size.rows)
        })
        .or_else(|| narrow(question, &parameters, width, size.rows))
}

/// Everything of it, however long: the call, which one it is, who decided, and what the run did before.
pub(super) fn details(question: &Question, before: &[CallMade], size: TerminalSize) -> String {
    let width = size.columns.saturating_sub(1).max(NARROWEST);
    let parameters = shown::parameters(question.params.get());
    let (mut lines, _) = lines(question, &parameters, Detail::ALL, width);
    let grounds = &question.grounds;
    let policies = grounds.policies.iter().map(|id| shown::sentence(id));
    let policies = policies.collect::<Vec<_>>().join(", ");
    let run = grounds
        .run
        .map_or_else(String::new, |run| format!(" of the run {run}"));
    for text in [
        format!("decided by: {policies}"),
        format!("call {}{run}", grounds.call),
        format!("digest: {}", grounds.digest),
    ] {
        lines.extend(indented(&text, INDENT, width));
    }
    if before.is_empty() {
        lines.extend(indented("the run has made no call before", INDENT, width));
    } else {
        lines.extend(indented("before it the run called:", INDENT, width));
        for text in calls_in_short(before) {
            lines.extend(indented(&text, FURTHER, width));
        }
    }
    format!("\n{}\n", lines.join("\n"))
}

/// Calls and what came of them, those that are alike together.
fn calls_in_short(calls: &[CallMade]) -> Vec<String> {
    let mut groups: Vec<(String, usize)> = Vec::new();
    for call in calls {
        let effect = call
            .effect
            .map_or_else(String::new, |effect| format!(" ({effect})"));
        let method = shown::name(&format!("{}.{}", call.service, call.method));
        let text = format!("{method}{effect}: {}", call.result.told(call.code));
        match groups.last_mut() {
            Some((last, times)) if *last == text => *times = times.saturating_add(1),
            _ => groups.push((text, 1)),
        }
    }
    let left_out = groups.len().saturating_sub(MOST_BEFORE);
    let earlier = groups
        .iter()
        .take(left_out)
        .map(|(_, times)| times)
        .sum::<usize>();
    let mut lines = Vec::new();
    if earlier > 0 {
        lines.push(format!("… {earlier} earlier"));
    }
    lines.extend(
        groups
            .into_iter()
            .skip(left_out)
            .map(|(text, times)| match times {
                1 => text,
                times => format!("{times} × {text}"),
            }),
    );
    lines
}

/// How the policies came to ask, as somebody else wrote it: every line of it is to the right.
pub(super) fn explained(text: &str, size: TerminalSize) -> String {
    let width = size.columns.saturating_sub(1).max(NARROWEST);
    let mut lines = Vec::new();
    for line in text.lines() {
        let further = line
            .chars()
            .take_while(|c| *c == ' ')
            .take(FURTHER.len())
            .count();
        let indent = format!("{INDENT}{}", " ".repeat(further));
        lines.extend(indented(&shown::sentence(line), &indent, width));
    }
    if lines.is_empty() {
        lines.extend(indented(
            "nothing is known of how it was decided",
            INDENT,
            width,
        ));
    }
    format!("\n{}\n", lines.join("\n"))
}

/// The question with the answer that it had before it was asked.
pub(super) fn told(question: &Question, answer: &str) -> String {
    let [(text, leaf, items), ..] = LEVELS;
    let detail = Detail {
        text,
        leaf,
        items,
        room: MOST_TOLD,
    };
    let parameters = shown::parameters(question.params.get());
    let (mut lines, _) = lines(question, &parameters, detail, TOLD);
    lines.push(format!(
        "Call {} ({})? {answer}",
        name(question),
        question.effect
    ));
    format!("{}\n", lines.join("\n"))
}

/// Said in its place where there is no room.
pub(super) fn too_small(question: &Question, size: TerminalSize) -> String {
    let text = format!(
        "{} wants to {}, and the terminal of {} columns and {} rows has no room for what with: it is not called. Make \
         the terminal larger and run again.",
        name(question),
        question.effect,
        size.columns,
        size.rows
    );
    let width = size.columns.saturating_sub(1).max(1);
    format!("\n{}\n", words(&text, width).join("\n"))
}

/// What the method is called, with its service.
pub(super) fn name(question: &Question) -> String {
    let whole = format!("{}.{}", question.service, question.method);
    let shown = shown::name(&whole);
    let length = shown.len();
    if length <= LONGEST_NAME {
        return shown;
    }
    // Two names with the same ends differ in their digests.
    let head = shown.get(..LONGEST_NAME / 3).unwrap_or_default();
    let tail = shown
        .get(length.saturating_sub(LONGEST_NAME / 3)..)
        .unwrap_or_default();
    let digest = digest(&whole);
    format!("{head}…{tail} ({length} characters, sha256 {digest})")
}

fn title(question: &Question) -> String {
    let context = shown::name(&question.context);
    format!("{context} wants to {}: {}", question.effect, name(question))
}

/// All parts at some detail, if they fit.
fn spacious(
    question: &Question,
    parameters: &[(String, &str)],
    detail: Detail,
    width: usize,
    rows: usize,
) -> Option<Drawn> {
    let (lines, is_cut) = lines(question, parameters, detail, width);
    let prompt = Prompt::new(question, is_cut, width);
    let fits = lines.len().saturating_add(prompt.rows) <= rows;
    fits.then(|| prompt.below(lines))
}

/// The title, the parameters and the reasons.
fn lines(
    question: &Question,
    parameters: &[(String, &str)],
    detail: Detail,
    width: usize,
) -> (Vec<String>, bool) {
    let mut lines = words(&title(question), width);
    let mut is_cut = false;
    if parameters.is_empty() {
        lines.extend(nothing(width));
    }
    for (key, json) in parameters {
        let value = shown::value(json, detail);
        is_cut |= value.is_cut;
        lines.extend(wrapped(&format!("{key}: {}", value.text), width));
    }
    for reason in &question.because {
        lines.extend(reason_lines(reason, width));
    }
    (lines, is_cut)
}

fn nothing(width: usize) -> Vec<String> {
    wrapped("no parameters", width)
}

fn reason_lines(reason: &str, width: usize) -> Vec<String> {
    let text = format!("because: {}", shown::sentence(reason));
    indented(&text, INDENT, width)
}

/// A sentence in lines that begin so.
fn indented(text: &str, indent: &str, width: usize) -> Vec<String> {
    let inner = width.saturating_sub(indent.len()).max(1);
    let lines = words(text, inner).into_iter();
    lines.map(|line| format!("{indent}{line}")).collect()
}

/// A line for each parameter, and more for some while there are any.
fn narrow(
    question: &Question,
    parameters: &[(String, &str)],
    width: usize,
    rows: usize,
) -> Option<Drawn> {
    let prompt = Prompt::new(question, true, width);
    let room = rows.checked_sub(prompt.rows)?;
    let mut left = room.checked_sub(parameters.len().max(1))?;
    let mut lines = Vec::new();
    if left > 0 {
        lines.push(shortened(&title(question), width));
        left = left.saturating_sub(1);
    }
    let mut reasons = Vec::new();
    for reason in question.because.iter().take(left.min(2)) {
        let text = format!("{INDENT}because: {}", shown::sentence(reason));
        reasons.extend(cut(vec![text], 1, width));
        left = left.saturating_sub(1);
    }
    if parameters.is_empty() {
        lines.extend(nothing(width).into_iter().take(1));
    }
    for (at, (key, json)) in parameters.iter().enumerate() {
        // What is left over is shared by those that still come.
        let share = left / parameters.len().saturating_sub(at).max(1);
        let most = share.saturating_add(1);
        let detail = Detail {
            text: most.saturating_mul(width),
            leaf: 12,
            items: 100,
            room: most.saturating_mul(width).saturating_mul(4),
        };
        let value = shown::value(json, detail);
        // Some of these lines are for the value, however the parameter is called.
        let further = share.saturating_mul(width.saturating_sub(FURTHER.len()));
        let inner = width.saturating_sub(INDENT.len()).saturating_add(further);
        let key = shortened(key, inner / 2);
        let part = cut(
            wrapped(&format!("{key}: {}", value.text), width),
            most,
            width,
        );
        left = left.saturating_sub(part.len().saturating_sub(1));
        lines.extend(part);
    }
    lines.extend(reasons);
    Some(prompt.below(lines))
}

/// The first lines, with a mark where there are more or the last is too long.
fn cut(mut lines: Vec<String>, most: usize, width: usize) -> Vec<String> {
    let more = lines.len() > most || lines.iter().any(|line| breadth(line) > width);
    lines.truncate(most);
    if more && let Some(last) = lines.last_mut() {
        *last = format!("{}…", fitting(last, width.saturating_sub(2)).0);
    }
    lines
}

/// On one line, without its middle.
fn shortened(text: &str, width: usize) -> String {
    if breadth(text) <= width {
        return text.to_owned();
    }
    let half = width.saturating_sub(2) / 2;
    let head = beginning(text.chars(), half.max(1));
    let tail: String = beginning(text.chars().rev(), half).chars().rev().collect();
    // What it stood on is not there.
    format!("{head}…{}", tail.trim_start_matches(is_mark))
}

/// The first characters that fit. A letter whose marks have no room is there without them: however little there is room for, two
/// texts that begin differently are told apart.
fn beginning(text: impl Iterator<Item = char>, width: usize) -> String {
    let mut used = 0_usize;
    text.take_while(|character| {
        used = used.saturating_add(columns(*character));
        used <= width
    })
    .collect()
}

/// What is asked, in the last lines, and what is typed there.
struct Prompt {
    lines: Vec<String>,
    ending: String,
    offers_all: bool,
    word: Option<String>,
    /// How many rows it takes, with what is typed.
    rows: usize,
}

impl Prompt {
    fn new(question: &Question, is_cut: bool, width: usize) -> Self {
        let name = name(question);
        let word = (question.effect == Effect::Destroy).then(|| word(&question.method));
        // Whoever is asked once has no reason yet to stop reading.
        let offers_all = question.again && word.is_none();
        let text = match &word {
            None => format!("Call {name} ({})?", question.effect),
            Some(word) => format!("This destroys. Type the word {word} to call {name}"),
        };
        let typed = word.as_ref().map_or(0, String::len).max(ANSWER);
        let has_room = |keys: &String| keys.len().saturating_add(typed) <= width;
        let details = if is_cut { "d: the rest" } else { "d: details" };
        let explained = format!("{details}, e: explain");
        // What the keys mean is said where a line has room for it.
        let [keys, letters] = match (&word, offers_all) {
            (None, false) => [format!("[y/N, {explained}] "), "[y/N/d/e] ".to_owned()],
            (None, true) => [
                format!("[y/N, a: all, {explained}] "),
                "[y/N/a/d/e] ".to_owned(),
            ],
            (Some(_), _) => [format!("(or {explained}): "), "(or d/e): ".to_owned()],
        };
        let ending = Some(keys).filter(has_room).unwrap_or(letters);
        let lines = words(&text, width);
        let last = lines.last().map_or(0, |line| breadth(line));
        let needed = ending.len().saturating_add(typed).saturating_add(1);
        let fits = last.saturating_add(needed) <= width;
        let below = if fits {
            0
        } else {
            ending.len().saturating_add(typed).div_ceil(width)
        };
        let rows = lines.len().saturating_add(below);
        let begin = if fits { " " } else { "\n" };
        Self {
            lines,
            ending: format!("{begin}{ending}"),
            offers_all,
            word,
            rows,
        }
    }

    fn below(self, mut lines: Vec<String>) -> Drawn {
        lines.extend(self.lines);
        Drawn {
            text: lines.join("\n"),
            ending: self.ending,
            offers_all: self.offers_all,
            word: self.word,
        }
    }
}

/// What is typed for a method that destroys: the last part of its name, or where that is no word, `destroy`.
fn word(method: &str) -> String {
    let last = method.rsplit('.').next().unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let is_word = (3..=24).contains(&last.len()) && last.bytes().all(plain);
    if is_word { last } else { "destroy" }.to_owned()
}

/// Somebody else's text is to the right of ours.
const INDENT: &str = "  ";
/// A line that goes on is further to the right.
const FURTHER: &str = "    ";

fn breadth(text: &str) -> usize {
    text.chars().map(columns).fold(0, usize::saturating_add)
}

/// As much of a text as fits, and the rest. Marks stay with their letters.
fn fitting(text: &str, width: usize) -> (&str, &str) {
    let mut end = 0;
    let mut used = 0_usize;
    for (at, character) in text.char_indices() {
        used = used.saturating_add(columns(character));
        let whole = !is_mark(character);
        if used > width {
            // Without the letter that has a mark in the next line.
            let end = if whole { at } else { end };
            return text.split_at_checked(end).unwrap_or((text, ""));
        }
        if whole {
            end = at;
        }
    }
    (text, "")
}

/// Somebody else's text in lines.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut rest, mut indent) = (text, INDENT);
    while !rest.is_empty() {
        let inner = width.saturating_sub(indent.len()).max(1);
        let (mut line, mut after) = fitting(rest, inner);
        if line.is_empty() {
            (line, after) = (rest, "");
        }
        lines.push(format!("{indent}{line}"));
        (rest, indent) = (after, FURTHER);
    }
    lines
}

/// A sentence in lines, broken at its spaces where that is possible.
fn words(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split(' ') {
        let mut word = word;
        while let Some(line) = lines.last_mut() {
            let space = usize::from(!line.is_empty());
            let used = breadth(line).saturating_add(space);
            if used.saturating_add(breadth(word)) <= width {
                if space > 0 {
                    line.push(' ');
                }
                line.push_str(word);
                break;
            }
            if !line.is_empty() {
                lines.push(String::new());
                continue;
            }
            let (part, rest) = fitting(word, width);
            if part.is_empty() {
                line.push_str(word);
                break;
            }
            line.push_str(part);
            word = rest;
            lines.push(String::new());
        }
    }
    lines
}
