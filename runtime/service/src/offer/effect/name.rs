//! What a method's name says that the method does. Called for methods of which nobody else has said it. A name can say
//! that something is changed or destroyed; that nothing is, it must never say while any word of it could mean a change,
//! for names are chosen by the service. THREAT[POL-09]
//!
//! A name's parts are between its dots; where words end is said in `word`. No word is passed over, namespaces included.
//! Then, in this order:
//!
//! 1. A word that destroys, wherever it stands: the method destroys (`delete.get`, `remove_listItems`).
//! 2. A word that changes, or one that joins two deeds: it writes (`set_isActive`, `get_and_reset`).
//! 3. No verb that reads: it writes. The verb is the first word of the last part, or the first behind a namespace in
//!    the manner of `eth_getBalance` or behind the service's own name (`slack_list_channels` of `slack`), or one that is nothing but a verb, wherever it stands in the last part
//!    (`torrent-get`). Behind things, it may also be the last word (`service_list`), or a state in its place
//!    (`service.info`, `service_info`).
//! 4. A word of the last part that is a deed or a thing, and not plainly the thing: it writes. Behind `get` it is what is
//!    got (`get_order`). Behind `list` it is a thing in the plural (`list_orders`, `list_order_items`), and else what
//!    is done to the list (`list_order`). Before a verb it is a deed, unless the verb ends the name (`order_get`).
//! 5. Otherwise it reads.
//!
//! Before all this come whole names to which a published document gives a meaning (`eth_call`).

use super::words::{
    CHANGES, DESTROYS, EITHER, GETS, JOINS, LISTS, PUBLISHED, READS, STATES, THINGS, UNMISTAKABLE,
};
use crate::word;
use sandgate_policy::Effect;
use std::{collections::HashMap, ops::Range, sync::LazyLock};

/// What is known of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Gets,
    Reads,
    Lists,
    State,
    Thing,
    Joins,
    Destroys,
    Changes,
    Either,
}

static KNOWN: LazyLock<HashMap<&str, Kind>> = LazyLock::new(|| {
    [
        (GETS, Kind::Gets),
        (READS, Kind::Reads),
        (LISTS, Kind::Lists),
        (STATES, Kind::State),
        (THINGS, Kind::Thing),
        (JOINS, Kind::Joins),
        (DESTROYS, Kind::Destroys),
        (CHANGES, Kind::Changes),
        (EITHER, Kind::Either),
    ]
    .into_iter()
    .flat_map(|(words, kind)| words.split_whitespace().map(move |word| (word, kind)))
    .collect()
});

/// Of those that are known.
static LONGEST: LazyLock<usize> =
    LazyLock::new(|| KNOWN.keys().map(|word| word.len()).max().unwrap_or(0));

/// Behind these the name speaks of something else: `list_orders_by_status`.
const PREPOSITIONS: [&str; 12] = [
    "about", "at", "between", "by", "for", "from", "in", "of", "on", "to", "with", "without",
];

/// A name in its words.
struct Name {
    /// In lower case.
    text: String,
    words: Vec<Word>,
}

struct Word {
    place: Range<usize>,
    /// Which of the pieces between separators it belongs to.
    piece: usize,
    /// Which of the parts between dots.
    part: usize,
}

/// Words, side by side, that together are a known one.
struct Match<'n> {
    first: usize,
    text: &'n str,
    kind: Kind,
}

/// What the name of a method of this service says, and by which word; nothing where it says nothing. What the service is
/// called is the operator's choice.
pub(super) fn said(service: &str, name: &str) -> Option<(Effect, String)> {
    if PUBLISHED.split_whitespace().any(|known| known == name) {
        return Some((Effect::Read, name.to_owned()));
    }
    let name = Name::of(name);
    let matches = name.matches();
    let first = |kind| matches.iter().find(|found| found.kind == kind);
    let say = |effect, word: &str| Some((effect, word.to_owned()));
    if let Some(word) = first(Kind::Destroys)
        .map(|found| found.text)
        .or_else(|| name.hidden())
    {
        return say(Effect::Destroy, word);
    }
    if let Some(found) = first(Kind::Changes).or_else(|| first(Kind::Joins)) {
        return say(Effect::Write, found.text);
    }
    let (verb, kind) = name.verb(service)?;
    let end = name.words.len().saturating_sub(1);
    let deed = matches
        .iter()
        .filter(|found| found.kind == Kind::Either && found.first >= name.last_part())
        .find(|found| match kind {
            _ if found.first < verb => verb < end,
            Kind::Lists => !name.ends_in_plural(verb),
            _ => false,
        });
    match deed {
        Some(found) => say(Effect::Write, found.text),
        None => say(Effect::Read, name.word(verb)),
    }
}

impl Name {
    fn of(name: &str) -> Self {
        let (mut part, mut piece, mut end) = (0_usize, 0_usize, 0_usize);
        let mut words = Vec::new();
        for place in word::places(name) {
            let between = name.get(end..place.start).unwrap_or_default();
            part = part.saturating_add(between.matches('.').count());
            piece = piece.saturating_add(between.len());
            end = place.end;
            words.push(Word { place, piece, part });
        }
        Self {
            text: name.to_ascii_lowercase(),
            words,
        }
    }

    fn word(&self, index: usize) -> &str {
        self.words
            .get(index)
            .and_then(|word| self.text.get(word.place.clone()))
            .unwrap_or_default()
    }

    /// Every known word, also where case divides it: `DeLeTe`, `unLock`.
    fn matches(&self) -> Vec<Match<'_>> {
        let mut matches = Vec::new();
        for (first, word) in self.words.iter().enumerate() {
            let together = self
                .words
                .iter()
                .skip(first)
                .take_while(|next| next.piece == word.piece)
                .map(|next| word.place.start..next.place.end)
                .take_while(|place| place.len() <= *LONGEST);
            for place in together {
                let text = self.text.get(place).unwrap_or_default();
                if let Some(kind) = KNOWN.get(text) {
                    let kind = *kind;
                    matches.push(Match { first, text, kind });
                }
            }
        }
        matches
    }

    /// A word that destroys, within another: `deleteall` is one, `deleted` is not.
    fn hidden(&self) -> Option<&'static str> {
        const ENDINGS: [&str; 8] = ["d", "ed", "er", "ers", "ing", "r", "rs", "s"];
        let within = |verb: &str, word: &str| {
            word.match_indices(verb).any(|(at, _)| {
                let rest = word.get(at.saturating_add(verb.len())..);
                !rest.is_some_and(|rest| ENDINGS.contains(&rest))
            })
        };
        UNMISTAKABLE
            .split_whitespace()
            .find(|verb| (0..self.words.len()).any(|index| within(verb, self.word(index))))
    }

    /// Where the last part begins.
    fn last_part(&self) -> usize {
        let last = self.words.last().map(|word| word.part);
        self.words
            .iter()
            .position(|word| Some(word.part) == last)
            .unwrap_or(0)
    }

    /// The verb, if it is one that reads.
    fn verb(&self, service: &str) -> Option<(usize, Kind)> {
        let start = self.behind_service(service);
        let known = |index: usize| Some((index, *KNOWN.get(self.word(index))?));
        let begins = [Some(start), self.behind_namespace()];
        let verb = begins
            .into_iter()
            .flatten()
            .filter_map(known)
            .find(|(_, kind)| matches!(kind, Kind::Gets | Kind::Reads | Kind::Lists));
        let anywhere = || {
            (start..self.words.len())
                .filter_map(known)
                .find(|(_, kind)| *kind == Kind::Gets)
        };
        verb.or_else(anywhere).or_else(|| self.behind_things(start))
    }

    /// The last word, where all before it are things and it asks for something of them.
    fn behind_things(&self, start: usize) -> Option<(usize, Kind)> {
        let last = self.words.len().checked_sub(1)?;
        let kind = |index| KNOWN.get(self.word(index)).copied();
        let thing = |index| match kind(index) {
            Some(kind) => matches!(kind, Kind::State | Kind::Thing),
            // Nobody is told to do something in the plural.
            None => self.is_plural(index),
        };
        let asks = kind(last).filter(|kind| matches!(kind, Kind::Lists | Kind::State))?;
        (start..last).all(thing).then_some((last, asks))
    }

    /// Several things, and not something that changes one (`starts`).
    fn is_plural(&self, index: usize) -> bool {
        let word = self.word(index);
        let one = word.strip_suffix('s').filter(|one| one.len() > 1);
        one.is_some_and(|one| {
            !one.ends_with(['s', 'u', 'i'])
                && !matches!(KNOWN.get(one), Some(Kind::Changes | Kind::Destroys))
        })
    }

    /// Where the last part begins, or goes on behind the service's own name.
    fn behind_service(&self, service: &str) -> usize {
        let start = self.last_part();
        let own = Self::of(service);
        let behind = start.saturating_add(own.words.len());
        let same = (0..own.words.len())
            .all(|index| own.word(index) == self.word(start.saturating_add(index)));
        if same && behind < self.words.len() {
            behind
        } else {
            start
        }
    }

    /// In `eth_getBalance`, `get`: the one separator of the last part stands before several words without any.
    fn behind_namespace(&self) -> Option<usize> {
        let start = self.last_part();
        let piece = |index: usize| self.words.get(index).map(|word| word.piece);
        let (first, last) = (piece(start)?, self.words.last()?.piece);
        let second = (start..self.words.len()).find(|index| piece(*index) != Some(first))?;
        let several = second.saturating_add(1) < self.words.len();
        (piece(second) == Some(last) && several).then_some(second)
    }

    /// Whether what stands behind the verb is several things.
    fn ends_in_plural(&self, verb: usize) -> bool {
        let things = (verb.saturating_add(1)..self.words.len())
            .take_while(|index| !PREPOSITIONS.contains(&self.word(*index)));
        things.last().is_some_and(|index| self.is_plural(index))
    }
}
