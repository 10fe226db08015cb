//! The thread of the desk, as the rest of the daemon sees it: how far it has come, and why it ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::anyhow;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::desk::Desk;
use crate::desk::run::{DeskError, Progress, Runner};

/// Room for its stack, bytes; what is not used costs no memory.
const STACK: usize = 16 << 20;

/// The desk at work. Dropped, it ends.
pub struct DeskThread {
    /// How far it has come.
    pub progress: watch::Receiver<Progress>,
    stop_at: Arc<AtomicU64>,
    given_back: oneshot::Receiver<Result<Desk, DeskError>>,
}

impl DeskThread {
    /// Sets it to work.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(runner: Runner) -> anyhow::Result<Self> {
        let (progress, stop_at) = (runner.progress.subscribe(), runner.stop_at.clone());
        let (sender, given_back) = oneshot::channel();
        std::thread::Builder::new().name("desk".into()).stack_size(STACK).spawn(move || {
            sender.send(runner.run()).ok();
        })?;
        Ok(Self { progress, stop_at, given_back })
    }

    /// Waits until it has applied this record.
    ///
    /// # Errors
    /// Why it ended before.
    pub async fn reaches(&mut self, position: u64) -> anyhow::Result<()> {
        let mut progress = self.progress.clone();
        tokio::select! {
            error = self.ended() => Err(error),
            reached = progress.wait_for(|progress| progress.position >= position) => Ok(reached.map(drop)?),
        }
    }

    /// Waits until it ends though nobody told it to, and says why.
    pub async fn ended(&mut self) -> anyhow::Error {
        match (&mut self.given_back).await {
            Ok(Err(error)) => error.into(),
            Ok(Ok(_)) => anyhow!("the desk ended by itself"),
            Err(_) => {
                anyhow!("the desk's thread panicked; this is a fault of bongsu, please report it")
            }
        }
    }

    /// Lets it end once it has applied this record, and takes it back.
    ///
    /// # Errors
    /// If that takes longer than `grace`, or it ended otherwise.
    pub async fn stop_at(&mut self, position: u64, grace: Duration) -> anyhow::Result<Desk> {
        self.stop_at.store(position, Ordering::Release);
        let given_back = timeout(grace, &mut self.given_back).await;
        let desk = given_back.map_err(|_| anyhow!("the desk did not stop in time"))?;
        Ok(desk.map_err(|_| anyhow!("the desk's thread is gone"))??)
    }
}

impl Drop for DeskThread {
    fn drop(&mut self) {
        self.stop_at.store(0, Ordering::Release);
    }
}
