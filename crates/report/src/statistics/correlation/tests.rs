//! Known answers, the definitions, and what has no coefficient.

use bossnas_testkit::fixtures::{Fixtures, Source};
use bossnas_testkit::recipe::Bits;
use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Rankings {
    synthetic: Vec<Synthetic>,
}

#[derive(Deserialize)]
struct Synthetic {
    i: usize,
    n: usize,
    quantize: u32,
    kendall_tau_b: f64,
    spearman: f64,
    pearson: f64,
    /// The first numbers of both columns, to check the formula with.
    a: Vec<f64>,
    b: Vec<f64>,
}

#[test]
fn coefficients_of_made_up_columns_are_those_of_scipy() {
    let fixtures = Fixtures::open().unwrap();
    if fixtures.source() == Source::Core {
        eprintln!("skipped: the committed core of the fixtures holds no rankings");
        return;
    }
    // Python writes what is no number into JSON.
    let text = std::fs::read_to_string(fixtures.path("ranking/ranking.json")).unwrap().replace(": NaN", ": null");
    let rankings: Rankings = serde_json::from_str(&text).unwrap();
    assert!(rankings.synthetic.len() >= 8);
    for case in rankings.synthetic {
        let (a, b) = (Bits::new(&format!("rank.a{}", case.i), 0), Bits::new(&format!("rank.b{}", case.i), 0));
        let levels = f64::from(case.quantize);
        let quantized = |value: f64| if case.quantize > 0 { (value * levels).floor() } else { value };
        let x: Vec<f64> = (0..case.n).map(|row| quantized(a.unit(row))).collect();
        let y: Vec<f64> = (0..case.n).map(|row| quantized(0.5 * a.unit(row) + 0.5 * b.unit(row))).collect();
        assert_eq!((&x[..case.a.len()], &y[..case.b.len()]), (&case.a[..], &case.b[..]), "case {}", case.i);
        let found = Columns::new(&x, &y).unwrap().coefficients();
        for (found, expected) in [(found.tau, case.kendall_tau_b), (found.rho, case.spearman), (found.r, case.pearson)]
        {
            // Both round their last sums and roots.
            assert!((found.unwrap() - expected).abs() < 1e-14, "case {}: {found:?}, not {expected}", case.i);
        }
    }
}

#[test]
fn columns_without_differences_and_single_pairs_have_no_coefficient() {
    let none = Coefficients::default();
    let of = |x: &[f64], y: &[f64]| Columns::new(x, y).unwrap().coefficients();
    assert_eq!(of(&[], &[]), none);
    assert_eq!(of(&[1.0], &[2.0]), none);
    assert_eq!(of(&[1.0, 2.0, 3.0], &[5.0; 3]), none);
    assert_eq!(of(&[0.1; 3], &[1.0, 2.0, 3.0]), none);
    assert_eq!(of(&[0.0, -0.0], &[1.0, 2.0]), none);
    assert_eq!(of(&[1.0, 2.0], &[4.0, 3.0]), Each { tau: Some(-1.0), rho: Some(-1.0), r: Some(-1.0) });
}

#[test]
fn what_cannot_be_paired_is_refused() {
    assert_eq!(Columns::new(&[1.0], &[]).unwrap_err(), Unfit::Lengths { x: 1, y: 0 });
    assert_eq!(Columns::new(&[1.0, f64::NAN], &[1.0, 2.0]).unwrap_err(), Unfit::NotFinite { row: 1 });
    assert_eq!(Columns::new(&[1.0, 2.0], &[f64::INFINITY, 2.0]).unwrap_err(), Unfit::NotFinite { row: 0 });
}

#[test]
fn numbers_of_any_size_and_offset_have_their_correlation() {
    let x = [1.0, 2.0, 3.0, 4.0];
    let y = [1.0, 3.0, 2.0, 5.0];
    let expected = Columns::new(&x, &y).unwrap().coefficients().r.unwrap();
    assert!((expected - 11.0 / 175.0_f64.sqrt()).abs() < 1e-15, "{expected}");
    for (offset, scale) in [(0.0, 4e307), (0.0, 1e-300), (1e15, 1.0), (-1e15, 2.0), (1e300, 1e290)] {
        let moved: Vec<f64> = x.iter().map(|x| offset + scale * x).collect();
        let r = Columns::new(&moved, &y).unwrap().coefficients().r.unwrap();
        assert!((r - expected).abs() < 1e-5, "{offset} {scale}: {r}");
        // Nothing is lost where the numbers themselves are exact.
        assert!(offset > 1e299 || (r - expected).abs() < 1e-14, "{offset} {scale}: {r}");
    }
    let ends = [f64::MAX, -f64::MAX, f64::MAX];
    assert_eq!(Columns::new(&ends, &[1.0, -1.0, 1.0]).unwrap().coefficients().r, Some(1.0));
}

#[test]
fn intervals_are_those_of_the_formulas_and_are_missing_where_these_say_nothing() {
    let close = |interval: Option<[f64; 2]>, expected: [f64; 2]| {
        let interval = interval.unwrap();
        assert!(interval.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{interval:?}, not {expected:?}");
    };
    // r = 0.5 of 28 pairs: z = 0.549_306, s = 0.2.
    close(interval::pearson(0.5, 28), [0.156_028, 0.735_818]);
    // s^2 = 1.125 / 25.
    close(interval::spearman(0.5, 28), [0.132_747, 0.746_533]);
    // s^2 = 0.437 / 23.
    close(interval::kendall(0.5, 27), [0.272_112, 0.674_781]);
    for n in 0..=3 {
        assert_eq!((interval::pearson(0.5, n), interval::spearman(0.5, n)), (None, None));
    }
    assert!(interval::pearson(0.5, 4).is_some() && interval::kendall(0.5, 4).is_none());
    assert!(interval::kendall(0.5, 5).is_some());
    assert_eq!((interval::pearson(1.0, 100), interval::spearman(-1.0, 100)), (None, None));
    assert_eq!(Columns::new(&[1.0, 2.0], &[1.0, 1.0]).unwrap().intervals(), Intervals::default());
}

/// Tau-b by its definition, over all pairs of rows.
fn tau_by_definition(x: &[f64], y: &[f64]) -> Option<f64> {
    let (mut difference, mut differ_in_x, mut differ_in_y) = (0_i64, 0_u32, 0_u32);
    for i in 0..x.len() {
        for j in 0..i {
            let sign = |a: f64, b: f64| i64::from(a > b) - i64::from(a < b);
            let (in_x, in_y) = (sign(x[i], x[j]), sign(y[i], y[j]));
            difference += in_x * in_y;
            differ_in_x += u32::from(in_x != 0);
            differ_in_y += u32::from(in_y != 0);
        }
    }
    let all = (f64::from(differ_in_x) * f64::from(differ_in_y)).sqrt();
    (all > 0.0).then(|| difference as f64 / all)
}

/// Rho by its definition: r of mean ranks.
fn rho_by_definition(x: &[f64], y: &[f64]) -> Option<f64> {
    let ranks = |column: &[f64]| -> Vec<f64> {
        let rank = |value: &f64| {
            let below = column.iter().filter(|other| *other < value).count() as f64;
            let same = column.iter().filter(|other| *other == value).count() as f64;
            below + f64::midpoint(same, 1.0)
        };
        column.iter().map(rank).collect()
    };
    pearson::r(&ranks(x), &ranks(y))
}

/// Two columns of the same length, with few different numbers or many.
fn columns() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    let of_levels = |levels: i32| {
        let pair = (-levels..=levels, -levels..=levels);
        prop::collection::vec(pair, 0..120)
            .prop_map(|rows| rows.into_iter().map(|(x, y)| (f64::from(x) / 8.0, f64::from(y))).unzip())
    };
    prop_oneof![of_levels(1), of_levels(5), of_levels(1_000_000)]
}

proptest! {
    #[test]
    fn tau_and_rho_are_what_their_definitions_say((x, y) in columns()) {
        let found = Columns::new(&x, &y).unwrap().coefficients();
        for (found, expected) in [(found.tau, tau_by_definition(&x, &y)), (found.rho, rho_by_definition(&x, &y))] {
            prop_assert_eq!(found.is_some(), expected.is_some());
            if let (Some(found), Some(expected)) = (found, expected) {
                prop_assert!((found - expected).abs() < 1e-13, "{} {}", found, expected);
            }
        }
    }

    #[test]
    fn the_order_of_rows_and_columns_does_not_matter_and_a_reversed_scale_changes_the_sign((x, y) in columns()) {
        let of = |x: &[f64], y: &[f64]| Columns::new(x, y).unwrap().coefficients();
        let close = |a: Coefficients, b: Coefficients| {
            let close = |a: Option<f64>, b: Option<f64>| match (a, b) {
                (Some(a), Some(b)) => (a - b).abs() < 1e-13,
                (a, b) => a.is_none() && b.is_none(),
            };
            close(a.tau, b.tau) && close(a.rho, b.rho) && close(a.r, b.r)
        };
        let found = of(&x, &y);
        prop_assert!(close(of(&y, &x), found));
        let backwards = |column: &[f64]| column.iter().rev().copied().collect::<Vec<f64>>();
        prop_assert!(close(of(&backwards(&x), &backwards(&y)), found));
        let negative: Vec<f64> = y.iter().map(|y| -y).collect();
        prop_assert!(close(of(&x, &negative).map(|c| c.map(|c| -c)), found));
    }

    #[test]
    fn inversions_are_counted_and_the_values_sorted(mut values in prop::collection::vec(0_u32..40, 0..200)) {
        let expected: u64 = (0..values.len()).map(|i| values[..i].iter().filter(|&&v| v > values[i]).count() as u64).sum();
        prop_assert_eq!(kendall::inversions(&mut values), expected);
        prop_assert!(values.is_sorted());
    }
}
