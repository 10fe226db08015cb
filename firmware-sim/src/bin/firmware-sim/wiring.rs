//! `firmware-sim wiring`: what bongsu needs to hear a scenario, as files.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use firmware_sim::Scenario;
use firmware_sim::wiring::{Way, files};

use crate::run::Form;

/// Which scenario, how it is heard, and where the files go.
#[derive(Args)]
pub struct Wiring {
    /// An embedded scenario, or the path of a .toml file
    #[arg(long, default_value = "typhoon")]
    scenario: String,
    /// How many sites
    #[arg(long)]
    sites: Option<usize>,
    /// The form of the messages, as `firmware-sim run --as` has it
    #[arg(long = "as", value_enum, default_value_t = Form::Native)]
    form: Form,
    /// The broker, as bongsu reaches it
    #[arg(long, value_name = "URL", default_value = "mqtt://127.0.0.1:1883")]
    mqtt: String,
    /// The folder of serial ports
    #[arg(long, value_name = "FOLDER", default_value = "ports")]
    serial: PathBuf,
    /// The folder to write bongsu.toml and sites/ into
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

impl Wiring {
    /// Writes the files; none is written over.
    pub fn print(&self) -> anyhow::Result<()> {
        let mut scenario = Scenario::load(&self.scenario)?;
        if let Some(sites) = self.sites {
            scenario = scenario.with_sites(sites);
        }
        let ports = std::path::absolute(&self.serial).context("cannot tell where --serial is")?;
        let way = match self.form {
            Form::Native => Way::Native(self.mqtt.clone()),
            Form::Chirpstack => Way::Chirpstack(self.mqtt.clone()),
            Form::Sparkplug => Way::Sparkplug(self.mqtt.clone()),
            Form::Lines => Way::Lines(ports),
            Form::Toa5 => Way::Toa5(ports),
            Form::Frames => Way::Frames(ports),
            Form::Modbus => Way::Modbus(ports),
        };
        let files = files(&scenario, &way);
        if self.out.join("bongsu.toml").exists() {
            bail!("{} holds a bongsu.toml; name another folder", self.out.display());
        }
        for (name, text) in &files {
            let path = self.out.join(name);
            let wrong = || format!("cannot write {}", path.display());
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).with_context(wrong)?;
            }
            std::fs::write(&path, text).with_context(wrong)?;
        }
        println!(
            "{} files; try: bongsu check {}",
            files.len(),
            self.out.join("bongsu.toml").display()
        );
        Ok(())
    }
}
