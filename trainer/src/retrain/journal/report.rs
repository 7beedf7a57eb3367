//! `report.html`: a retraining on one page that needs nothing beside it.
//!
//! [`write()`] reads `log.jsonl` and `config.toml` of the run's folder and writes the page, whole or not at all. The same files give
//! the same page: all times on it are those of the log. It works at any time, from the first event of a run on.

use std::path::Path;

use bossnas_files::write_file;
use bossnas_report::html::Page;
use bossnas_report::plot::{Axis, Line};
use bossnas_report::{Align, Table, units};

use super::event::{Epoch, Event, Reason, Step};
use crate::journal::page::{self, Broken, Curve, MAX_TEXT, date, duration, pieces, seed, text, worked};
use crate::journal::{Event as _, JournalError, log};
use crate::retrain::score::Scores;

/// The page's name in the folder of a run.
pub const NAME: &str = "report.html";

/// Epochs in the table: all of short runs, of long ones some.
const ROWS: usize = 40;

const NOTES: [(&str, &str); 8] = [
    (
        "epoch, step",
        "Epochs are counted from 0, as in files. A step is a batch; steps are counted over the whole run, from 1.",
    ),
    (
        "loss",
        "What training lowers: the cross entropy against smoothed and mixed labels. That of an evaluation is against plain labels, so the two cannot be compared.",
    ),
    (
        "top-1, top-5",
        "The share of images whose class is the likeliest, or among the five likeliest. Every image counts once.",
    ),
    ("model, model_ema", "The network in training, and the running average of its weights."),
    (
        "best",
        "The weights with the highest top-1 of all evaluations. They were chosen on the images that they are judged by, which flatters them a little; the last epoch was not chosen.",
    ),
    ("norm of the gradients", "Before they were clipped; known only where clipping asks for it."),
    (
        "waiting",
        "The share of the time in which training waited for pictures. Above a few per cent, more threads for pictures make a run faster.",
    ),
    ("memory", "What the process has in memory, without that of a graphics card."),
];

/// What lies in the folder of a run.
struct Run {
    events: Vec<Event>,
    config: Option<String>,
}

impl Run {
    fn steps(&self) -> Vec<&Step> {
        self.events.iter().filter_map(|event| if let Event::Step(step) = event { Some(step) } else { None }).collect()
    }

    fn epochs(&self) -> Vec<&Epoch> {
        self.events
            .iter()
            .filter_map(|event| if let Event::Epoch(epoch) = event { Some(epoch) } else { None })
            .collect()
    }

    /// The best weights: which, after which epoch, and how good.
    fn best(&self) -> Option<(&'static str, u64, Scores)> {
        let mut best: Option<(&'static str, u64, Scores)> = None;
        for epoch in self.epochs() {
            for (name, scores) in both(epoch) {
                if best.is_none_or(|(_, _, others)| scores.beat(&others)) {
                    best = Some((name, epoch.epoch, scores));
                }
            }
        }
        best
    }
}

/// The scores of an epoch that are there.
fn both(epoch: &Epoch) -> impl Iterator<Item = (&'static str, Scores)> {
    let named = [("model", epoch.model), ("model_ema", epoch.model_ema)];
    named.into_iter().filter_map(|(name, scores)| Some((name, scores?)))
}

/// Writes `report.html` into the folder of a run. `drawing` is an SVG document that shows the network.
pub fn write(run: &Path, drawing: Option<&str>) -> Result<(), JournalError> {
    let read = Run { events: log::read(&run.join(log::NAME))?, config: text(&run.join("config.toml"), MAX_TEXT)? };
    Ok(write_file(run.join(NAME), page(&read, drawing)?.render().as_bytes())?)
}

fn page(run: &Run, drawing: Option<&str>) -> Result<Page, JournalError> {
    let arch = run.events.iter().find_map(|event| match event {
        Event::Start { arch, .. } => Some(format!(" of {arch}")),
        _ => None,
    });
    let mut page = Page::new(&format!("Retraining{}", arch.unwrap_or_default()));
    page.lead(&lead(run));
    page.facts(&facts(run));
    page.section("Accuracy");
    accuracy(&mut page, run)?;
    page.section("Training");
    training(&mut page, run)?;
    page.section("Speed and memory");
    speed(&mut page, run)?;
    if let Some(drawing) = drawing {
        page.section("Network");
        page.figure(drawing, "The network");
    }
    if let Some(config) = &run.config {
        page.section("Configuration");
        page.listing(config);
    }
    page.notes(&NOTES);
    Ok(page)
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// How good the network is, or how far it is.
fn lead(run: &Run) -> String {
    let state = state(run);
    match run.best() {
        Some((name, epoch, scores)) => format!(
            "The training is {state}. Best so far: {name} after epoch {epoch}, top-1 {}, top-5 {}.",
            percent(scores.top1),
            percent(scores.top5)
        ),
        None => format!("The training is {state}."),
    }
}

/// Finished, stopped, or running: what the last event says.
fn state(run: &Run) -> String {
    let step = |step: u64| format!("at step {}", units::grouped(step));
    match run.events.last() {
        Some(Event::End { .. }) => "finished".to_owned(),
        Some(Event::Stop { step: at, reason, .. }) => {
            let reason = match reason {
                Reason::Interrupt => "by a signal",
                Reason::MaxSteps => "after as many steps as were asked for",
            };
            format!("stopped {}, {reason}", step(*at))
        }
        Some(event) => format!("running, {}", step(event.step())),
        None => "about to begin".to_owned(),
    }
}

/// What the run is, and how far it is.
fn facts(run: &Run) -> Vec<(&'static str, String)> {
    let mut facts = vec![("state", state(run))];
    let done = run.events.last().map_or(0, |event| event.step());
    let mut version = None;
    for event in &run.events {
        if let Event::Start { version: program, arch, recipe, data_set, images: [train, test], epochs, steps, .. } =
            event
        {
            facts.push(("network", arch.clone()));
            facts.push(("recipe", recipe.clone()));
            let images = format!("{data_set}: {} to train on, {} to judge by", counted(*train), counted(*test));
            facts.push(("images", images));
            facts.push(("epochs", format!("{} of {}", run.epochs().len(), units::grouped(*epochs))));
            facts.push(("steps", format!("{} of {}", units::grouped(done), units::grouped(*steps))));
            version = Some(program.clone());
        }
    }
    facts.extend(run.config.as_deref().and_then(seed).map(|seed| ("seed", seed)));
    facts.push(("time", duration(seconds(run))));
    if let (Some(first), Some(last)) = (run.events.first(), run.events.last()) {
        facts.push(("began", date(first.time())));
        facts.push(("last entry", date(last.time())));
    }
    let resumed = run.events.iter().filter(|event| matches!(event, Event::Resume { .. })).count();
    if resumed > 0 {
        facts.push(("resumed", units::counted(resumed, "time")));
    }
    facts.extend(version.map(|version| ("bossnas-train", version)));
    facts
}

fn counted(images: usize) -> String {
    units::grouped(images as u64)
}

/// The seconds in which a process worked.
fn seconds(run: &Run) -> f64 {
    let begins = |event: &Event| matches!(event, Event::Start { .. } | Event::Resume { .. });
    worked(&run.events, begins).map(|(_, seconds)| seconds).sum()
}

/// Curves and a table of the evaluations.
fn accuracy(page: &mut Page, run: &Run) -> Result<(), JournalError> {
    let epochs = run.epochs();
    if epochs.iter().all(|epoch| both(epoch).next().is_none()) {
        page.paragraph("Nothing is evaluated yet.");
        return Ok(());
    }
    let line = |name: &str, value: &dyn Fn(&Epoch) -> Option<f64>| Line {
        name: name.into(),
        pieces: pieces(&epochs, |_, _| false, |epoch| Some([epoch.step as f64, value(epoch)?])),
    };
    let mut draw = |title: &str, axis: &str, value: &dyn Fn(Scores) -> f64, caption: &str| {
        let lines =
            [line("model", &|epoch| epoch.model.map(value)), line("model_ema", &|epoch| epoch.model_ema.map(value))];
        let lines = lines.into_iter().filter(|line| !line.pieces.is_empty()).collect();
        Curve { title, axis: Axis::linear(axis), lines, band: None, caption }.draw(page, &[])
    };
    let caption = "The share of test images whose class is the likeliest, after each epoch.";
    draw("Top-1", "top-1, %", &|scores| 100.0 * scores.top1, caption)?;
    let caption = "The share of test images whose class is among the five likeliest.";
    draw("Top-5", "top-5, %", &|scores| 100.0 * scores.top5, caption)?;
    let caption = "The mean cross entropy against plain labels.";
    draw("Loss on test images", "loss", &|scores| scores.loss, caption)?;
    page.table(&table(&epochs));
    Ok(())
}

/// The evaluations: all of them, or some that are spread evenly, the last one included.
fn table(epochs: &[&Epoch]) -> Table {
    let mut table = Table::new([
        ("epoch", Align::Right),
        ("learning rate", Align::Right),
        ("training loss", Align::Right),
        ("model top-1", Align::Right),
        ("top-5", Align::Right),
        ("loss", Align::Right),
        ("model_ema top-1", Align::Right),
        ("top-5", Align::Right),
        ("loss", Align::Right),
    ]);
    let every = epochs.len().div_ceil(ROWS).max(1);
    for (place, epoch) in epochs.iter().enumerate() {
        if (epochs.len() - 1 - place) % every != 0 {
            continue;
        }
        let cells = |scores: Option<Scores>| {
            scores.map_or_else(Default::default, |scores| {
                [percent(scores.top1), percent(scores.top5), format!("{:.4}", scores.loss)]
            })
        };
        let first = [epoch.epoch.to_string(), format!("{:.3e}", epoch.lr), format!("{:.4}", epoch.train_loss)];
        table.row(first.into_iter().chain(cells(epoch.model)).chain(cells(epoch.model_ema)));
    }
    table
}

/// Loss, learning rate, norm of the gradients and scale of the loss over the steps, and the pictures that could not be read.
fn training(page: &mut Page, run: &Run) -> Result<(), JournalError> {
    let steps = run.steps();
    page::losses(page, &steps, &[], "Against smoothed and mixed labels.")?;
    let norm: fn(&Step) -> f64 = |step| step.norm.unwrap_or(f64::NAN);
    let further = [("Norm of the gradients", "norm", norm, "Before they were clipped.")];
    let caption = "A warm-up, a cosine by epoch, and a cool-down.";
    let known = if steps.iter().any(|step| step.norm.is_some()) { &further[..] } else { &[] };
    page::rates(page, &steps, &[], caption, known)?;
    let broken = run.events.iter().filter_map(|event| match event {
        Event::Broken { step, name, error, .. } => Some(Broken { step: *step, name, error }),
        _ => None,
    });
    page::broken(page, broken);
    Ok(())
}

/// A table, and curves of speed and memory.
fn speed(page: &mut Page, run: &Run) -> Result<(), JournalError> {
    let steps = run.steps();
    if steps.is_empty() {
        page.paragraph("No step is done yet.");
        return Ok(());
    }
    let time = duration(seconds(run));
    page.table(&page::speed_table("part", &steps, ("time with evaluations", &|_| Some(time.clone()))));
    page::speed(page, &steps, &[])
}
