//! Fair shares of what there is a bounded number of: places for runs, places in a queue, requests at a time. A context that wants more
//! than others has as many as are left free, and no more: one has half of all, two have a third each, and whoever comes
//! next finds some. Numbers alone; nothing here waits.

use std::collections::BTreeMap;

/// How many there are, and who has them.
#[derive(Debug)]
pub(crate) struct Shares {
    all: usize,
    taken: usize,
    by: BTreeMap<String, usize>,
}

impl Shares {
    pub(crate) fn new(all: usize) -> Self {
        Self {
            all,
            taken: 0,
            by: BTreeMap::new(),
        }
    }

    /// How many a context has.
    pub(crate) fn of(&self, context: &str) -> usize {
        self.by.get(context).copied().unwrap_or_default()
    }

    /// Whether a context may take so many more. Its first one needs one that is free, whatever it takes, or what is large would
    /// wait for ever.
    pub(crate) fn may_take(&self, context: &str, number: usize) -> bool {
        let free = self.all.saturating_sub(self.taken);
        match self.of(context) {
            0 => free > 0,
            own => own.saturating_add(number) <= free,
        }
    }

    /// Takes so many, whether or not it may.
    pub(crate) fn take(&mut self, context: &str, number: usize) {
        self.taken = self.taken.saturating_add(number);
        let own = self.by.entry(context.to_owned()).or_default();
        *own = own.saturating_add(number);
    }

    /// Gives so many back.
    pub(crate) fn give_back(&mut self, context: &str, number: usize) {
        self.taken = self.taken.saturating_sub(number);
        if let Some(own) = self.by.get_mut(context) {
            *own = own.saturating_sub(number);
            if *own == 0 {
                self.by.remove(context);
            }
        }
    }

    /// Who has how many.
    pub(crate) fn each(&self) -> Vec<(String, usize)> {
        let each = self.by.iter();
        each.map(|(context, number)| (context.clone(), *number))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many as a context is given, one by one.
    fn greedy(shares: &mut Shares, context: &str) -> usize {
        while shares.may_take(context, 1) {
            shares.take(context, 1);
        }
        shares.of(context)
    }

    #[test]
    fn one_context_has_half_and_whoever_comes_next_finds_some() {
        let mut shares = Shares::new(16);
        assert_eq!(greedy(&mut shares, "a"), 8);
        assert_eq!(greedy(&mut shares, "b"), 4);
        assert_eq!(greedy(&mut shares, "c"), 2);
        assert_eq!(greedy(&mut shares, "d"), 1);
        assert_eq!(greedy(&mut shares, "e"), 1);
        assert_eq!(greedy(&mut shares, "f"), 0);
        // Who has more than a share now gets no more before others have theirs.
        shares.give_back("a", 1);
        assert!(!shares.may_take("a", 1));
        assert!(shares.may_take("f", 1));
    }

    #[test]
    fn the_only_one_there_is_goes_to_whoever_asks_first() {
        let mut shares = Shares::new(1);
        assert_eq!(greedy(&mut shares, "a"), 1);
        assert!(!shares.may_take("b", 1));
        shares.give_back("a", 1);
        assert!(shares.may_take("b", 1));
        assert_eq!(shares.each(), []);
    }

    #[test]
    fn what_takes_many_needs_them_unless_it_is_the_first() {
        let mut shares = Shares::new(8);
        shares.take("a", 2);
        assert!(shares.may_take("a", 4));
        assert!(!shares.may_take("a", 5));
        // It takes more than there are, and nobody else gets any meanwhile.
        assert!(shares.may_take("b", 100));
        shares.take("b", 100);
        assert!(!shares.may_take("c", 1));
        shares.give_back("b", 100);
        assert!(shares.may_take("c", 1));
    }
}
