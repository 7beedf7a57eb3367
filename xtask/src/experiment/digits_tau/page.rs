//! What came of it, as a page: how far ratings agree with the truth, and how far the truth agrees with itself.

use std::fmt::Write as _;

use bossnas_files::write_file;
use bossnas_report::plot::{Axis, Point, Scatter, Series};
use bossnas_report::statistics::correlation::Columns;

use super::super::pages;
use super::{Options, Trained, Way};
use crate::runs::{SIZE, Scores};

/// How far two columns are in the same order.
struct Agreement {
    /// Kendall's tau-b, where there is one.
    tau: Option<f64>,
    /// Its 95 % interval.
    interval: Option<[f64; 2]>,
}

/// What is held against the truth.
struct Row {
    name: &'static str,
    accuracy: Agreement,
    loss: Agreement,
}

impl Agreement {
    /// Of what should grow with the truth.
    fn of(scores: &[f64], truth: &[f64]) -> anyhow::Result<Self> {
        let columns = Columns::new(scores, truth)?;
        Ok(Self { tau: columns.coefficients().tau, interval: columns.intervals().tau })
    }

    /// The two cells of a table.
    fn cells(&self) -> String {
        let tau = self.tau.map_or_else(|| "-".to_owned(), |tau| format!("{tau:.2}"));
        let interval = self.interval.map_or_else(|| "-".to_owned(), |[low, high]| format!("{low:.2} to {high:.2}"));
        format!(" {tau} | {interval} |")
    }

    /// What the interval allows to say.
    fn verdict(&self) -> &'static str {
        match self.interval {
            Some([low, _]) if low > 0.0 => "better than chance",
            Some([_, high]) if high < 0.0 => "worse than chance",
            _ => "no different from chance, as far as so many architectures tell",
        }
    }
}

/// Each way of rating, and the first trainings against the others: what of the truth is there again under another seed.
fn rows(trained: &[Trained], ways: &[Way]) -> anyhow::Result<Vec<Row>> {
    let [top1, loss]: [Vec<f64>; 2] =
        [|one: &Trained| one.top1(), |one: &Trained| -one.loss()].map(|of| trained.iter().map(of).collect());
    let mut rows = Vec::new();
    for way in ways {
        // A rating is a loss.
        let turned: Vec<f64> = way.scores.iter().map(|score| -score).collect();
        let (accuracy, loss) = (Agreement::of(&turned, &top1)?, Agreement::of(&turned, &loss)?);
        rows.push(Row { name: way.name, accuracy, loss });
    }
    if trained.iter().all(|one| one.outcomes.len() > 1) {
        let split = |of: fn(&Scores) -> f64| {
            let first: Vec<f64> = trained.iter().map(|one| of(&one.outcomes[0])).collect();
            let mean = |rest: &[Scores]| rest.iter().map(of).sum::<f64>() / rest.len() as f64;
            let rest: Vec<f64> = trained.iter().map(|one| mean(&one.outcomes[1..])).collect();
            Agreement::of(&first, &rest)
        };
        let (accuracy, loss) = (split(|outcome| outcome.top1)?, split(|outcome| -outcome.loss)?);
        rows.push(Row { name: "the first training against the others", accuracy, loss });
    }
    Ok(rows)
}

pub(super) fn write(options: &Options, trained: &[Trained], ways: &[Way]) -> anyhow::Result<()> {
    let mut text = format!(
        "# Do ratings tell how good an architecture is?\n\n`cargo xtask experiment digits-tau` makes this page.\n\n\
         {} architectures of the space that `bossnas-train search --config digits` searches, drawn at random, were each trained alone \
         from the beginning, {} times under seeds from {} on, for {} epochs with the recipe `small` at {SIZE} pixels, and judged on the \
         359 digits that were held out. Kendall's tau-b with its 95 % interval, of the ratings with their sign turned (a rating is a \
         loss) against the mean accuracy, and against the mean loss on the same images, which has fewer ties. 1 is the same order, 0 \
         none. The last row is the most that any rating could reach: there the truth under one seed is held against the truth under \
         others.\n\n| rules | tau, accuracy | interval | tau, loss | interval |\n|---|---:|---:|---:|---:|\n",
        trained.len(),
        options.trainings,
        options.seed,
        options.epochs,
    );
    let rows = rows(trained, ways)?;
    for Row { name, accuracy, loss } in &rows {
        let cells = accuracy.cells() + &loss.cells();
        println!("{name:10} {cells}");
        let _ = writeln!(text, "| {name} |{cells}");
    }
    text += "\nBy the loss, the order is:\n\n";
    for Row { name, loss, .. } in &rows {
        let _ = writeln!(text, "- {name}: {}", loss.verdict());
    }
    text += "\n![Accuracy against ratings](digits-tau.svg)\n\n\
             | path | network | top-1 | loss | corrected | published |\n|---|---|---:|---:|---:|---:|\n";
    for (number, one) in trained.iter().enumerate() {
        let scores: Vec<String> = ways.iter().take(2).map(|way| format!(" {:.4} |", way.scores[number])).collect();
        let scores = scores.concat();
        let Trained { paths, network, .. } = one;
        let _ = writeln!(text, "| `{paths}` | `{network}` | {:.2} | {:.4} |{scores}", one.top1(), one.loss());
    }
    let pages = pages()?;
    write_file(pages.join("digits-tau.svg"), plot(trained, ways).render()?.as_bytes())?;
    write_file(pages.join("digits-tau.md"), text.as_bytes())?;
    println!("wrote docs/experiments/digits-tau.md and its plot");
    Ok(())
}

/// Accuracy by rank: ratings by different rules have different scales.
fn plot(trained: &[Trained], ways: &[Way]) -> Scatter {
    let series = ways.iter().take(2).map(|way| {
        let rank = |score: f64| way.scores.iter().filter(|other| **other < score).count() as f64 + 1.0;
        let points = way.scores.iter().zip(trained).map(|(&score, one)| Point::new(rank(score), one.top1())).collect();
        Series { name: way.name.to_owned(), points, joined: false }
    });
    Scatter {
        title: "Accuracy of architectures trained alone".to_owned(),
        x: Axis::linear("rank by rating, 1 is the best"),
        y: Axis::linear("top-1, %"),
        series: series.collect(),
    }
}
