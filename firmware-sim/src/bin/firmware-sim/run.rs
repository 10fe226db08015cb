//! `firmware-sim run`: a scenario against a broker, on wires, or into a file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use firmware_sim::link::field::Field;
use firmware_sim::link::mqtt::{self, Connections, Totals};
use firmware_sim::link::serial::{self, Speech};
use firmware_sim::link::session::Address;
use firmware_sim::link::tls::Tls;
use firmware_sim::link::{chirpstack, jsonl, modbus, sparkplug};
use firmware_sim::siren::{Settings, Siren};
use firmware_sim::{Message, Pace, Scenario, World, pace};
use reading::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::duration;

/// What befell reports that may wait to be written; the world waits for the disk after that.
const FAULTS_LEN_MAX: usize = 4_096;

/// What to run, and where to.
#[derive(Args)]
pub struct Run {
    /// An embedded scenario, or the path of a .toml file
    #[arg(long, default_value = "typhoon")]
    scenario: String,
    /// Make sizes and times differ by up to this part, as the seed has it (0 to 0.9)
    #[arg(long, default_value_t = 0.0)]
    vary: f64,
    /// How many sites; beyond those of the scenario they begin again under new names
    #[arg(long)]
    sites: Option<usize>,
    /// Where all chance comes from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Simulated seconds in a real one
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    #[command(flatten)]
    to: Destination,
    /// The form of the messages; native to a broker, frames on wires
    #[arg(long = "as", value_enum)]
    form: Option<Form>,
    /// How long: real time with --mqtt and --serial, simulated time after the start with --out (say 90s, 15m, 10h)
    #[arg(long = "for", value_parser = duration)]
    span: Option<Duration>,
    /// When the scenario begins (RFC 3339); now with --mqtt and --serial, the scenario's own with --out and --since
    #[arg(long, value_parser = Timestamp::parse)]
    start: Option<Timestamp>,
    /// When the scenario began by this machine's clock (RFC 3339), for a daemon whose clock runs at the same --speed; what
    /// was measured by now waits as backlog. `bongsu demo --without-field` says it
    #[arg(long, value_parser = Timestamp::parse, conflicts_with = "out")]
    since: Option<Timestamp>,
    /// How many connections the stations share, as behind gateways; without it each has its own
    #[arg(long)]
    connections: Option<usize>,
    /// The authority that signed the broker's certificate, PEM, for mqtts://
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// A folder with a certificate of each station, {site}--{station}.crt and .key, as `bongsu gateway add` makes them
    #[arg(long, value_name = "FOLDER", requires = "ca")]
    identities: Option<PathBuf>,
    /// Keep reports until …/stored names them; send them again after this long without (say 30s)
    #[arg(long, value_name = "AFTER", value_parser = duration)]
    until_stored: Option<Duration>,
    /// A file for what goes wrong in this run, as truth, to score against
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Destination {
    /// A broker: mqtt://[user:password@]host[:port], or mqtts://
    #[arg(long, value_name = "URL", env = "FIRMWARE_SIM_MQTT", hide_env_values = true)]
    mqtt: Option<Address>,
    /// A folder of serial ports
    #[arg(long, value_name = "FOLDER")]
    serial: Option<PathBuf>,
    /// A file of one message a line, or - for standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What messages look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Our own, on topics of our own
    Native,
    /// Uplinks of a LoRaWAN network server
    Chirpstack,
    /// Edge nodes with birth, data and death
    Sparkplug,
    /// Lines of text
    Lines,
    /// Tables of a Campbell logger
    Toa5,
    /// Our own frames, answered once they are on disk
    Frames,
    /// Units with registers
    Modbus,
}

impl Run {
    /// Runs it until it ends or `stop`.
    pub async fn start(&self, stop: CancellationToken) -> anyhow::Result<()> {
        match (&self.to.mqtt, &self.to.serial, &self.to.out) {
            (Some(address), _, _) => self.to_broker(address, stop).await,
            (None, Some(folder), _) => self.to_wires(folder, stop).await,
            (None, None, Some(path)) => self.to_file(path),
            (None, None, None) => bail!("say --mqtt URL, --serial FOLDER or --out FILE"),
        }
    }

    fn scenario(&self, start: Option<Timestamp>) -> anyhow::Result<Scenario> {
        let mut scenario = Scenario::load(&self.scenario)?.varied(self.seed, self.vary);
        if let Some(sites) = self.sites {
            scenario = scenario.with_sites(sites);
        }
        Ok(match start {
            Some(start) => scenario.starting_at(start),
            None => scenario,
        })
    }

    /// What is played, and by which clock: our own from now on, or that of a daemon that has begun already.
    fn begin(&self) -> anyhow::Result<(Scenario, Pace)> {
        let Some(began_at) = self.since else {
            let start = self.start.unwrap_or_else(pace::wall_now);
            return Ok((self.scenario(Some(start))?, Pace::own(start, self.speed)));
        };
        let scenario = self.scenario(self.start)?;
        let pace = Pace::since(began_at, scenario.start, self.speed);
        Ok((scenario, pace))
    }

    /// The world as it is heard by a clock that may have begun already.
    fn heard(&self, world: World, pace: &Pace) -> World {
        if self.since.is_some() { world.heard_from(pace.now()) } else { world }
    }

    /// The world, and who writes its truth on file as long as there is that world, if that is wanted.
    fn world(&self, scenario: &Scenario) -> anyhow::Result<(World, Option<Witness>)> {
        let mut world = World::new(scenario, self.seed);
        let witness = match &self.truth {
            Some(path) => Some(Witness::start(path, scenario, &mut world)?),
            None => None,
        };
        Ok((world, witness))
    }

    fn to_file(&self, path: &Path) -> anyhow::Result<()> {
        if !matches!(self.form, None | Some(Form::Native)) {
            bail!("a file holds native messages: leave --as out");
        }
        let scenario = self.scenario(self.start)?;
        let end = self.span.map_or(scenario.end(), |span| scenario.start.plus(span));
        let (world, witness) = self.world(&scenario)?;
        let messages = world.until(end);
        let written = if path.as_os_str() == "-" {
            jsonl::write(messages, std::io::stdout().lock())
        } else {
            let file =
                File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
            let mut out = BufWriter::new(file);
            jsonl::write(messages, &mut out).and_then(|written| out.flush().map(|()| written))
        };
        let written = written.with_context(|| format!("cannot write {}", path.display()))?;
        witness.map_or(Ok(()), Witness::finish)?;
        eprintln!("{written} messages of {} until {end}", scenario.name);
        Ok(())
    }

    async fn to_broker(&self, address: &Address, stop: CancellationToken) -> anyhow::Result<()> {
        let form = self.form.unwrap_or(Form::Native);
        if !matches!(form, Form::Native | Form::Chirpstack | Form::Sparkplug) {
            bail!(
                "a broker takes --as native, chirpstack or sparkplug; the others are for --serial"
            );
        }
        let (scenario, pace) = self.begin()?;
        let address = self.secured(address, &scenario)?;
        self.stop_after(&stop);
        let mut sirens = tokio::task::JoinSet::new();
        for (site, station) in scenario.sirens() {
            let siren = Siren::new(site, station, Settings::default());
            let (address, pace, stop) = (address.clone(), pace.clone(), stop.clone());
            sirens.spawn(async move { siren.run(&address, &pace, stop).await });
        }
        let (world, witness) = self.world(&scenario)?;
        self.greet(&scenario, &world, &address.to_string());
        let world = self.heard(world, &pace);
        let field = Field::new(world, Timestamp::MAX);
        let totals = match form {
            Form::Sparkplug => sparkplug::publish(field, &address, &pace, stop).await,
            Form::Chirpstack => {
                let mut server = chirpstack::Server::default();
                let events = field.filter_map(move |message| server.uplink(&message));
                self.publish(events, None, &address, &pace, stop).await
            }
            _ => self.publish(field.clone(), Some(field), &address, &pace, stop).await,
        };
        sirens.join_all().await;
        tell(&totals);
        witness.map_or(Ok(()), Witness::finish)
    }

    async fn publish(
        &self,
        messages: impl Iterator<Item = Message> + Send,
        field: Option<Field>,
        address: &Address,
        pace: &Pace,
        stop: CancellationToken,
    ) -> Totals {
        let client_id = format!("firmware-sim-{}", std::process::id());
        let connections = match self.connections {
            None if field.is_some() => Connections::EachStation,
            count => Connections::Shared { client_id, count: count.unwrap_or(1) },
        };
        let options = mqtt::Options {
            address: address.clone(),
            connections,
            until_stored: self.until_stored,
            field,
        };
        mqtt::publish(messages, &options, pace, stop).await
    }

    /// The broker with what TLS needs.
    fn secured(&self, address: &Address, scenario: &Scenario) -> anyhow::Result<Address> {
        let Some(ca) = &self.ca else {
            if address.is_tls() {
                bail!(
                    "mqtts:// needs --ca FILE: the authority that signed the broker's certificate"
                );
            }
            return Ok(address.clone());
        };
        if !address.is_tls() {
            bail!("--ca is for mqtts://");
        }
        let mut tls = Tls::believing(ca)?;
        if let Some(folder) = &self.identities {
            let stations = scenario.sites().iter().flat_map(|site| {
                scenario.stations(site).iter().map(|station| (&site.id, &station.id))
            });
            tls = tls.with_identities(folder, stations.chain(scenario.sirens()))?;
        }
        Ok(address.clone().with_tls(tls))
    }

    async fn to_wires(&self, folder: &Path, stop: CancellationToken) -> anyhow::Result<()> {
        let (scenario, pace) = self.begin()?;
        let speech = match self.form.unwrap_or(Form::Frames) {
            Form::Lines => Speech::Lines,
            Form::Toa5 => Speech::Toa5,
            Form::Frames => Speech::Frames,
            Form::Modbus => Speech::Modbus(modbus::Units::of(&scenario)),
            Form::Native | Form::Chirpstack | Form::Sparkplug => {
                bail!("wires take --as lines, toa5, frames or modbus; the others are for --mqtt")
            }
        };
        self.stop_after(&stop);
        let (world, witness) = self.world(&scenario)?;
        self.greet(&scenario, &world, &folder.display().to_string());
        let world = self.heard(world, &pace);
        let totals = serial::publish(world, folder, &speech, &pace, stop).await?;
        tell(&totals);
        witness.map_or(Ok(()), Witness::finish)
    }

    fn stop_after(&self, stop: &CancellationToken) {
        let Some(span) = self.span else { return };
        let stop = stop.clone();
        tokio::spawn(async move {
            tokio::time::sleep(span).await;
            stop.cancel();
        });
    }

    fn greet(&self, scenario: &Scenario, world: &World, to: &str) {
        let (name, start) = (&scenario.name, scenario.start);
        let (stations, speed) = (world.station_count(), self.speed);
        eprintln!("{name}: {stations} stations from {start} at speed {speed} to {to}");
    }
}

/// Writes what is true of a world: what it is made to do first, then what befalls each report, as it happens.
struct Witness {
    path: PathBuf,
    writer: JoinHandle<std::io::Result<()>>,
}

impl Witness {
    fn start(path: &Path, scenario: &Scenario, world: &mut World) -> anyhow::Result<Self> {
        let wrong = || format!("cannot write {}", path.display());
        let mut file = BufWriter::new(File::create(path).with_context(wrong)?);
        jsonl::write_truth(scenario, world, &mut file).with_context(wrong)?;
        let (teller, told) = sync_channel(FAULTS_LEN_MAX);
        world.tell_faults(teller);
        let writer = std::thread::spawn(move || jsonl::write_faults(told, file));
        Ok(Self { path: path.to_owned(), writer })
    }

    /// Waits until all is written; the world is gone by then.
    fn finish(self) -> anyhow::Result<()> {
        let written = self.writer.join().unwrap_or_else(|_| Err(std::io::Error::other("it broke")));
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }
}

fn tell(totals: &Totals) {
    let Totals { sent, acknowledged, refused, repeated, buffered, forgotten, answered } = totals;
    println!(
        "{sent} sent, {acknowledged} acknowledged, {refused} refused, {repeated} sent again, {buffered} waited, {forgotten} given up, {answered} orders answered"
    );
}
