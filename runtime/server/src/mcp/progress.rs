//! What a script prints while it runs, as notifications of progress: for clients that asked for them, and so that none of them takes
//! a long script for one that hangs. Lines are gathered, since a script can print more than anybody reads: THREAT[DOS-06]. What is
//! told so is only a part; the answer has all.

use rmcp::{
    Peer, RoleServer,
    model::{ProgressNotificationParam, ProgressToken},
    service::RequestContext,
};
use sandgate::{Sink, Stream};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// How often a client is told.
const EVERY: Duration = Duration::from_millis(250);
/// Bytes of one message: the last that were printed.
const LONGEST: usize = 2_000;

/// Gathers what is printed between two messages.
#[derive(Debug, Default)]
struct Gathered {
    text: Mutex<(Vec<u8>, bool)>,
    more: Notify,
}

/// A sink that tells the client, for as long as the script has it.
struct Teller(Arc<Gathered>);

/// For a request whose client asked for it.
pub(super) fn sink(context: &RequestContext<RoleServer>) -> Option<Arc<dyn Sink>> {
    let token = context.meta.get_progress_token()?;
    let gathered = Arc::new(Gathered::default());
    tokio::spawn(tell(context.peer.clone(), token, Arc::clone(&gathered)));
    Some(Arc::new(Teller(gathered)))
}

async fn tell(peer: Peer<RoleServer>, token: ProgressToken, gathered: Arc<Gathered>) {
    let mut told = 0.0;
    loop {
        gathered.more.notified().await;
        tokio::time::sleep(EVERY).await;
        let (text, is_over) = {
            let mut text = gathered.text.lock().unwrap_or_else(PoisonError::into_inner);
            (std::mem::take(&mut text.0), text.1)
        };
        // What is left when the script is over is in the answer, which nothing may come after.
        if is_over {
            return;
        }
        if text.is_empty() {
            continue;
        }
        told += 1.0;
        let mut progress = ProgressNotificationParam::new(token.clone(), told);
        progress.message = Some(String::from_utf8_lossy(&text).into_owned());
        if peer.notify_progress(progress).await.is_err() {
            return;
        }
    }
}

impl Sink for Teller {
    fn write(&self, _: Stream, bytes: &[u8]) {
        let mut text = self.0.text.lock().unwrap_or_else(PoisonError::into_inner);
        text.0.extend_from_slice(bytes);
        let too_long = text.0.len().saturating_sub(LONGEST);
        text.0.drain(..too_long);
        drop(text);
        self.0.more.notify_one();
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        let mut text = self.0.text.lock().unwrap_or_else(PoisonError::into_inner);
        text.1 = true;
        drop(text);
        self.0.more.notify_one();
    }
}
