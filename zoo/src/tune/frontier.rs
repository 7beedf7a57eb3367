//! What no other setting beats.

/// What a setting achieves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// Milliseconds of a run; less is better.
    pub latency: f64,
    /// Images a second; more is better.
    pub throughput: f64,
    /// Error of the outputs; less is better. Errors within the rounding of float32 should be given as equal.
    pub error: f64,
}

impl Outcome {
    /// Whether it is as good in everything and better in something.
    fn beats(&self, other: &Self) -> bool {
        let as_good = self.latency <= other.latency && self.throughput >= other.throughput && self.error <= other.error;
        as_good && self != other
    }
}

/// Indices of the outcomes that none of the others beats (the Pareto front), the fastest run first.
pub fn frontier(outcomes: &[Outcome]) -> Vec<usize> {
    let unbeaten = |&index: &usize| !outcomes.iter().any(|other| other.beats(&outcomes[index]));
    let mut front: Vec<usize> = (0..outcomes.len()).filter(unbeaten).collect();
    front.sort_by(|&a, &b| outcomes[a].latency.total_cmp(&outcomes[b].latency));
    front
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beaten_in_everything_is_left_out() {
        let outcome = |latency, throughput, error| Outcome { latency, throughput, error };
        let outcomes = [
            outcome(10.0, 100.0, 0.0),
            outcome(5.0, 200.0, 0.01),
            outcome(12.0, 90.0, 0.0),
            outcome(80.0, 300.0, 0.0),
            outcome(5.0, 199.0, 0.01),
        ];
        assert_eq!(frontier(&outcomes), [1, 0, 3]);
        assert_eq!(frontier(&[]), [0; 0]);
    }
}
