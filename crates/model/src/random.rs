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

/// The numbers of a key, read one after the other: a counter under a key, so that whoever has the key has the numbers.
#[derive(Debug, Clone)]
pub struct Stream {
    key: u64,
    read: u64,
}

impl Stream {
    /// The numbers that belong to a seed and what they are for: an epoch, an image, a view. The order of the parts counts.
    pub fn of(seed: u64, parts: &[u64]) -> Self {
        Self { key: parts.iter().fold(seed, |key, &part| splitmix64(key, part)), read: 0 }
    }

    /// Other numbers under the same key, for one purpose of several. They don't depend on how many were read here.
    #[must_use]
    pub const fn branch(&self, purpose: u64) -> Self {
        // Read from the other end of the key, which no position of this stream comes near.
        Self { key: splitmix64(!self.key, purpose), read: 0 }
    }

    /// 64 random bits.
    pub const fn bits(&mut self) -> u64 {
        let bits = splitmix64(self.key, self.read);
        self.read += 1;
        bits
    }

    /// A number in `[0, 1)`: 53 bits, which float64 holds exactly.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number from `from` to `to`.
    pub fn between(&mut self, [from, to]: [f64; 2]) -> f64 {
        from + (to - from) * self.unit()
    }

    /// True with this probability: never for 0, always for 1.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A whole number below `bound`; 0 for none. Each is as likely as any other, but for one part in `2^64 / bound`.
    pub const fn below(&mut self, bound: u64) -> u64 {
        ((self.bits() as u128 * bound as u128) >> 64) as u64
    }

    /// Puts items into an order of which each is as likely as any other (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at as u64 + 1) as usize);
        }
    }
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

    #[test]
    fn a_stream_is_its_key_and_nothing_else() {
        let mut stream = Stream::of(1, &[2, 3]);
        let key = splitmix64(splitmix64(1, 2), 3);
        assert_eq!([stream.bits(), stream.bits()], [splitmix64(key, 0), splitmix64(key, 1)]);
        let firsts = |parts: &[u64]| Stream::of(1, parts).bits();
        let all = [firsts(&[2, 3]), firsts(&[3, 2]), firsts(&[2]), firsts(&[2, 3, 0]), firsts(&[]), firsts(&[2, 4])];
        assert!((0..all.len()).all(|i| !all[..i].contains(&all[i])), "{all:?}");
    }

    #[test]
    fn a_branch_does_not_depend_on_what_was_read_before() {
        let mut stream = Stream::of(9, &[]);
        let before = stream.branch(4).bits();
        stream.bits();
        assert_eq!(stream.branch(4).bits(), before);
        assert_ne!(stream.branch(5).bits(), before);
        let numbers: Vec<u64> = (0..1000).map(|_| stream.bits()).collect();
        assert!((0..1000).all(|purpose| !numbers.contains(&stream.branch(purpose).bits())));
    }

    #[test]
    fn numbers_are_spread_evenly() {
        // Six standard deviations of a mean of so many: 0.289 / sqrt(n), sqrt(p (1 - p) / n).
        const COUNT: u32 = 20_000;
        let mut stream = Stream::of(3, &[1]);
        let mut mean = |number: &mut dyn FnMut(&mut Stream) -> f64| {
            (0..COUNT).map(|_| number(&mut stream)).sum::<f64>() / f64::from(COUNT)
        };
        assert!((mean(&mut |stream| stream.unit()) - 0.5).abs() < 0.013);
        assert!((mean(&mut |stream| stream.between([-1.0, 3.0])) - 1.0).abs() < 0.05);
        assert!((mean(&mut |stream| f64::from(u8::from(stream.chance(0.2)))) - 0.2).abs() < 0.017);
        assert!((mean(&mut |stream| stream.below(7) as f64) - 3.0).abs() < 0.085);
        let mut sevenths = [0; 7];
        (0..7000).for_each(|_| sevenths[stream.below(7) as usize] += 1);
        assert!(sevenths.iter().all(|count| (820..1180).contains(count)), "{sevenths:?}");
        assert!((0..1000).all(|_| !stream.chance(0.0) && stream.chance(1.0) && stream.below(1) == 0));
    }

    #[test]
    fn every_order_is_as_likely_as_any_other() {
        let mut seen = std::collections::BTreeMap::new();
        let mut stream = Stream::of(5, &[]);
        for _ in 0..24_000 {
            let mut items = [0, 1, 2, 3];
            stream.shuffle(&mut items);
            *seen.entry(items).or_insert(0) += 1;
        }
        // Six standard deviations of 1000 out of 24,000.
        assert_eq!(seen.len(), 24);
        assert!(seen.values().all(|count| (815..1185).contains(count)), "{seen:?}");
        stream.shuffle::<u8>(&mut []);
    }
}
