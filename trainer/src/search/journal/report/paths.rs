//! Ratings of paths: over time, by rank, and how much their order changes.

use bossnas_report::html::Page;
use bossnas_report::plot::{Axis, Band, Line, Lines, Point, Scatter, Series};
use bossnas_report::statistics::correlation::Columns;
use bossnas_report::{Align, Table};

use super::super::event::Rating;
use super::milestones;
use super::run::{Run, Scored};
use crate::journal::JournalError;
use crate::journal::page::{is_drawable, pieces};

/// Paths that are named in a plot.
const NAMED: usize = 5;

/// The ratings of all stages.
pub(super) fn ratings(page: &mut Page, run: &Run) -> Result<(), JournalError> {
    let stages = run.scores_of_stages();
    let ratings: Vec<&Rating> = run.ratings();
    if stages.is_empty() && ratings.is_empty() {
        page.paragraph("Nothing is rated yet.");
        return Ok(());
    }
    over_time(page, run, &ratings)?;
    for (stage, ratings) in &stages {
        let ranked = ratings.last().map(|last| last.ranked()).unwrap_or_default();
        if let Some(last) = ratings.last().filter(|_| !ranked.is_empty()) {
            let caption = format!("All paths of stage {stage} after epoch {}.", last.epoch);
            page.figure(&ranks(*stage, &ranked).render()?, &caption);
        }
    }
    let moves = moves(stages.values().map(Vec::as_slice));
    if !moves.is_empty() {
        page.paragraph("How much the order of the paths changed from one rating of a stage to the next:");
        page.table(&moves);
    }
    Ok(())
}

/// Best, median and worst score of each rating; a stage is a piece.
fn over_time(page: &mut Page, run: &Run, ratings: &[&Rating]) -> Result<(), JournalError> {
    let values = |rating: &Rating| [rating.score, rating.median, rating.worst];
    let drawable: Vec<&Rating> =
        ratings.iter().copied().filter(|rating| values(rating).into_iter().all(is_drawable)).collect();
    if drawable.is_empty() {
        return Ok(());
    }
    let line = |name: &str, value: fn(&Rating) -> f64| Line {
        name: name.into(),
        pieces: pieces(&drawable, |a, b| a.stage != b.stage, |rating| Some([rating.step as f64, value(rating)])),
    };
    let around = |rating: &&Rating| {
        let low = rating.score.min(rating.worst);
        [rating.step as f64, low, rating.worst.max(low)]
    };
    let band = drawable.chunk_by(|a, b| a.stage == b.stage).map(|stage| stage.iter().map(around).collect());
    let lines = Lines {
        title: "Ratings over time".into(),
        x: Axis::linear("step"),
        y: Axis::linear("score (lower is better)"),
        lines: vec![
            line("best", |rating| rating.score),
            line("median", |rating| rating.median),
            line("worst", |rating| rating.worst),
        ],
        band: Some(Band { name: "all paths".into(), pieces: band.collect() }),
        milestones: milestones(run),
    };
    page.figure(&lines.render()?, "Best, median and worst path of each rating. Each stage has paths of its own.");
    Ok(())
}

/// Score against rank, the best paths named.
fn ranks(stage: usize, ranked: &[(&str, f64)]) -> Scatter {
    let point = |(place, (_, score)): (usize, &(&str, f64))| Point::new((place + 1) as f64, *score);
    let named = |(place, entry): (usize, &(&str, f64))| Point { label: Some(entry.0.into()), ..point((place, entry)) };
    let (best, others) = ranked.split_at(NAMED.min(ranked.len()));
    let others = others.iter().enumerate().map(|(place, entry)| point((place + best.len(), entry)));
    let series = |name: String, points| Series { name, points, joined: false };
    let mut all = vec![series(format!("the best {}", best.len()), best.iter().enumerate().map(named).collect())];
    if ranked.len() > best.len() {
        all.push(series(format!("{} others", ranked.len() - best.len()), others.collect()));
    }
    Scatter {
        title: format!("Scores by rank, stage {stage}"),
        x: Axis::linear("rank"),
        y: Axis::linear("score (lower is better)"),
        series: all,
    }
}

/// A row for each two ratings of a stage that follow each other.
fn moves<'a>(stages: impl Iterator<Item = &'a [&'a Scored]>) -> Table {
    let mut table = Table::new([
        ("stage", Align::Right),
        ("epochs", Align::Left),
        ("tau", Align::Right),
        ("95 % interval", Align::Left),
        ("best before", Align::Left),
        ("its rank after", Align::Right),
    ]);
    for pair in stages.flat_map(|ratings| ratings.windows(2)) {
        let (before, after) = (pair[0], pair[1]);
        let (ranked, later) = (before.ranked(), after.ranked());
        let place = |path: &str| later.iter().position(|(other, _)| *other == path);
        let both: Vec<(f64, f64)> =
            ranked.iter().filter_map(|&(path, score)| Some((score, later.get(place(path)?)?.1))).collect();
        let (x, y): (Vec<f64>, Vec<f64>) = both.into_iter().unzip();
        let columns = Columns::new(&x, &y).ok();
        let tau = columns.as_ref().and_then(|columns| columns.coefficients().tau);
        let interval = columns.as_ref().and_then(|columns| columns.intervals().tau);
        let best = ranked.first().map_or("", |(path, _)| path);
        table.row([
            before.stage.to_string(),
            format!("{} to {}", before.epoch, after.epoch),
            tau.map_or_else(|| "none".to_owned(), |tau| format!("{tau:.3}")),
            interval.map_or_else(String::new, |[low, high]| format!("[{low:.3}, {high:.3}]")),
            best.to_owned(),
            place(best).map_or_else(String::new, |place| (place + 1).to_string()),
        ]);
    }
    table
}
