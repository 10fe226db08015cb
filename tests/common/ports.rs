//! Ports for servers that are told where to listen.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below what systems hand out by themselves (32 768 on Linux, 49 152 elsewhere): a port from there may be somebody
/// else's between being found and being listened on.
const FIRST: u16 = 10_000;
const COUNT: u16 = 22_000;

/// A port nobody listens on, and another one each time.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Two test programs at once begin apart.
    let own = (std::process::id() % 100) * (u32::from(COUNT) / 100);
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let candidates = (0..COUNT).map(|_| {
        let next = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        FIRST + ((own + next) % u32::from(COUNT)) as u16
    });
    candidates.into_iter().find(is_free).expect("a free port")
}
