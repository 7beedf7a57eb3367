//! The network that a MODEL stands for: its architecture, its size, and, for a checkpoint, its weights.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use bossnas_converter::checkpoint::{Checkpoint, Choice, Mismatch, Notes, Recognised, StateDict, check, recognise};
use bossnas_converter::onnx::{Batch, Metadata, Source};
use bossnas_data::classes;
use bossnas_hub::{Embedded, Model, Registry, Resolved};
use bossnas_model::arch::{Architecture, BossNet};
use bossnas_model::init::Initial;
use bossnas_model::pass::Pass;
use bossnas_model::preprocess::Preprocessing;
use bossnas_model::space::Side;
use bossnas_model::weights::SharedWeights;
use bossnas_report::Failure;
use bossnas_zoo::embedded;
use bossnas_zoo::run_folder::RunFolder;

use super::file_kind::FileKind;
use super::size::Size;
use super::stored::Stored;
use super::{arch, model, searched};

/// A network and what is known of it beside its architecture.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// Its name in the registry.
    pub(crate) name: Option<String>,
    /// What it is.
    pub(crate) net: Architecture,
    /// The size it was published for, or the default.
    pub(crate) size: Size,
    /// What is known of its licence.
    pub(crate) licence: Option<String>,
    /// The checkpoint that MODEL is, if it is one.
    pub(crate) checkpoint: Option<PathBuf>,
    /// The checkpoint of the model of that name, if it was fetched.
    pub(crate) stored: Option<Stored>,
    /// The weights of the model of that name, if they are part of the program.
    pub(crate) embedded: Option<Arc<Embedded>>,
    /// How images are prepared for it; `None` for what is usual for networks of its kind.
    pub(crate) preprocessing: Option<Preprocessing>,
    /// The names of its classes; empty where nobody knows them.
    pub(crate) labels: Vec<String>,
    /// The search whose supernet it is a path of, and the side whose weights are meant.
    pub(crate) run: Option<(RunFolder, Side)>,
    /// What was assumed, since weights do not tell it.
    pub(crate) assumed: Vec<String>,
}

/// Weights of a network and where they come from.
pub(crate) struct Origin<'a> {
    /// The weights, before any pass.
    pub(crate) weights: SharedWeights,
    /// What a file of them says of them.
    pub(crate) source: Source,
    /// What the file that they are from notes of images and classes.
    pub(crate) notes: Notes,
    /// The checkpoint in the cache that they are from.
    pub(crate) stored: Option<&'a Stored>,
}

impl Subject {
    /// Finds out what the MODEL `text` stands for.
    pub(crate) fn find(registry: &Registry, text: &str, choice: Choice) -> anyhow::Result<Self> {
        match model::find(registry, text)? {
            Resolved::Registered(model) => Self::of_model(model),
            Resolved::Architecture(arch) => Ok(Self::of_architecture(arch)),
            Resolved::Run(path) => Self::of_run(searched::open(&path)?, None, Side::Online),
            Resolved::File(path) => match FileKind::of(&path)? {
                FileKind::ArchJson => Ok(Self::of_architecture(arch::read(&path)?.arch)),
                FileKind::Onnx => Err(Failure::usage(format!("`{}` is an ONNX file already", path.display())).into()),
                FileKind::Checkpoint => Self::of_checkpoint(registry, &path, choice),
            },
        }
    }

    /// A model of the registry.
    pub(crate) fn of_model(model: &Model) -> anyhow::Result<Self> {
        let mut subject = Self::of_architecture(model.arch.clone());
        subject.name = Some(model.name.clone());
        subject.size = Size::square(model.size);
        subject.licence = Some(model.licence().to_owned());
        subject.stored = Stored::of_model(model)?;
        subject.embedded = model.embedded().cloned();
        subject.preprocessing.clone_from(&model.preprocessing);
        subject.labels = match (&model.classes, &model.arch) {
            (Some(classes), _) => classes.clone(),
            // Only of registered networks it is known what they were trained on.
            (None, Architecture::BossNet(net)) if net.classes == 1000 => classes::imagenet(),
            (None, _) => Vec::new(),
        };
        Ok(subject)
    }

    fn of_architecture(net: Architecture) -> Self {
        Self {
            name: None,
            size: Size::of(&net),
            net,
            licence: None,
            checkpoint: None,
            stored: None,
            embedded: None,
            preprocessing: None,
            labels: Vec::new(),
            run: None,
            assumed: Vec::new(),
        }
    }

    /// A path of the supernet of a search: the one of these digits, else the one that was found.
    pub(crate) fn of_run(run: RunFolder, path: Option<&str>, side: Side) -> anyhow::Result<Self> {
        let net = match path {
            Some(text) => searched::path(&run, text)?,
            None => searched::found(&run)?,
        };
        let size = Size::square(run.checkpoint.image_size);
        Ok(Self { size, run: Some((run, side)), ..Self::of_architecture(net.into()) })
    }

    /// The network that a loose checkpoint holds, if its weights leave no doubt.
    pub(crate) fn of_checkpoint(registry: &Registry, path: &Path, choice: Choice) -> anyhow::Result<Self> {
        let checkpoint = Checkpoint::open(path)?;
        let weights = checkpoint.state_dict(choice)?;
        let here = |subject: Self| Self { checkpoint: Some(path.to_owned()), stored: None, ..subject };
        let notes = Notes::read(&checkpoint);
        if let Some(net) = notes.network(&weights) {
            // What was trained here is no published model, even if it is the same network.
            if let Some(Preprocessing { size: [height, width], .. }) = notes.preprocessing {
                let size = Size { height, width };
                return Ok(here(Self { size, ..Self::of_architecture(net) }));
            }
            let known = model::of_architecture(registry, &net).map(Self::of_model).transpose()?;
            return Ok(here(known.unwrap_or_else(|| Self::of_architecture(net))));
        }
        let Recognised { candidates, no_trace } =
            recognise(&weights).with_context(|| format!("cannot tell the network of `{}`", path.display()))?;
        let reasons: Vec<String> = no_trace.iter().map(ToString::to_string).collect();
        let known: Vec<&Model> = candidates.iter().filter_map(|net| model::of_network(registry, net)).collect();
        let subject = match (known.as_slice(), candidates.as_slice()) {
            // Of all networks that the weights fit, one is known.
            (&[model], _) => Self::of_model(model)?,
            ([], [net]) => Self::of_architecture(net.clone().into()),
            _ => return Err(undecided(path, &known, &candidates, &reasons).into()),
        };
        Ok(Self { assumed: reasons, ..here(subject) })
    }

    /// What files of this network are called: the name without its size, or the architecture, in file-name letters.
    pub(crate) fn slug(&self) -> String {
        let text = match &self.name {
            Some(name) => name.split('@').next().unwrap_or(name).to_lowercase(),
            None => match &self.net {
                // An empty stage is `-`, which separates here.
                Architecture::BossNet(net) => net.to_string().replace('-', "e"),
                Architecture::Search(net) => net.to_string(),
            },
        };
        let letters = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
        letters.collect::<String>().split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
    }

    /// The weights for this network in a checkpoint, if they fit it, where they come from, and what it notes beside them.
    pub(crate) fn weights(
        &self,
        checkpoint: &Checkpoint,
        choice: Choice,
    ) -> anyhow::Result<(StateDict, Source, Notes)> {
        let path = checkpoint.path();
        let weights = checkpoint.state_dict(choice)?;
        check(self.net.graph()?.params(), &weights).map_err(|mismatch| {
            let failure = Failure::failed(format!("`{}` is not for {}: {mismatch}", path.display(), self.title()))
                .detail(differences(&mismatch));
            match recognise(&weights) {
                Ok(found) => {
                    let fitting: Vec<String> = found.candidates.iter().map(ToString::to_string).collect();
                    failure.hint(format!("its weights fit {}", fitting.join(" and ")))
                }
                Err(_) => failure.hint(format!("`bossnas-zoo inspect {}` shows what is in it", path.display())),
            }
        })?;
        let notes = Notes::read(checkpoint);
        let source = notes.source.clone().unwrap_or_else(|| Source::StateDict(weights.name().to_string()));
        Ok((weights, source, notes))
    }

    /// Its weights: those of the checkpoint `given`, else those of its search, those that were fetched, or those that are part
    /// of the program, else drawn from a seed. A seed that was asked for means untrained weights.
    pub(crate) fn origin(&self, given: Option<&Path>, choice: Choice, seed: Option<u64>) -> anyhow::Result<Origin<'_>> {
        let stored = self.stored.as_ref().filter(|_| given.is_none() && seed.is_none());
        let run = self.run.as_ref().filter(|_| given.is_none() && seed.is_none());
        let embedded = self.embedded.as_ref().filter(|_| given.is_none() && seed.is_none());
        let of = |(weights, source, notes): (StateDict, Source, Notes)| {
            let weights: SharedWeights = Arc::new(weights);
            Ok(Origin { weights, source, notes, stored })
        };
        match (given, stored, run, embedded) {
            (_, _, Some((run, side)), _) => {
                let weights = run.weights(*side, &self.net.graph()?).map_err(searched::explain)?;
                Ok(Origin { weights, source: Source::Supernet(*side), notes: Notes::default(), stored })
            }
            (Some(path), ..) => of(self.weights(&Checkpoint::open(path)?, choice)?),
            (None, Some(stored), ..) => of(self.weights(&Checkpoint::open(stored.weights(choice)?)?, Choice::Auto)?),
            (None, None, None, Some(embedded)) => of(self.weights(&embedded::checkpoint(embedded)?, choice)?),
            (None, None, None, None) => {
                let seed = seed.unwrap_or_default();
                let weights = Arc::new(Initial::new(&self.net.graph()?, seed));
                Ok(Origin { weights, source: Source::Untrained { seed }, notes: Notes::default(), stored })
            }
        }
    }

    /// Whether there are weights for it that were trained.
    pub(crate) fn has_weights(&self) -> bool {
        self.stored.is_some() || self.embedded.is_some() || self.checkpoint.is_some()
    }

    /// What an ONNX file of it with these weights says about itself. What is noted beside the weights comes before what is known
    /// of the network.
    pub(crate) fn metadata(&self, size: Size, passes: &[Pass], origin: &Origin<'_>) -> Metadata {
        // Weights from a seed are nobody's work.
        let trained = !matches!(origin.source, Source::Untrained { .. });
        let classes = match &self.net {
            Architecture::BossNet(net) => net.classes,
            Architecture::Search(_) => 0,
        };
        let noted = Some(&origin.notes.labels).filter(|labels| labels.len() == classes);
        let how = origin.notes.preprocessing.as_ref().or(self.preprocessing.as_ref());
        Metadata {
            architecture: self.net.clone(),
            model: self.name.clone(),
            passes: passes.to_vec(),
            source: origin.source.clone(),
            preprocessing: how.map_or_else(|| Preprocessing::of(&self.net, size.into()), |how| how.at(size.into())),
            labels: noted.unwrap_or(&self.labels).clone(),
            licence: self.licence.clone().filter(|_| trained),
        }
    }

    /// What a safetensors file of it with these weights notes beside them.
    pub(crate) fn notes(&self, origin: &Origin<'_>) -> Notes {
        let Origin { source, notes, .. } = origin;
        Notes {
            architecture: Some(self.net.clone()),
            source: Some(source.clone()),
            preprocessing: notes.preprocessing.clone(),
            labels: notes.labels.clone(),
        }
    }

    /// The name of an ONNX file of it.
    pub(crate) fn onnx_name(&self, size: Size, batch: Batch) -> String {
        let batch = batch.fixed().map_or_else(|| "dyn".to_owned(), |images| images.to_string());
        format!("{}-{size}-b{batch}.onnx", self.slug())
    }

    /// The name, or the architecture.
    pub(crate) fn title(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.net.to_string())
    }
}

/// Weights that fit several networks, none of them more likely than the others.
fn undecided(path: &Path, known: &[&Model], candidates: &[BossNet], reasons: &[String]) -> Failure {
    let mut names: Vec<String> = known.iter().map(|model| model.name.clone()).collect();
    if names.is_empty() {
        names = candidates.iter().map(ToString::to_string).collect();
    }
    let first = names.first().map_or("MODEL", String::as_str);
    Failure::usage(format!("the weights in `{}` fit {}", path.display(), names.join(" and ")))
        .detail(reasons.join("\n"))
        .hint(format!("say which it is: `{first} --checkpoint {}`", path.display()))
}

/// Every difference, a line each.
fn differences(mismatch: &Mismatch) -> String {
    let Mismatch { missing, unexpected, shapes, types } = mismatch;
    let missing = missing.iter().map(|name| format!("missing     {name}"));
    let unexpected = unexpected.iter().map(|name| format!("unexpected  {name}"));
    let shapes = shapes.iter().map(|d| format!("shape       {}: {:?}, needs {:?}", d.name, d.found, d.needed));
    let types = types.iter().map(|(name, dtype)| format!("type        {name}: {dtype}"));
    missing.chain(unexpected).chain(shapes).chain(types).collect::<Vec<_>>().join("\n")
}
