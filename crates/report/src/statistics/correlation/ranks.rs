//! Ranks of a column as whole numbers.

/// For each row the number of different values that are smaller, and how often each value occurs.
#[derive(Debug, Clone)]
pub(super) struct Ranks {
    /// Of each row, from 0 on without gaps; equal values have the same.
    pub(super) dense: Vec<u32>,
    /// Rows of each rank.
    pub(super) counts: Vec<u32>,
}

impl Ranks {
    /// The ranks of finite numbers, at most 2^31 of them.
    pub(super) fn of(column: &[f64]) -> Self {
        let mut rows: Vec<u32> = (0..column.len() as u32).collect();
        // Adding zero makes -0 and 0 the same, of which `total_cmp` would make two.
        let value = |row: u32| column[row as usize] + 0.0;
        rows.sort_unstable_by(|&a, &b| value(a).total_cmp(&value(b)));
        let mut dense = vec![0; column.len()];
        let mut counts: Vec<u32> = Vec::new();
        for (index, &row) in rows.iter().enumerate() {
            match counts.last_mut() {
                Some(count) if value(rows[index - 1]) == value(row) => *count += 1,
                _ => counts.push(1),
            }
            dense[row as usize] = counts.len() as u32 - 1;
        }
        Self { dense, counts }
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.dense.len()
    }

    /// Pairs of rows that are equal.
    pub(super) fn tied_pairs(&self) -> u64 {
        self.counts.iter().map(|&count| pairs(count.into())).sum()
    }

    /// For each rank twice the distance of its mean rank from the middle, (n + 1) / 2: a whole number.
    pub(super) fn twice_centred(&self) -> Vec<i64> {
        let n = self.len() as i64;
        let mut before = 0;
        let centred = |&count: &u32| {
            let count = i64::from(count);
            // The ranks from `before + 1` to `before + count` have the mean `before + (count + 1) / 2`.
            let twice = 2 * before + count + 1;
            before += count;
            twice - (n + 1)
        };
        self.counts.iter().map(centred).collect()
    }
}

/// Pairs among `n` things.
pub(super) fn pairs(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}
