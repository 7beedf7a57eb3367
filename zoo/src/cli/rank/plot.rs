//! Accuracy against rating, as a plot.

use bossnas_report::plot::{Axis, Point, Scatter, Series};
use bossnas_report::statistics::correlation::Coefficients;
use bossnas_report::units;
use bossnas_zoo::rank::Pairing;

use super::report::{BEST, Order, number};

/// All pairs, and once more those that are rated best, numbered. Where thousands of points lie together they share dots, and the
/// legend says so.
pub(super) fn scatter(pairing: &Pairing, coefficients: Coefficients) -> Scatter {
    const CROWD: usize = 2000;
    let n = pairing.pairs.len();
    let crowded = if n > CROWD { ", darker where more are" } else { "" };
    let point = |index: usize| Point::new(pairing.pairs[index].rating, pairing.pairs[index].accuracy);
    let order = Order::of(pairing);
    let best = &order.by_rating[..BEST.min(n)];
    let numbered = |(place, &index)| Point { label: Some(format!("{}", place + 1)), ..point(index) };
    let series = |name: String, points| Series { name, points, joined: false };
    Scatter {
        title: format!("Accuracy against rating, {}: tau {}", pairing.space, number(coefficients.tau)),
        x: Axis::linear("rating (a loss: lower is better)"),
        y: Axis::linear("accuracy"),
        series: vec![
            series(format!("{} architectures{crowded}", units::grouped(n as u64)), (0..n).map(point).collect()),
            series(format!("the {} rated best", best.len()), best.iter().enumerate().map(numbered).collect()),
        ],
    }
}
