//! The log as a way out: one line for each alert.

use alerting::{AttemptResult, Delivery, Level, Status};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use super::{Spoken, delivered};

/// Writes alerts to the daemon's log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Log;

impl Spoken for Log {
    fn say<'a>(&'a self, delivery: &'a Delivery, _attempt: u32) -> BoxFuture<'a, AttemptResult> {
        write(delivery);
        ready(delivered("logged")).boxed()
    }
}

fn write(delivery: &Delivery) {
    macro_rules! line {
        ($level:ident) => {{
            let alert = &delivery.alert;
            tracing::$level!(
                site = %alert.site.id,
                incident = %alert.incident,
                revision = alert.revision,
                delivery = %delivery.key,
                channel = %delivery.channel,
                level = alert.level.name(),
                purpose = alert.purpose.name(),
                status = ?alert.status,
                headline = %alert.headline.ko,
                headline_en = %alert.headline.en,
                "alert"
            )
        }};
    }
    let worth_a_look =
        delivery.alert.status == Status::Actual && delivery.alert.level >= Level::Caution;
    if worth_a_look { line!(warn) } else { line!(info) }
}
