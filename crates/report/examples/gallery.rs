//! A page with every part and every kind of plot, from made-up numbers that are the same every time.
//!
//! `cargo run --release -p bossnas-report --example gallery -- gallery.html`
//!
//! Look at it in a browser when something about the plots or the page has changed: wide, as narrow as a phone, dark, and
//! printed.

use std::{env, fs};

use anyhow::Context as _;
use bossnas_report::html::Page;
use bossnas_report::plot::{Axis, Band, Bar, Bars, Distributions, Line, Lines, Milestone, Point, Row, Scatter, Series};
use bossnas_report::{Align, Table};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// The drawing of a network, as `draw` makes it.
const DRAWING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/bossnet-t0.svg");

fn main() -> anyhow::Result<()> {
    let out = env::args_os().nth(1).context("the argument is missing: where the page goes")?;
    let drawing = fs::read_to_string(DRAWING).with_context(|| format!("cannot read `{DRAWING}`"))?;
    let page = page(&drawing)?;
    Ok(bossnas_files::write_file(&out, page.render().as_bytes())?)
}

fn page(drawing: &str) -> anyhow::Result<Page> {
    let mut page = Page::new("Gallery of plots");
    page.lead("Every part of a page and every kind of plot. The numbers are made up.");
    page.facts(&[
        ("machine", "a processor of 8 cores, 32 GB"),
        ("versions", "bossnas-zoo 0.1.0, ONNX Runtime 1.24.1"),
        ("models", "bossnet:1/1/11101/000100000+silu+se, which is a long word that must break somewhere on a phone"),
    ]);
    page.command("bossnas-zoo bench bossnet-t0.onnx --runs 2000 --baseline bossnet-t0-fp16.onnx --html gallery.html");

    page.section("Distributions");
    page.paragraph("Latencies have a long tail to the right. On a logarithmic axis the tail takes less room.");
    page.table(&latencies());
    page.figure(&distributions(Axis::linear("latency, ms")).render()?, "Latency of 2000 runs each");
    page.figure(&distributions(Axis::log("latency, ms")).render()?, "The same on a logarithmic axis");

    page.section("Points");
    page.figure(&frontier().render()?, "Accuracy against cost: the frontier and what lies below it");
    page.figure(&crowd().render()?, "Predicted against true accuracy of 32 768 architectures");
    page.figure(&curves().render()?, "Loss of training and validation");
    page.figure(&drift().render()?, "Latency by order of runs, to show drift");

    page.section("Lines");
    page.figure(&losses().render()?, "Loss of a search in four stages");
    page.figure(&ratings().render()?, "Scores of all paths of a stage");

    page.section("Bars");
    page.figure(&shares().render()?, "Share of the time by kind of node");
    page.figure(&ratios().render()?, "Speed-up with intervals of 95 %");

    page.section("A network");
    page.figure(drawing, "BossNet-T0, as `draw` shows it");
    page.notes(&[
        ("median", "half of the runs took less time, half took more"),
        ("interval", "contains the true median in 95 of 100 repetitions of the measurement"),
    ]);
    Ok(page)
}

/// Made-up numbers, the same for the same seed.
struct Dice(ChaCha8Rng);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Between 0 and 1.
    fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Normal (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

fn latencies() -> Table {
    let columns = [
        ("model", Align::Left),
        ("provider", Align::Left),
        ("runs", Align::Right),
        ("median, ms", Align::Right),
        ("p95, ms", Align::Right),
        ("p99, ms", Align::Right),
        ("images/s", Align::Right),
        ("peak memory", Align::Right),
    ];
    let mut table = Table::new(columns);
    table.row(["bossnet-t0.onnx", "CPU, 4 threads", "2000", "41.97", "49.31", "71.02", "23.8", "412 MB"]);
    table.row(["bossnet-t0-fp16.onnx", "CPU, 4 threads", "2000", "37.02", "43.90", "66.40", "27.0", "231 MB"]);
    table
}

fn distributions(axis: Axis) -> Distributions {
    let mut dice = Dice::new(1);
    let mut row = |name: &str, center: f64| {
        let samples = (0..2000).map(|_| {
            let tail = if dice.uniform() < 0.03 { 1.0 - 8.0 * dice.uniform().ln() } else { 1.0 };
            center * (0.05 * dice.normal()).exp() * tail.powf(0.35)
        });
        Row { name: name.into(), samples: samples.collect(), interval: Some([center * 0.997, center * 1.004]) }
    };
    let rows =
        vec![row("bossnet-t0.onnx", 42.0), row("bossnet-t0-fp16.onnx, CPU, 4 threads, pinned to cores 0 to 3", 37.0)];
    Distributions { title: "Latency of one image of 224 × 224".into(), axis, rows }
}

fn frontier() -> Scatter {
    let point = |(name, x, y): (&str, f64, f64)| Point { x, y, label: Some(name.into()) };
    let best = [
        ("BossNet-T0", 3.4, 80.5),
        ("BossNet-T0 ↑", 5.7, 81.6),
        ("BossNet-T1", 7.9, 81.9),
        ("BossNet-T1 ↑", 10.5, 82.2),
    ];
    let other = [("DeiT-S", 4.6, 79.8), ("DeiT-B", 17.6, 81.8), ("BoTNet50-T", 7.6, 81.6), ("RegNetY-4GF", 4.0, 80.0)];
    let series = |name: &str, points: &[(&str, f64, f64)], joined| Series {
        name: name.into(),
        points: points.iter().copied().map(point).collect(),
        joined,
    };
    Scatter {
        title: "Accuracy against cost of one image".into(),
        x: Axis::log("multiply-adds, G"),
        y: Axis::linear("top-1 accuracy, %"),
        series: vec![series("frontier", &best, true), series("others", &other, false)],
    }
}

fn crowd() -> Scatter {
    let mut dice = Dice::new(2);
    let points = (0..32_768).map(|_| {
        let truth = 73.0 - 4.0 * dice.normal().abs();
        Point::new(truth, 0.6 * truth + 28.0 + dice.normal())
    });
    let series = vec![Series { name: "architectures".into(), points: points.collect(), joined: false }];
    Scatter {
        title: "Ranking of a search space".into(),
        x: Axis::linear("true accuracy, %"),
        y: Axis::linear("predicted accuracy, %"),
        series,
    }
}

fn curves() -> Scatter {
    let mut dice = Dice::new(3);
    let mut curve = |name: &str, floor: f64, count: u32, noise: f64| {
        let points = (0..count).map(|step| {
            let epoch = f64::from(step) * 100.0 / f64::from(count);
            Point::new(epoch, floor + 5.0 * (-epoch / 20.0).exp() + noise * dice.normal())
        });
        Series { name: name.into(), points: points.collect(), joined: true }
    };
    let series =
        vec![curve("training, every step", 1.2, 20_000, 0.15), curve("validation, every fourth epoch", 1.5, 25, 0.02)];
    Scatter { title: "Loss".into(), x: Axis::linear("epoch"), y: Axis::linear("cross entropy"), series }
}

fn drift() -> Scatter {
    let mut dice = Dice::new(4);
    let mut line = |name: &str, center: f64, drift: f64| {
        let points = (0..1000).map(|run| {
            let warm = 1.0 + drift * (1.0 - (-f64::from(run) / 200.0).exp());
            Point::new(f64::from(run), center * warm * (0.02 * dice.normal()).exp())
        });
        Series { name: name.into(), points: points.collect(), joined: true }
    };
    Scatter {
        title: "Latency in the order of the runs".into(),
        x: Axis::linear("run"),
        y: Axis::linear("latency, ms"),
        series: vec![line("float32", 42.0, 0.08), line("float16", 37.0, 0.0)],
    }
}

/// 24 epochs of 2000 steps, six a stage.
fn losses() -> Lines {
    let mut dice = Dice::new(5);
    let loss = |step: u32| -3.4 + 3.0 * (-f64::from(step % 12_000) / 2500.0).exp();
    let all = (0..48_000).map(|step| [f64::from(step), loss(step) + 0.12 * dice.normal()]).collect();
    let mean = (0..480).map(|step| [f64::from(step) * 100.0, loss(step * 100)]);
    let pieces = mean.collect::<Vec<_>>().chunks(120).map(<[_]>::to_vec).collect();
    let stages = (0..4).map(|stage| Milestone { x: f64::from(stage) * 12e3, label: format!("stage {stage}") });
    Lines {
        title: "Loss".into(),
        x: Axis::linear("step"),
        y: Axis::linear("loss"),
        lines: vec![Line::whole("every step", all), Line { name: "mean".into(), pieces }],
        band: None,
        milestones: stages.collect(),
    }
}

fn ratings() -> Lines {
    let rating = |epoch: u32| {
        let epoch = f64::from(epoch);
        [epoch, -3.5 + (-epoch / 2.0).exp(), -2.0 + (-epoch / 4.0).exp()]
    };
    let band = Band { name: "all paths".into(), pieces: vec![(0..6).map(rating).collect()] };
    let median = (0..6).map(|epoch| [f64::from(epoch), -2.9 + (-f64::from(epoch) / 3.0).exp()]);
    Lines {
        title: "Ratings of a stage".into(),
        x: Axis::linear("epoch"),
        y: Axis::linear("score"),
        lines: vec![Line::whole("median", median.collect())],
        band: Some(band),
        milestones: vec![],
    }
}

fn shares() -> Bars {
    let kinds = [
        ("Conv", 61.2),
        ("MatMul", 22.9),
        ("Softmax", 5.1),
        ("Mul", 4.4),
        ("Sigmoid", 3.0),
        ("Add", 2.1),
        ("other", 1.3),
    ];
    let bars = kinds.map(|(label, value)| Bar { label: label.into(), value, interval: None });
    Bars {
        title: "Where the time goes".into(),
        axis: Axis::linear("share of time, %"),
        bars: bars.into(),
        reference: None,
    }
}

fn ratios() -> Bars {
    let bar = |label: &str, value: f64, half: f64| Bar {
        label: label.into(),
        value,
        interval: Some([value - half, value + half]),
    };
    let bars = vec![
        bar("float16, 1 thread", 1.43, 0.02),
        bar("float16, 4 threads", 1.14, 0.05),
        bar("4 threads with a provider of a name that is far too long for one line of a narrow plot", 0.93, 0.1),
        bar("batch of 8", 1.01, 0.03),
    ];
    Bars {
        title: "Speed-up over the baseline".into(),
        axis: Axis::linear("ratio of medians"),
        bars,
        reference: Some(1.0),
    }
}
