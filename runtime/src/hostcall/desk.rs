//! Where the calls of one run are decided: what that costs the run, and where it may be done without keeping others
//! waiting. Called by `hostcall`. It must never let deciding hold up a thread that keeps somebody's deadline.

use crate::{
    hostcall::{call::Call, decided::Decided, reach::Reach, refusal::Refusal},
    processor::Processor,
};
use std::{collections::BTreeSet, sync::Arc};
use tokio::sync::Semaphore;

/// Parameters up to here are checked and decided in well under a millisecond, where the call was begun. Longer ones take
/// up to some tenths of a second: THREAT[DOS-01], they go to a thread on which nobody's deadline depends.
const SHORT: usize = 16 << 10;

/// One run's.
#[derive(Debug)]
pub(crate) struct Desk {
    processor: Processor,
    /// One long decision at a time: a parsed call takes sixty times its length, and a run no more than one thread.
    one: Arc<Semaphore>,
    /// Gone with the run; what is not begun by then is not begun.
    run: Arc<()>,
}

impl Desk {
    pub(crate) fn new(processor: Processor) -> Self {
        Self {
            processor,
            one: Arc::new(Semaphore::new(1)),
            run: Arc::default(),
        }
    }

    /// Binds the arguments of a call and asks the policies.
    pub(crate) async fn decide(
        &self,
        reach: &Arc<Reach>,
        call: &Arc<Call>,
        read_from: &Arc<BTreeSet<String>>,
    ) -> Result<Decided, Refusal> {
        if call.params().get().len() <= SHORT {
            return self
                .processor
                .count(|| reach.decide(call, read_from, &|| true));
        }
        // Never closed, so there is a turn in the end.
        let turn = Arc::clone(&self.one).acquire_owned().await;
        let (reach, call) = (Arc::clone(reach), Arc::clone(call));
        let read_from = Arc::clone(read_from);
        let (processor, run) = (self.processor.clone(), Arc::downgrade(&self.run));
        let deciding = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let lap = processor.start();
            // THREAT[DOS-01]: counted while it goes on, and given up when the run ends.
            let wanted = || {
                lap.end();
                run.strong_count() > 0
            };
            let decided = if wanted() {
                reach.decide(&call, &read_from, &wanted)
            } else {
                Err(Refusal::Failed)
            };
            lap.end();
            decided
        });
        // A panic of ours is the error of this call.
        deciding.await.unwrap_or(Err(Refusal::Failed))
    }
}
