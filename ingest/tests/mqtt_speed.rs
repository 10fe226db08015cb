mod mqtt_support;
use futures_util::future::BoxFuture;
use ingest::collector::event::Role;
use ingest::collector::mqtt::MqttCollector;
use ingest::collector::{Intake, IntakeError, Taken};
use ingest::journal::{Config, Journal};
use mqtt_support::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
struct Counting {
    n: AtomicUsize,
    batches: AtomicUsize,
    journal: Option<Journal>,
}
impl Intake for Counting {
    fn store(&self, frames: Vec<Taken>) -> BoxFuture<'_, Result<(), IntakeError>> {
        Box::pin(async move {
            let len = frames.len();
            if let Some(j) = &self.journal {
                Intake::store(j, frames).await?;
            }
            self.batches.fetch_add(1, Ordering::Relaxed);
            self.n.fetch_add(len, Ordering::Relaxed);
            Ok(())
        })
    }
}
fn cpu(pid: &str) -> f64 {
    let s = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore]
async fn speed() {
    let n: usize = std::env::var("N").ok().map_or(300_000, |v| v.parse().unwrap());
    for with_journal in [false, true] {
        let broker =
            Mosquitto::start_with("persistence true\nmax_queued_messages 0").await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(&broker.url(), folder.path());
        config.receive_maximum = std::env::var("RM").ok().map_or(1000, |v| v.parse().unwrap());
        let bench = Bench::new();
        let c = bench.collect(&config, &Recording::open()).await;
        bench.stop(c).await;
        let lines = tempfile::NamedTempFile::new().unwrap();
        let text: String = (0..n).map(|i| format!("{{\"seq\":{i},\"at\":\"2026-07-14T03:10:00+09:00\",\"readings\":[{{\"sensor\":\"tilt-1\",\"quantity\":\"tilt-x\",\"value\":0.12,\"unit\":\"deg\"}}]}}\n")).collect();
        std::fs::write(lines.path(), text).unwrap();
        let flood = format!(
            "mosquitto_pub -h 127.0.0.1 -p {} -q 1 -t {} -l < {}",
            broker.port,
            telemetry(),
            lines.path().display()
        );
        let f2 = flood.clone();
        let began = std::time::Instant::now();
        tokio::task::spawn_blocking(move || {
            std::process::Command::new("sh").args(["-c", &f2]).status().unwrap()
        })
        .await
        .unwrap();
        println!("published {n} in {:?}", began.elapsed());
        let journal = with_journal.then(|| {
            let d = folder.path().join("j");
            std::fs::create_dir_all(&d).unwrap();
            Journal::open(&d, Config::default(), ingest::clock::Clock::system(), 0).unwrap()
        });
        let intake =
            Arc::new(Counting { n: AtomicUsize::new(0), batches: AtomicUsize::new(0), journal });
        let bench = Bench::new();
        let c0 = cpu("self");
        let began = std::time::Instant::now();
        let collector = MqttCollector::start(&config, intake.clone(), &bench.wiring).unwrap();
        bench.told.up(Role::Telemetry).await;
        while intake.n.load(Ordering::Relaxed) < n {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let t = began.elapsed().as_secs_f64();
        println!(
            "journal={with_journal} backlog: {:.0}/s, cpu {:.2} s per million, {} batches",
            n as f64 / t,
            (cpu("self") - c0) / n as f64 * 1e6,
            intake.batches.load(Ordering::Relaxed)
        );
        // live
        let c0 = cpu("self");
        let before = intake.n.load(Ordering::Relaxed);
        let b0 = intake.batches.load(Ordering::Relaxed);
        let began = std::time::Instant::now();
        tokio::task::spawn_blocking(move || {
            std::process::Command::new("sh").args(["-c", &flood]).status().unwrap()
        })
        .await
        .unwrap();
        while intake.n.load(Ordering::Relaxed) < before + n {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let t = began.elapsed().as_secs_f64();
        println!(
            "journal={with_journal} live: {:.0}/s, cpu {:.2} s per million, {} batches",
            n as f64 / t,
            (cpu("self") - c0) / n as f64 * 1e6,
            intake.batches.load(Ordering::Relaxed) - b0
        );
        bench.stop(collector).await;
    }
}
