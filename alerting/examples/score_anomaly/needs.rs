//! What each of the worst would need, written by a person who has looked at the picture.

/// By what went wrong and the series.
const NEEDS: &[(&str, &str, &str)] = &[
    (
        "miss",
        "groundwater/hseries_gxg/creep",
        "The fall begins as the yearly recession does, in the first year of the record: a year of experience, or the \
         rain that explains the recession as a companion.",
    ),
    (
        "miss",
        "slope_station/waMVD116_vwc5/drift",
        "Four times as far as the wetting front of the day before, but with five days of experience there is only a \
         handful of changes as long to compare it with: more record.",
    ),
    (
        "miss",
        "nab/realAWSCloudwatch/ec2_cpu_utilization_fe7f93",
        "The window labels a pause between bursts: a model of how often bursts come.",
    ),
    (
        "miss",
        "nab/realAWSCloudwatch/grok_asg_anomaly",
        "The level has shifted by less than the alternation that began 300 readings before: a detector of shape.",
    ),
    (
        "miss",
        "nab/realAWSCloudwatch/iio_us-east-1_i-a2eb1cd9_NetworkIn",
        "The label stands on the tail of a burst ten times as high, in the first fifth of a short file: nothing that \
         learns from the series itself can call it unusual.",
    ),
    (
        "miss",
        "nab/realAdExchange/exchange-2_cpc_results",
        "A few weaker days among days that differ by as much: the day of the week as a companion.",
    ),
    (
        "miss",
        "nab/realAdExchange/exchange-2_cpm_results",
        "Nights that fall lower than nights do: what is usual at that hour (a profile of the day was tried; it cost \
         more than it found).",
    ),
    (
        "miss",
        "nab/realAdExchange/exchange-3_cpc_results",
        "A spike twice as high as those of the two weeks before, of which there were eight: less doubt about the tail \
         than so little experience allows.",
    ),
    (
        "miss",
        "nab/realAdExchange/exchange-4_cpm_results",
        "A swell of one tenth of the spikes that stand in the file: a scale of its own for what lasts.",
    ),
    (
        "miss",
        "nab/realAWSCloudwatch/ec2_disk_write_bytes_c0d644",
        "The window labels a quiet stretch or one burst among dozens of its kind: a model of how often bursts come.",
    ),
    (
        "miss",
        "nab/realAWSCloudwatch/rds_cpu_utilization_cc0c53",
        "A spike on a level that was itself new, which the detector was still learning: two states side by side.",
    ),
    (
        "false",
        "slope_station/waMVD116_tens1/clean",
        "The tensiometer does jump there by three times its largest change, and grows noisy later: a real oddity that \
         nobody labelled. Another sensor of the post would say whether the ground moved.",
    ),
    (
        "false",
        "groundwater/B49F1552_1/clean",
        "The steepest rise of the record, at the end of the third autumn: rain as a companion.",
    ),
    (
        "false",
        "groundwater/nb5_head/clean",
        "The well rises by two metres in some weeks, as it never had in the record: real, and explained by rain only.",
    ),
    (
        "false",
        "groundwater/B49F0173_1/clean",
        "The deepest fall of the record, in a dry summer: rain and evaporation as companions.",
    ),
    (
        "false",
        "nab/realAWSCloudwatch/grok_asg_anomaly",
        "The new state after the labelled one: told by its own right, outside the label.",
    ),
    (
        "false",
        "nab/realAWSCloudwatch/ec2_disk_write_bytes_c0d644",
        "Bursts that come closer together than before: an event nobody labelled.",
    ),
    (
        "false",
        "nab/realAWSCloudwatch/ec2_cpu_utilization_c6585a",
        "A daily spike, the first after which the next reading is still raised: four spikes are little experience.",
    ),
    (
        "false",
        "nab/realAWSCloudwatch/ec2_cpu_utilization_825cc2",
        "A rise by a twentieth within some hours: a shift nobody labelled.",
    ),
    (
        "false",
        "nab/realAWSCloudwatch/ec2_cpu_utilization_5f5533",
        "The level goes on sinking after the labelled window.",
    ),
    (
        "false",
        "nab/artificialWithAnomaly/art_daily_flatmiddle",
        "It stands where the labelled freeze ends, outside the label: a label that reaches as far as its event.",
    ),
    (
        "false",
        "nab/realAWSCloudwatch/ec2_network_in_5abac7",
        "One more burst among many: a model of how often bursts come.",
    ),
    (
        "false",
        "nab/artificialWithAnomaly/art_load_balancer_spikes",
        "One more spike among many, two at a time: a model of how often spikes come.",
    ),
    (
        "false",
        "nab/realAdExchange/exchange-4_cpm_results",
        "A second spike of the height of labelled ones, without a label.",
    ),
    (
        "false",
        "nab/realAWSCloudwatch/ec2_cpu_utilization_24ae8d",
        "An idle machine that reads one of two values, which come in another proportion for half a day: true, and \
         without a meaning.",
    ),
    (
        "false",
        "nab/realAdExchange/exchange-4_cpc_results",
        "A swell over three hours where what stands out lasts one: an event nobody labelled.",
    ),
];

/// What it would need, in a sentence.
pub fn of(what: &str, id: &str) -> &'static str {
    let found = NEEDS.iter().find(|(kind, series, _)| *kind == what && *series == id);
    found.map_or("Not yet looked at.", |(_, _, needs)| needs)
}
