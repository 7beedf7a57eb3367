//! A model that is measured: its file, its inputs, what it should put out.

use bossnas_converter::onnx::summary::{Port, Summary};
use bossnas_files::{SourceFile, sha256_of};
use bossnas_report::Failure;
use bossnas_zoo::bench::{Expected, ExpectedError, Scenario, Variant, repeated};
use bossnas_zoo::ports;
use bossnas_zoo::runtime::{Load, NamedTensor, Provider, Runtime, Settings};
use bossnas_zoo::validate::{Contender, ContenderError, Subject};

use crate::cli::context::Context;
use crate::cli::model_file::{self, ModelFile};
use crate::cli::network::Claimed;
use crate::cli::shape;
use crate::cli::size::Size;

/// How large inputs are where a file leaves it open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shapes<'a> {
    pub(crate) size: Option<Size>,
    pub(crate) shapes: &'a [String],
}

/// A model and all that is known of it before it runs.
pub(crate) struct Model {
    /// As it was given.
    pub(crate) name: String,
    pub(crate) file: ModelFile,
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
    /// Of a file of ours: its architecture, and which weights it has.
    pub(crate) network: Option<(String, String)>,
    /// Of a file of ours: multiply-adds of one image.
    pub(crate) multiply_adds: Option<u64>,
    /// Its inputs.
    ports: Vec<Port>,
    /// Images of one run that the file insists on.
    pub(crate) fixed_batch: Option<usize>,
    /// What it puts out for `inputs`.
    pub(crate) expected: Expected,
    /// For as few images as the file takes.
    inputs: Vec<NamedTensor>,
}

impl Model {
    /// Finds the file, makes up inputs, computes what they should give.
    pub(crate) fn open(name: &str, shapes: Shapes<'_>, context: &Context) -> anyhow::Result<Self> {
        let file = model_file::find_or_untrained(name, shapes.size, context)?;
        let ports = Summary::of_runnable(&file.path)?.inputs;
        let claimed = Claimed::read(&file.path, None, context)?;
        if let (Some(claimed), Some(size)) = (&claimed, shapes.size) {
            claimed.check_asked(size, name)?;
        }
        let inputs = inputs(shapes, &ports, claimed.as_ref())?;
        let fixed_batch = ports.first().and_then(|port| *ports::extents(port)?.first()?);
        let expected = expected(&file, &ports, &inputs, claimed.as_ref(), context)?;
        let cost = claimed.as_ref().and_then(|claimed| {
            let [height, width] = claimed.claims.options.size;
            bossnas_model::cost::cost(&claimed.claims.metadata.architecture.graph().ok()?, height, width).ok()
        });
        let source = SourceFile::open(&file.path)?;
        Ok(Self {
            name: name.to_owned(),
            sha256: sha256_of(&source)?.to_string(),
            bytes: source.len(),
            network: claimed.as_ref().map(|claimed| {
                (claimed.claims.metadata.architecture.to_string(), claimed.claims.metadata.source.to_string())
            }),
            multiply_adds: cost.map(|cost| cost.multiply_adds()),
            file,
            ports,
            fixed_batch,
            expected,
            inputs,
        })
    }

    /// `batch` images at a time in a runtime.
    pub(crate) fn variant(
        &self,
        runtime: Runtime,
        settings: Settings,
        batch: usize,
        scenario: Scenario,
    ) -> Result<Variant, Failure> {
        let inputs = self.inputs(batch)?;
        let specs = ports::specs(&inputs);
        let load = Load {
            model: self.file.path.clone(),
            runtime,
            symbols: ports::symbols(&self.ports, &specs),
            inputs: specs,
            outputs: None,
            settings,
        };
        Ok(Variant { load, inputs, images: batch, scenario })
    }

    /// Inputs of `batch` images: copies of the same.
    fn inputs(&self, batch: usize) -> Result<Vec<NamedTensor>, Failure> {
        if let Some(fixed) = self.fixed_batch.filter(|&fixed| fixed != batch) {
            return Err(Failure::usage(format!("`{}` takes {fixed} images at a time, not {batch}", self.name)));
        }
        let scaled = |(name, tensor): &NamedTensor| {
            let open = self
                .ports
                .iter()
                .find(|port| port.name == *name)
                .and_then(|port| *ports::extents(port)?.first()?)
                .is_none();
            let mut shape = tensor.shape().to_vec();
            if let Some(first) = shape.first_mut().filter(|_| open && self.fixed_batch.is_none()) {
                *first = batch;
            }
            (name.clone(), repeated(tensor, &shape))
        };
        Ok(self.inputs.iter().map(scaled).collect())
    }
}

/// Noise for each input, of one image where the file leaves that open.
fn inputs(shapes: Shapes<'_>, ports: &[Port], claimed: Option<&Claimed>) -> anyhow::Result<Vec<NamedTensor>> {
    let asked = shapes.shapes.iter().map(|text| shape::parse(text, ports)).collect::<anyhow::Result<Vec<_>>>()?;
    let made = ports.iter().enumerate().map(|(index, port)| {
        let asked = asked.iter().find(|(name, _)| *name == port.name).map(|(_, shape)| shape.clone());
        let size = claimed.map(|claimed| claimed.claims.options.size).or(shapes.size.map(Into::into));
        let sized = || size.and_then(|size| shape::sized(port, size));
        ports::probe(port, asked.or_else(sized).as_deref(), index as u64).map_err(|error| {
            Failure::usage(error.to_string()).hint("--shape NAME=1x3x224x224 says how large it is").into()
        })
    });
    made.collect()
}

/// What the inputs should give: of a file of ours by its network in float64, of others by the first runtime that runs it.
fn expected(
    file: &ModelFile,
    ports: &[Port],
    inputs: &[NamedTensor],
    claimed: Option<&Claimed>,
    context: &Context,
) -> anyhow::Result<Expected> {
    let subject = Subject {
        file: file.path.clone(),
        symbols: ports::symbols(ports, &ports::specs(inputs)),
        inputs: inputs.to_vec(),
        network: claimed.and_then(|claimed| claimed.network.as_ref()),
        settings: Settings::default(),
    };
    let small = claimed.is_some_and(|claimed| claimed.network.is_some() && claimed.check_size().is_ok());
    let mut contenders = vec![Contender::Runtime(Runtime::Tract), Contender::Runtime(Runtime::Ort(Provider::Cpu))];
    if small {
        contenders.insert(0, Contender::Reference);
    }
    let mut last = None;
    for contender in contenders {
        context.console.detail(format_args!("{}: what it should put out", contender.name()));
        match Expected::of(&subject, contender) {
            Ok(expected) => return Ok(expected),
            Err(error) => last = last.or(Some(error)),
        }
    }
    Err(match last {
        Some(ExpectedError::Contender(ContenderError::Runtime(error))) => Failure::from(error).into(),
        Some(error) => error.into(),
        None => Failure::failed("there is nothing that could run it").into(),
    })
}
