//! temp
mod mqtt_support;
use mqtt_support::*;
use std::sync::Arc;
use parking_lot::Mutex;
use std::time::{Duration, Instant};
use ingest::collector::{Intake, IntakeError, Taken};
use ingest::collector::mqtt::MqttCollector;
use futures_util::future::BoxFuture;
use ingest::collector::event::Role;
struct Stamps(Mutex<Vec<(usize, Instant)>>);
impl Intake for Stamps {
    fn store(&self, frames: Vec<Taken>) -> BoxFuture<'_, Result<(), IntakeError>> {
        Box::pin(async move {
            let now = Instant::now();
            self.0.lock().extend(frames.iter().map(|f| (std::str::from_utf8(&f.payload).unwrap().parse::<usize>().unwrap(), now)));
            Ok(()) })
    }
}
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore]
async fn latency() {
    let broker = Mosquitto::start_with("persistence true\nmax_queued_messages 0").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = config(&broker.url(), folder.path());
    let bench = Bench::new();
    let intake = Arc::new(Stamps(Mutex::default()));
    let collector = MqttCollector::start(&config, intake.clone(), &bench.wiring).unwrap();
    bench.told.up(Role::Telemetry).await;
    let n = 5000;
    let port = broker.port;
    let sent = tokio::task::spawn_blocking(move || {
    use std::io::{Read, Write};
        let topic = telemetry();
        let mut s = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        s.set_nodelay(true).unwrap();
        s.write_all(&[0x10, 14, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 60, 0, 2, b'z', b'z']).unwrap();
        let mut ack = [0; 4]; s.read_exact(&mut ack).unwrap();
        let mut r = s.try_clone().unwrap();
        let reader = std::thread::spawn(move || { let mut got = 0; let mut b = vec![0; 65536]; while got < n * 4 { got += r.read(&mut b).unwrap(); } });
        let mut sent = Vec::new();
        for i in 0..n {
            let p = i.to_string();
            let len = 2 + topic.len() + 2 + p.len();
            let mut data = vec![0x32, len as u8];
            data.extend((topic.len() as u16).to_be_bytes()); data.extend(topic.as_bytes());
            data.extend(((i % 65000 + 1) as u16).to_be_bytes()); data.extend(p.as_bytes());
            sent.push(Instant::now());
            s.write_all(&data).unwrap();
            std::thread::sleep(Duration::from_micros(950));
        }
        reader.join().unwrap();
        sent
    }).await.unwrap();
    until("all", || intake.0.lock().len() >= n).await;
    let mut l: Vec<f64> = intake.0.lock().iter().map(|(i, t)| (*t - sent[*i]).as_secs_f64() * 1e3).collect();
    l.sort_by(f64::total_cmp);
    println!("p50 {:.2} ms p99 {:.2} ms max {:.2} ms", l[n / 2], l[n * 99 / 100], l[n - 1]);
    bench.stop(collector).await;
}
