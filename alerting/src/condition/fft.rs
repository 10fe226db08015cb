//! A plain radix-2 Fourier transform: scalar, the same on every machine.

use alloc::vec::Vec;
use core::f64::consts::PI;

/// |X(k)|² of a real block, for k = 0 to n/2.
///
/// # Panics
/// If the length is no power of two, or below two.
pub fn power(block: &[f64]) -> Vec<f64> {
    assert!(block.len().is_power_of_two() && block.len() >= 2, "a block of {}", block.len());
    let mut points: Vec<(f64, f64)> = block.iter().map(|value| (*value, 0.0)).collect();
    transform(&mut points);
    points[..=block.len() / 2].iter().map(|(re, im)| re * re + im * im).collect()
}

fn transform(points: &mut [(f64, f64)]) {
    let n = points.len();
    let bits = n.trailing_zeros();
    for i in 0..n {
        let j = i.reverse_bits() >> (usize::BITS - bits);
        if i < j {
            points.swap(i, j);
        }
    }
    let mut half = 1;
    while half < n {
        let turns: Vec<(f64, f64)> = (0..half)
            .map(|k| libm::sincos(-PI * k as f64 / half as f64))
            .map(|(sin, cos)| (cos, sin))
            .collect();
        for start in (0..n).step_by(2 * half) {
            for (k, (cos, sin)) in turns.iter().enumerate() {
                let (re, im) = points[start + k];
                let (far_re, far_im) = points[start + k + half];
                let turned = (far_re * cos - far_im * sin, far_re * sin + far_im * cos);
                points[start + k] = (re + turned.0, im + turned.1);
                points[start + k + half] = (re - turned.0, im - turned.1);
            }
        }
        half *= 2;
    }
}

/// The value of a Hann window of length `n` at `i`, as for blocks that follow each other (periodic).
pub fn hann(i: usize, n: usize) -> f64 {
    0.5 - 0.5 * libm::cos(2.0 * PI * i as f64 / n as f64)
}

/// Where between two neighbours the peak of a parabola through three points lies, in bins: −0.5 to 0.5.
pub fn parabola(left: f64, peak: f64, right: f64) -> f64 {
    let (left, peak, right) = (libm::log(left), libm::log(peak), libm::log(right));
    let bend = left - 2.0 * peak + right;
    if bend < 0.0 { (0.5 * (left - right) / bend).clamp(-0.5, 0.5) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_a_well_known_transform() {
        let mut seed = 1u32;
        for n in [2, 4, 64, 1_024, 4_096] {
            let mut block: Vec<f64> = (0..n)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    f64::from(seed) / f64::from(u32::MAX) - 0.5
                })
                .collect();
            let ours = power(&block);
            let plan = realfft::RealFftPlanner::<f64>::new().plan_fft_forward(n);
            let mut theirs = plan.make_output_vec();
            plan.process(&mut block, &mut theirs).unwrap();
            for (ours, theirs) in ours.iter().zip(&theirs) {
                let theirs = theirs.norm_sqr();
                assert!(
                    (ours - theirs).abs() <= 1e-10 * n as f64 * theirs.max(1.0),
                    "{ours} {theirs}"
                );
            }
        }
    }

    #[test]
    fn vector_h1_a_sine_between_two_bins() {
        let (n, rate) = (1_024, 100.0);
        let sine = |i: usize| libm::sin(2.0 * PI * 3.217 * i as f64 / rate) * hann(i, n);
        let power = power(&(0..n).map(sine).collect::<Vec<_>>());
        let bin = (1..n / 2).max_by(|a, b| power[*a].total_cmp(&power[*b])).unwrap();
        assert_eq!(bin, 33);
        let magnitude = |bin: usize| libm::sqrt(power[bin]);
        let exact = bin as f64 + parabola(magnitude(32), magnitude(33), magnitude(34));
        let hertz = exact * rate / n as f64;
        assert!((hertz - 3.216_54).abs() < 1e-5, "{hertz}");
    }
}
