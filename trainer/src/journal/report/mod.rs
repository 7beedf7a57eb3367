//! `report.html`: a run on one page that needs nothing beside it.
//!
//! [`write()`] reads what lies in the folder of the run (`log.jsonl`, and `ratings/history.json`, `arch.json` and `config.toml` where they
//! are there) and writes the page, whole or not at all. The same files give the same page: all times on it are those of the log.
//! It works at any time, from the first event of a run on.

mod curves;
mod head;
mod paths;
mod run;
mod speed;

use std::path::Path;

use bossnas_files::write_file;
use bossnas_report::html::Page;
use bossnas_report::plot::{Axis, Band, Line, Lines, Milestone};

use self::run::Run;
use super::JournalError;

/// The page's name in the folder of a run.
pub const NAME: &str = "report.html";

/// Numbers beyond are not drawn: a run that has diverged still has a report.
const LARGEST: f64 = 1e30;

const NOTES: [(&str, &str); 10] = [
    (
        "stage, epoch, step",
        "Stages and the epochs of a stage are counted from 0, as in files and options. A step is a batch; steps are counted over the whole run, from 1.",
    ),
    ("loss", "What training lowers: the mean over the paths of a batch of half the sum of both losses, from -4 to 4."),
    (
        "learning rate, momentum",
        "The learning rate falls to 0 along a cosine in every stage. The momentum, with which the target follows the online network, rises to 1.",
    ),
    ("path", "The operations of a stage's layers, one digit each."),
    (
        "score",
        "The mean loss of a path's predictions against the mean target of all paths, from -4 to 4: the lower, the better.",
    ),
    (
        "rank",
        "The place of a path when all paths of a stage are in order of their scores. What goes on is the best path that the next stage can follow.",
    ),
    (
        "ahead by",
        "How much better than the next path the chosen one is: where it is small, another seed may choose another path.",
    ),
    (
        "tau",
        "Kendall's tau-b between two ratings of the same paths: 1 where the order is the same, 0 where nothing of it is left, -1 where it is reversed.",
    ),
    (
        "waiting",
        "The share of the time in which training waited for pictures. Above a few per cent, more threads for pictures make a run faster.",
    ),
    ("memory", "What the process has in memory, without that of a graphics card."),
];

/// Writes `report.html` into the folder of a run. `drawing` is an SVG document that shows the chosen architecture.
pub fn write(run: &Path, drawing: Option<&str>) -> Result<(), JournalError> {
    let page = page(&Run::read(run)?, drawing)?;
    Ok(write_file(run.join(NAME), page.render().as_bytes())?)
}

fn page(run: &Run, drawing: Option<&str>) -> Result<Page, JournalError> {
    let space = run.start().map_or(String::new(), |start| format!(" in {}", start.space));
    let mut page = Page::new(&format!("Search{space}"));
    page.lead(&head::lead(run));
    page.facts(&head::facts(run));
    page.section("Architecture");
    head::architecture(&mut page, run, drawing);
    page.section("Training");
    curves::training(&mut page, run)?;
    page.section("Ratings");
    paths::ratings(&mut page, run)?;
    page.section("Speed and memory");
    speed::speed(&mut page, run)?;
    if let Some(config) = &run.config {
        page.section("Configuration");
        page.listing(config);
    }
    page.notes(&NOTES);
    Ok(page)
}

/// A quantity over the steps.
struct Curve<'a> {
    title: &'a str,
    axis: Axis,
    lines: Vec<Line>,
    band: Option<Band>,
    caption: &'a str,
}

impl Curve<'_> {
    /// Draws it, with a mark where a stage begins. Nothing is drawn of nothing.
    fn draw(self, page: &mut Page, run: &Run) -> Result<(), JournalError> {
        if self.lines.iter().all(|line| line.pieces.is_empty()) {
            return Ok(());
        }
        let plot = Lines {
            title: self.title.into(),
            x: Axis::linear("step"),
            y: self.axis,
            lines: self.lines,
            band: self.band,
            milestones: milestones(run),
        };
        page.figure(&plot.render()?, self.caption);
        Ok(())
    }
}

/// Where each stage begins.
fn milestones(run: &Run) -> Vec<Milestone> {
    let stages = run.steps().collect::<Vec<_>>();
    let firsts = stages.chunk_by(|a, b| a.stage == b.stage).filter_map(|steps| steps.first());
    firsts.map(|step| Milestone { x: step.step as f64, label: format!("stage {}", step.stage) }).take(100).collect()
}

/// Whether a number can be drawn.
fn is_drawable(value: f64) -> bool {
    value.is_finite() && value.abs() <= LARGEST
}

/// The points of a quantity in pieces: it breaks off where `breaks` says so between two of its points, and where a value cannot be drawn.
fn pieces<T>(
    items: &[T],
    breaks: impl Fn(&T, &T) -> bool,
    point: impl Fn(&T) -> Option<[f64; 2]>,
) -> Vec<Vec<[f64; 2]>> {
    let mut pieces = vec![Vec::new()];
    let mut before = None;
    for item in items {
        let is_apart = before.is_none_or(|before| breaks(before, item));
        let drawable = point(item).filter(|[_, y]| is_drawable(*y));
        if is_apart || drawable.is_none() {
            pieces.push(Vec::new());
        }
        if let (Some(point), Some(piece)) = (drawable, pieces.last_mut()) {
            piece.push(point);
        }
        before = Some(item);
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}
