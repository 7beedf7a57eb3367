//! What an evaluation found: for people, as JSON, and a line for each image.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bossnas_data::dataset::Layout;
use bossnas_data::jpeg_decoder;
use bossnas_files::{AtomicFile, WriteError};
use bossnas_hub as hub;
use bossnas_hub::cache::Trust;
use bossnas_report::statistics::wilson;
use bossnas_report::{Align, Table, escape, units};
use bossnas_zoo::eval::{ClassScore, Outcome, Scores};
use bossnas_zoo::predict::label;
use serde::Serialize;

use super::data::Data;
use super::{Args, Evaluated, SplitArg};
use crate::cli::context::Context;
use crate::cli::runtime::{self, PlacementReport};

/// Broken images that are named on stderr; all are in the JSON document.
const NAMED: usize = 10;

#[derive(Serialize)]
pub(super) struct Document {
    /// As it was asked for.
    model: String,
    file: PathBuf,
    weights: Option<String>,
    trust: Option<&'static str>,
    data: String,
    layout: &'static str,
    runtime: &'static str,
    batch: usize,
    streams: usize,
    threads: usize,
    jpeg_decoder: &'static str,
    exif: bool,
    /// Samples of the data set.
    samples: usize,
    /// Those that were used.
    images: u64,
    top1: Share,
    top5: Share,
    published: Option<Published>,
    broken: Vec<Broken>,
    seconds: Seconds,
    images_per_second: f64,
    placement: Option<PlacementReport>,
    #[serde(skip)]
    placement_line: Option<String>,
    classes: Vec<Class>,
}

/// A share of the images, with its 95 % interval.
#[derive(Serialize)]
struct Share {
    right: u64,
    #[serde(rename = "share")]
    value: f64,
    low: f64,
    high: f64,
}

/// What was published for the model, in per cent.
#[derive(Serialize)]
struct Published {
    top1: f64,
    top5: f64,
    source: String,
    /// Whether the published shares lie within the intervals.
    top1_within: bool,
    top5_within: bool,
}

#[derive(Serialize)]
struct Broken {
    name: String,
    reason: String,
}

#[derive(Serialize)]
struct Seconds {
    total: f64,
    load: f64,
    /// Sums over threads.
    read: f64,
    decode: f64,
    transform: f64,
    /// Sum over streams.
    inference: f64,
}

#[derive(Serialize)]
struct Class {
    #[serde(rename = "class")]
    number: usize,
    label: String,
    images: u64,
    top1: Share,
    top5: Share,
}

impl Share {
    fn of(right: u64, images: u64) -> Self {
        let [low, high] = wilson(right, images);
        Self { right, value: if images > 0 { right as f64 / images as f64 } else { 0.0 }, low, high }
    }

    /// `80.80 % (78.24 to 83.12)`.
    fn text(&self) -> String {
        format!("{:.2} % ({:.2} to {:.2})", self.value * 100.0, self.low * 100.0, self.high * 100.0)
    }

    fn holds(&self, per_cent: f64) -> bool {
        (self.low..=self.high).contains(&(per_cent / 100.0))
    }
}

impl Document {
    pub(super) fn new(evaluated: &Evaluated<'_>, context: &Context) -> anyhow::Result<Self> {
        let &Evaluated { args, name, model, classifier, data, streams, outcome } = evaluated;
        let runtime = streams[0].runtime;
        let scores = Scores::of(&outcome.predictions);
        let ClassScore { images, top1, top5 } = scores.all;
        let (top1, top5) = (Share::of(top1, images), Share::of(top5, images));
        let class = |(number, score): (usize, &ClassScore)| Class {
            number,
            label: label(number, data.labels(classifier)),
            images: score.images,
            top1: Share::of(score.top1, score.images),
            top5: Share::of(score.top5, score.images),
        };
        let used = |(_, score): &(usize, &ClassScore)| score.images > 0;
        let seconds = |time: Duration| time.as_secs_f64();
        Ok(Self {
            model: name.to_owned(),
            file: model.path.clone(),
            weights: classifier.source.as_ref().map(ToString::to_string),
            trust: model.trust.map(Trust::name),
            data: data.set.path().display().to_string(),
            layout: data.set.layout().name(),
            runtime: runtime.name(),
            batch: streams[0].inputs[0].shape[0],
            streams: streams.len(),
            threads: streams.iter().map(|stream| stream.settings.thread_count()).sum(),
            jpeg_decoder: jpeg_decoder().name(),
            exif: args.exif,
            samples: data.set.len(),
            images,
            published: published(evaluated, &top1, &top5, context)?,
            classes: scores.classes.iter().enumerate().filter(used).map(class).collect(),
            top1,
            top5,
            broken: outcome
                .broken
                .iter()
                .map(|(index, reason)| Broken {
                    name: data.set.sample(*index).map(|sample| sample.name()).unwrap_or_default(),
                    reason: reason.clone(),
                })
                .collect(),
            seconds: Seconds {
                total: seconds(outcome.total),
                load: seconds(outcome.load),
                read: seconds(outcome.times.read),
                decode: seconds(outcome.times.decode),
                transform: seconds(outcome.times.transform),
                inference: seconds(outcome.inference),
            },
            images_per_second: (outcome.predictions.len() + outcome.broken.len()) as f64 / seconds(outcome.total),
            placement: outcome.placement.as_ref().map(|placement| PlacementReport::new(placement, runtime)),
            placement_line: outcome.placement.as_ref().map(runtime::describe),
        })
    }

    pub(super) fn print(&self, args: &Args, context: &Context) -> anyhow::Result<()> {
        let console = context.console;
        let style = console.style();
        console.line(style.bold(escape(&self.model)))?;
        let broken = if self.broken.is_empty() { String::new() } else { format!(", {} broken", self.broken.len()) };
        let s = &self.seconds;
        let per_image = |seconds: f64| units::duration(Duration::from_secs_f64(seconds / self.images.max(1) as f64));
        let mut lines = vec![
            ("data", format!("{}: {}, {} of {} used{broken}", self.data, self.layout, self.images, self.samples)),
            ("top-1", self.top1.text()),
            ("top-5", self.top5.text()),
        ];
        if let Some(published) = &self.published {
            let within = |within: bool| if within { "within" } else { "outside of" };
            lines.push((
                "published",
                format!(
                    "{} % top-1 ({} the interval), {} % top-5 ({} the interval), by {}",
                    published.top1,
                    within(published.top1_within),
                    published.top5,
                    within(published.top5_within),
                    published.source
                ),
            ));
        }
        lines.push((
            "speed",
            format!(
                "{:.1} images/s on {} with {} threads in {} streams of {} images; {} in all",
                self.images_per_second,
                self.runtime,
                self.threads,
                self.streams,
                self.batch,
                units::duration(Duration::from_secs_f64(s.total))
            ),
        ));
        lines.push((
            "an image",
            format!(
                "read {}, decode {}, transform {}, inference {} (times of threads, which overlap)",
                per_image(s.read),
                per_image(s.decode),
                per_image(s.transform),
                per_image(s.inference)
            ),
        ));
        lines.extend(self.placement_line.iter().map(|line| ("placement", line.clone())));
        for (label, text) in lines {
            console.line(format_args!("  {label:<10}{}", escape(&text)))?;
        }
        if args.per_class {
            console.line("")?;
            console.print(self.table().render(style))?;
        }
        for Broken { name, reason } in self.broken.iter().take(NAMED) {
            let named = if reason.contains(name.as_str()) { String::new() } else { format!("{name}: ") };
            console.warn(format_args!("{named}{reason}"));
        }
        if self.broken.len() > NAMED {
            console.warn(format_args!("and {} more that cannot be used", self.broken.len() - NAMED));
        }
        if let Some(weights) = &self.weights {
            console.note(format_args!("weights: {weights}"));
        }
        crate::cli::images::note_decoder(console);
        Ok(())
    }

    fn table(&self) -> Table {
        let mut table = Table::new([
            ("class", Align::Right),
            ("label", Align::Left),
            ("images", Align::Right),
            ("top-1", Align::Right),
            ("top-5", Align::Right),
        ]);
        for class in &self.classes {
            table.row([
                class.number.to_string(),
                class.label.clone(),
                class.images.to_string(),
                class.top1.text(),
                class.top5.text(),
            ]);
        }
        table
    }
}

/// What the registry says of a model of this name.
fn published(
    evaluated: &Evaluated<'_>,
    top1: &Share,
    top5: &Share,
    context: &Context,
) -> anyhow::Result<Option<Published>> {
    let Some(name) = &evaluated.classifier.model else { return Ok(None) };
    let registry = context.registry()?;
    let published = registry.find(name).and_then(|model| model.published.as_ref());
    Ok(published.filter(|published| is_comparable(published, evaluated, &registry)).map(|published| Published {
        top1: published.top1,
        top5: published.top5,
        source: published.source.clone(),
        top1_within: top1.holds(published.top1),
        top5_within: top5.holds(published.top5),
    }))
}

/// Whether published figures are of images like these. Whether a folder of images is ImageNet's is for people to judge.
fn is_comparable(published: &hub::Published, evaluated: &Evaluated<'_>, registry: &hub::Registry) -> bool {
    let layout = evaluated.data.set.layout();
    match published.data_set.as_deref().and_then(|name| registry.data_set(name)) {
        Some(set) => match set.layout {
            hub::Layout::Digits => layout == Layout::Digits && evaluated.args.split == SplitArg::Test,
            hub::Layout::Cifar10 => layout == Layout::Cifar10,
            hub::Layout::Cifar100 => layout == Layout::Cifar100,
            hub::Layout::RankFiles => false,
        },
        None => matches!(layout, Layout::Folders | Layout::List),
    }
}

/// A line for each image that was used: number, name, its class, the likeliest class, the rank of its class.
pub(super) fn write_csv(path: &Path, outcome: &Outcome, data: &Data, labels: &[String]) -> anyhow::Result<()> {
    let mut file = AtomicFile::create(path)?;
    let failed = |error| WriteError::from_io(path, error);
    let mut text = "index,name,class,label,predicted,predicted_label,probability,rank\n".to_owned();
    for prediction in &outcome.predictions {
        let name = data.set.sample(prediction.index).map(|sample| sample.name()).unwrap_or_default();
        let rank = if prediction.rank == u32::MAX { String::new() } else { prediction.rank.to_string() };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{},{},{},{},{},{},{:.6},{rank}",
            prediction.index,
            quoted(&name),
            prediction.label,
            quoted(&label(prediction.label as usize, labels)),
            prediction.class,
            quoted(&label(prediction.class as usize, labels)),
            prediction.probability,
        );
        if text.len() > 1 << 16 {
            file.write_all(text.as_bytes()).map_err(failed)?;
            text.clear();
        }
    }
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.commit()?;
    Ok(())
}

/// A field as RFC 4180 writes it.
pub(crate) fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        assert_eq!(quoted("a b"), "a b");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
    }

    #[test]
    fn a_share_holds_what_is_in_its_interval() {
        let share = Share::of(808, 1000);
        assert!(share.holds(80.8) && share.holds(82.0) && !share.holds(84.0));
        assert_eq!(share.text(), "80.80 % (78.24 to 83.12)");
    }
}
