//! What `firmware-sim wiring` writes is read here without a word.

use firmware_sim::Scenario;
use firmware_sim::wiring::{Way, files};

use super::*;

#[test]
fn the_wiring_of_a_simulated_field_is_a_configuration_without_a_problem() {
    let (broker, ports) =
        (|| "mqtt://127.0.0.1:1883".to_owned(), || PathBuf::from("/dev/serial/by-id"));
    let ways = [
        Way::Native(broker()),
        Way::Chirpstack(broker()),
        Way::Sparkplug(broker()),
        Way::Lines(ports()),
        Way::Toa5(ports()),
        Way::Frames(ports()),
        Way::Modbus(ports()),
    ];
    for name in ["typhoon", "bridge-crack", "regional-storm"] {
        let scenario = Scenario::load(name).unwrap();
        for way in &ways {
            let folder = tempfile::tempdir().unwrap();
            for (file, text) in files(&scenario, way) {
                let path = folder.path().join(file);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            let config = Config::load(&folder.path().join("bongsu.toml"))
                .unwrap_or_else(|problems| panic!("{name} {way:?}:\n{problems}"));
            let registry = &config.setup.registry;
            let series: usize = scenario
                .sites()
                .iter()
                .flat_map(|site| scenario.stations(site))
                .map(|station| station.sensors.len())
                .sum();
            assert_eq!(registry.series().len(), series, "{name} {way:?}");
        }
    }
}
