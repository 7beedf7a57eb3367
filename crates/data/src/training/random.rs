//! Numbers of distributions that are not uniform, drawn exactly: nothing is cut off or approximated by sums.

use std::sync::LazyLock;

use bossnas_model::random::Stream;

/// Layers of the same area under the bell curve.
const LAYERS: usize = 128;

/// Where the tail begins, and the area of a layer, for as many layers (Doornik: An Improved Ziggurat Method to Generate Normal
/// Random Samples, 2005).
const TAIL: f64 = 3.442_619_855_899;
const AREA: f64 = 9.912_563_035_262_17e-3;

/// The right ends of the layers, and how much of each lies under the curve for all its height.
struct Ziggurat {
    ends: [f64; LAYERS + 1],
    inside: [f64; LAYERS],
}

static ZIGGURAT: LazyLock<Ziggurat> = LazyLock::new(|| {
    let curve = |x: f64| (-0.5 * x * x).exp();
    let mut ends = [0.0; LAYERS + 1];
    // The lowest layer is as wide as its part up to the tail would be with all of its area.
    ends[0] = AREA / curve(TAIL);
    ends[1] = TAIL;
    for layer in 2..LAYERS {
        ends[layer] = (-2.0 * (AREA / ends[layer - 1] + curve(ends[layer - 1])).ln()).sqrt();
    }
    let inside = std::array::from_fn(|layer| ends[layer + 1] / ends[layer]);
    Ziggurat { ends, inside }
});

/// A number above 0 and up to 1, whose logarithm there is.
fn positive(stream: &mut Stream) -> f64 {
    1.0 - stream.unit()
}

/// A number of the normal distribution with mean 0 and standard deviation 1, by the ziggurat method (Marsaglia, Tsang, 2000).
pub(super) fn normal(stream: &mut Stream) -> f64 {
    let Ziggurat { ends, inside } = &*ZIGGURAT;
    loop {
        let bits = stream.bits();
        // The lower bits say which layer it is, others where in it.
        let layer = bits as usize % LAYERS;
        let place = 2.0 * ((bits >> 11) as f64 / (1_u64 << 53) as f64) - 1.0;
        if place.abs() < inside[layer] {
            return place * ends[layer];
        }
        if layer == 0 {
            return tail(stream).copysign(place);
        }
        let x = place * ends[layer];
        let above = |end: f64| (-0.5 * (end * end - x * x)).exp();
        let (lower, upper) = (above(ends[layer]), above(ends[layer + 1]));
        if upper + stream.unit() * (lower - upper) < 1.0 {
            return x;
        }
    }
}

/// Beyond the layers (Marsaglia, 1964).
fn tail(stream: &mut Stream) -> f64 {
    loop {
        let x = positive(stream).ln() / TAIL;
        let y = positive(stream).ln();
        if -2.0 * y >= x * x {
            return TAIL - x;
        }
    }
}

/// A number of the beta distribution with both parameters `alpha`, which is positive.
pub(super) fn beta(alpha: f64, stream: &mut Stream) -> f64 {
    if alpha > 1.0 {
        let (first, second) = (gamma(alpha, stream), gamma(alpha, stream));
        return first / (first + second);
    }
    // Jöhnk, 1964, in logarithms: powers of small numbers would vanish.
    loop {
        let [x, y] = [positive(stream), positive(stream)].map(|number| number.ln() / alpha);
        let larger = x.max(y);
        let sum = larger + ((x - larger).exp() + (y - larger).exp()).ln();
        if sum <= 0.0 {
            return (x - sum).exp();
        }
    }
}

/// A number of the gamma distribution, of a shape of 1 or more (Marsaglia, Tsang: A Simple Method for Generating Gamma
/// Variables, 2000).
fn gamma(shape: f64, stream: &mut Stream) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(stream);
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && positive(stream).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: usize = 200_000;

    fn drawn(number: impl Fn(&mut Stream) -> f64) -> Vec<f64> {
        let mut stream = Stream::of(11, &[7]);
        (0..COUNT).map(|_| number(&mut stream)).collect()
    }

    /// Insists on the share of numbers below a bound, to six standard deviations and one number.
    #[track_caller]
    fn below(numbers: &[f64], bound: f64, expected: f64) {
        let found = numbers.iter().filter(|&&number| number < bound).count() as f64 / numbers.len() as f64;
        let deviation = (expected * (1.0 - expected) / numbers.len() as f64).sqrt();
        let allowed = 6.0 * deviation + 1.0 / numbers.len() as f64;
        assert!((found - expected).abs() <= allowed, "{found} below {bound}, not {expected} +- {deviation}");
    }

    /// The integral of a function by the midpoints of many intervals.
    fn integral(from: f64, to: f64, function: impl Fn(f64) -> f64) -> f64 {
        const STEPS: usize = 20_000;
        let step = (to - from) / STEPS as f64;
        (0..STEPS).map(|i| function(from + (i as f64 + 0.5) * step)).sum::<f64>() * step
    }

    #[test]
    fn normal_numbers_have_the_share_below_each_bound_that_they_should() {
        let numbers = drawn(normal);
        let curve = |x: f64| (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
        for bound in [-4.0, -3.5, -3.3, -2.0, -1.0, -0.3, -0.01, 0.0, 0.2, 0.7, 1.5, 2.5, 3.0, 3.45, 3.9] {
            below(&numbers, bound, integral(-9.0, bound, curve));
        }
        let sum: f64 = numbers.windows(2).map(|pair| pair[0] * pair[1]).sum();
        assert!((sum / COUNT as f64).abs() < 6.0 / (COUNT as f64).sqrt(), "neighbours have to do with each other");
    }

    #[test]
    fn layers_end_where_the_curve_does() {
        let Ziggurat { ends, inside } = &*ZIGGURAT;
        let curve = |x: f64| (-0.5 * x * x).exp();
        assert_eq!(ends[LAYERS], 0.0);
        for layer in 1..LAYERS {
            let area = ends[layer] * (curve(ends[layer + 1]) - curve(ends[layer]));
            assert!((area / AREA - 1.0).abs() < 1e-8, "layer {layer}: {area}");
            assert!(ends[layer + 1] < ends[layer] && (0.0..1.0).contains(&inside[layer]));
        }
        let lowest = TAIL * curve(TAIL) + integral(TAIL, 12.0, curve);
        assert!((lowest / AREA - 1.0).abs() < 1e-6, "the lowest layer and the tail: {lowest}");
    }

    #[test]
    fn beta_numbers_have_the_share_below_each_bound_that_they_should() {
        for alpha in [0.3, 0.8, 1.0, 1.7, 8.0] {
            let numbers = drawn(|stream| beta(alpha, stream));
            assert!(numbers.iter().all(|number| (0.0..=1.0).contains(number)));
            // x = t^(1/alpha) takes the pole at zero away.
            let density = |t: f64| (1.0 - t.powf(1.0 / alpha)).powf(alpha - 1.0) / alpha;
            let upto = |x: f64| integral(0.0, x.powf(alpha), density);
            let half = upto(0.5);
            for bound in [0.001, 0.02, 0.1, 0.25, 0.4] {
                below(&numbers, bound, upto(bound) / (2.0 * half));
                below(&numbers, 1.0 - bound, 1.0 - upto(bound) / (2.0 * half));
            }
            below(&numbers, 0.5, 0.5);
        }
    }

    #[test]
    fn a_tiny_parameter_gives_one_of_both_ends_and_never_nothing() {
        let numbers = drawn(|stream| beta(1e-3, stream));
        assert!(numbers.iter().all(|number| (0.0..=1.0).contains(number)));
        below(&numbers, 0.5, 0.5);
        assert!(numbers.iter().filter(|&&number| (0.01..0.99).contains(&number)).count() < COUNT / 50);
    }
}
