//! Random numbers from counters: a number is a pure function of a seed and a position, so order and threads change nothing.

/// The output of splitmix64 at position `index`, started from `seed`
/// (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
pub const fn splitmix64(seed: u64, index: u64) -> u64 {
    let mut z = seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number in `[0, 1)`: the upper 24 bits, which float32 holds exactly.
pub fn unit(seed: u64, index: u64) -> f64 {
    (splitmix64(seed, index) >> 40) as f64 / f64::from(1 << 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_outputs_are_those_that_the_authors_publish() {
        let outputs: Vec<u64> = (0..3).map(|index| splitmix64(1_234_567, index)).collect();
        assert_eq!(outputs, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn units_fill_the_interval() {
        let numbers: Vec<f64> = (0..10_000).map(|index| unit(7, index)).collect();
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
        assert!((numbers.iter().sum::<f64>() / 10_000.0 - 0.5).abs() < 0.02);
    }
}
