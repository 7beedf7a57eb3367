//! What narrower types cost in accuracy, on images whose labels are known.

use std::sync::Arc;

use bossnas_data::dataset::Split;
use bossnas_data::loader::LoaderOptions;
use bossnas_report::{Counted, Failure};
use bossnas_zoo::eval::{Job, Scores, evaluate, streams};
use bossnas_zoo::runtime::{Precision, Runtime, Settings, available_cpus};

use super::Args;
use super::screen::Screened;
use crate::cli::bench::model::Model;
use crate::cli::classifier::{Classifier, ClassifierArgs};
use crate::cli::context::Context;
use crate::cli::eval::data::Data;
use crate::cli::eval::{explain, spread};

/// Images at a time where the file takes any number.
const BATCH: usize = 8;

/// Top-1 accuracies of what was tried.
pub(super) struct Accuracies {
    /// Images that were classified.
    pub(super) images: usize,
    /// Top-1 of the float32 that all are held against.
    pub(super) reference: f64,
}

impl Accuracies {
    /// Evaluates each runtime and precision once, and drops the settings of those that lose too much.
    pub(super) fn of(
        data: &str,
        args: &Args,
        model: &Model,
        screened: &mut [Screened],
        context: &Context,
    ) -> anyhow::Result<Self> {
        let file = &model.file.path;
        let classifier = Classifier::of(&ClassifierArgs::of_size(args.size), file, context)?;
        let data = Data::open(data, Split::Test, &classifier, context)?;
        let indices = spread(data.set.len(), Some(args.limit));
        let mut pairs: Vec<(Runtime, Precision)> = Vec::new();
        for it in screened.iter().filter(|it| it.passed()) {
            let pair = (it.setting.runtime, it.setting.precision);
            if !pairs.contains(&pair) {
                pairs.push(pair);
            }
        }
        // The exact ones first: the first of them is the reference.
        pairs.sort_by_key(|&(_, precision)| precision);
        let progress = context.console.progress();
        let bar = progress.bar_of("accuracy", Counted::Things("images"));
        bar.start(0, Some((pairs.len() * indices.len()) as u64));
        let mut reference = None;
        let mut images = 0;
        for (round, &(runtime, precision)) in pairs.iter().enumerate() {
            let settings = Settings {
                threads: Some(available_cpus()),
                precision,
                profile: matches!(runtime, Runtime::Ort(_)),
                ..Settings::default()
            };
            let batch = classifier.batch.unwrap_or(BATCH);
            let job = Job {
                streams: streams(&classifier.load(file, runtime, settings, batch)),
                data: Arc::clone(&data.set),
                indices: indices.clone(),
                classes: data.classes.clone(),
                loader: LoaderOptions::new(classifier.how.clone()),
                strict: false,
            };
            let before = (round * indices.len()) as u64;
            let outcome = evaluate(&job, |done| bar.set(before + done))
                .map_err(|error| explain(error, file, data.set.layout()))?;
            let score = Scores::of(&outcome.predictions).all;
            if score.images == 0 {
                return Err(Failure::failed("none of the images could be used: there is no accuracy to lose").into());
            }
            images = outcome.predictions.len();
            let top1 = score.top1 as f64 / score.images as f64;
            let before = *reference.get_or_insert(top1);
            for it in screened.iter_mut() {
                if (it.setting.runtime, it.setting.precision) != (runtime, precision) || !it.passed() {
                    continue;
                }
                it.accuracy = Some(top1);
                let lost = (before - top1) * 100.0;
                if lost > args.max_drop {
                    it.dropped = Some(format!("it loses {lost:.2} points of top-1 on {images} images"));
                }
            }
        }
        let reference = reference.ok_or_else(|| super::nothing_left(args, model, screened))?;
        Ok(Self { images, reference })
    }
}
