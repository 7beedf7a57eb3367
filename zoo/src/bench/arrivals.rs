//! When requests reach a server.

use bossnas_model::random::unit;

/// Times of requests in nanoseconds from 0 until `seconds`, `rate` of them a second on average, with exponentially distributed
/// times between them: a pure function of `stream`. At least one, at most a million.
pub(super) fn poisson(rate: f64, seconds: f64, stream: u64) -> Vec<u64> {
    const MOST: usize = 1 << 20;
    let mut now = 0.0;
    let mut times = Vec::new();
    for index in 0.. {
        now -= (1.0 - unit(stream, index)).ln() / rate;
        if times.len() == MOST || (now > seconds && !times.is_empty()) {
            break;
        }
        times.push((now * 1e9) as u64);
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_as_often_as_asked_and_as_irregularly() {
        let times = poisson(50.0, 200.0, 7);
        // 10,000 are expected, give or take 100.
        assert!((times.len() as f64 - 10_000.0).abs() < 500.0, "{}", times.len());
        let gaps: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]) as f64 * 1e-9).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let longer = gaps.iter().filter(|&&gap| gap > mean).count() as f64 / gaps.len() as f64;
        assert!((longer - (-1.0_f64).exp()).abs() < 0.02, "{longer}");
        assert_eq!(times, poisson(50.0, 200.0, 7));
        assert_eq!(poisson(1e-9, 1.0, 0).len(), 1);
    }
}
