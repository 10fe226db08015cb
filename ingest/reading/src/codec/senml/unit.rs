//! Unit symbols of the SenML registry (RFC 8428 section 12.1, RFC 8798) as units of ours.

/// A value and its symbol where ours differ: what we have no unit for is converted to one that we have, and what
/// means something else here is not let through under our meaning. Other symbols stay as they are.
pub fn ours(value: f64, symbol: &str) -> (f64, &str) {
    match symbol {
        "g" => (value, "gram"), // ours is the acceleration
        "km" => (value * 1_000.0, "m"),
        "km/h" => (value / 3.6, "m/s"),
        "m/h" => (value * 1_000.0, "mm/h"),
        "MHz" => (value * 1e6, "Hz"),
        "K" => (value - 273.15, "Cel"),
        "/100" => (value, "%"),
        "/1000" => (value / 1_000.0, "/"),
        "dBW" => (value + 30.0, "dBm"),
        "1/s" => (value * 60.0, "1/min"),
        other => (value, other),
    }
}

/// A sum is over seconds: what to multiply by, and the unit it then has, if it is one of ours.
pub fn of_sum(symbol: &str) -> (f64, Option<&str>) {
    match symbol {
        "m/s" => (1.0, Some("m")),
        "mm/h" => (1.0 / 3_600.0, Some("mm")),
        "m/h" => (1.0 / 3_600.0, Some("m")),
        "1/s" => (1.0, Some("count")),
        "1/min" => (1.0 / 60.0, Some("count")),
        "m/s2" => (1.0, Some("m/s")),
        _ => (1.0, None),
    }
}
