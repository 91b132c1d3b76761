//! Queues before what there is too little of, one for each context, served in turn: one of each context after the other, however many of
//! one wait. Used for places and for turns. Nobody is woken here.

use std::collections::VecDeque;

/// Who waits, by context, the context first whose turn it is. No queue of it is empty.
#[derive(Debug)]
pub(crate) struct FairQueues<C, T>(VecDeque<(C, VecDeque<T>)>);

impl<C: Clone + PartialEq, T> FairQueues<C, T> {
    pub(crate) fn new() -> Self {
        Self(VecDeque::new())
    }

    /// One more of this context waits.
    pub(crate) fn push(&mut self, context: &C, waiting: T) {
        match self.0.iter_mut().find(|(own, _)| own == context) {
            Some((_, own)) => own.push_back(waiting),
            None => {
                let own = VecDeque::from([waiting]);
                self.0.push_back((context.clone(), own));
            }
        }
    }

    /// Whose turn it is, of those who may. A context that had one, or may not, comes last.
    pub(crate) fn next(&mut self, may: impl Fn(&C, &T) -> bool) -> Option<(C, T)> {
        for _ in 0..self.0.len() {
            let (context, mut own) = self.0.pop_front()?;
            let next = own.pop_front_if(|first| may(&context, first));
            let served = next.map(|next| (context.clone(), next));
            if !own.is_empty() {
                self.0.push_back((context, own));
            }
            if served.is_some() {
                return served;
            }
        }
        None
    }

    /// Takes out whoever of this context is gone. Whether anybody was.
    pub(crate) fn leave(&mut self, context: &C, is_gone: impl Fn(&T) -> bool) -> bool {
        let Some((_, own)) = self.0.iter_mut().find(|(own, _)| own == context) else {
            return false;
        };
        let before = own.len();
        own.retain(|waiting| !is_gone(waiting));
        let has_left = own.len() < before;
        self.0.retain(|(_, own)| !own.is_empty());
        has_left
    }
}
