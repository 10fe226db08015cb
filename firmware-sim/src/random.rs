//! Chance from a seed: the same seed and stream name give the same numbers on every machine.

/// SplitMix64. Small, fast, and good enough for noise; not for secrets.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A stream of its own for each `name`, so that a new station changes nobody else's numbers.
    pub fn new(seed: u64, name: &str) -> Self {
        let mut stream = Self(seed ^ fnv1a(name));
        stream.next_u64();
        stream
    }

    /// Sixty-four random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Evenly from 0 up to, not including, 1.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Evenly from `low` up to, not including, `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number below `end`; zero if `end` is zero.
    pub fn below(&mut self, end: usize) -> usize {
        ((self.unit() * end as f64) as usize).min(end.saturating_sub(1))
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Normal with mean 0 and standard deviation 1 (Box–Muller).
    pub fn gauss(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        radius * libm::cos(core::f64::consts::TAU * self.unit())
    }
}

/// A number that stands for a text, the same on every machine.
pub(crate) fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_stream_and_names_part_streams() {
        let draw = |seed, name| Random::new(seed, name).next_u64();
        assert_eq!(draw(7, "a"), draw(7, "a"));
        assert_ne!(draw(7, "a"), draw(7, "b"));
        assert_ne!(draw(7, "a"), draw(8, "a"));
    }

    #[test]
    fn noise_has_the_mean_and_spread_it_says() {
        let mut random = Random::new(1, "gauss");
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..100_000 {
            let x = random.gauss();
            sum += x;
            squares += x * x;
        }
        assert!((sum / 1e5).abs() < 0.02, "mean {}", sum / 1e5);
        assert!((squares / 1e5 - 1.0).abs() < 0.03, "variance {}", squares / 1e5);
        assert!((0..1_000).all(|_| random.below(3) < 3));
    }
}
