//! `report.html`: a run on one page that needs nothing beside it.
//!
//! [`write()`] reads what lies in the folder of the run (`log.jsonl`, and `ratings/history.json`, `arch.json` and `config.toml` where they
//! are there) and writes the page, whole or not at all. The same files give the same page: all times on it are those of the log.
//! It works at any time, from the first event of a run on.

mod head;
mod paths;
mod run;

use std::path::Path;

use bossnas_files::write_file;
use bossnas_report::html::Page;
use bossnas_report::plot::Milestone;

use self::run::Run;
use super::event::{Event, Step};
use crate::journal::JournalError;
use crate::journal::page::{self, Broken};

/// The page's name in the folder of a run.
pub const NAME: &str = "report.html";

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
    training(&mut page, run)?;
    page.section("Ratings");
    paths::ratings(&mut page, run)?;
    page.section("Speed and memory");
    speed(&mut page, run)?;
    if let Some(config) = &run.config {
        page.section("Configuration");
        page.listing(config);
    }
    page.notes(&NOTES);
    Ok(page)
}

/// Loss, learning rate, momentum and scale of the loss over the steps, and the pictures that could not be read.
fn training(page: &mut Page, run: &Run) -> Result<(), JournalError> {
    let (steps, marks): (Vec<&Step>, _) = (run.steps().collect(), milestones(run));
    page::losses(page, &steps, &marks, "Losses of different stages cannot be compared.")?;
    let momentum: fn(&Step) -> f64 = |step| step.momentum;
    let caption = "How much of itself the target keeps at an update.";
    let further = [("Momentum of the target", "momentum", momentum, caption)];
    page::rates(page, &steps, &marks, "Each stage has a cosine of its own.", &further)?;
    let broken = run.events.iter().filter_map(|event| match event {
        Event::Broken { step, name, error, .. } => Some(Broken { step: *step, name, error }),
        _ => None,
    });
    page::broken(page, broken);
    Ok(())
}

/// A table of the stages, and curves of speed and memory.
fn speed(page: &mut Page, run: &Run) -> Result<(), JournalError> {
    let steps: Vec<&Step> = run.steps().collect();
    if steps.is_empty() {
        page.paragraph("No step is done yet.");
        return Ok(());
    }
    let times = head::seconds(run);
    let time = |stage: usize| times.get(&stage).map(|seconds| page::duration(*seconds));
    page.table(&page::speed_table("stage", &steps, ("time with ratings", &time)));
    page::speed(page, &steps, &milestones(run))
}

/// Where each stage begins.
fn milestones(run: &Run) -> Vec<Milestone> {
    let stages = run.steps().collect::<Vec<_>>();
    let firsts = stages.chunk_by(|a, b| a.stage == b.stage).filter_map(|steps| steps.first());
    firsts.map(|step| Milestone { x: step.step as f64, label: format!("stage {}", step.stage) }).take(100).collect()
}
