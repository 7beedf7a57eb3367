//! A graph with the tensors of its parameters.

use std::collections::HashMap;

use bossnas_model::graph::{Graph, NormParams, Op, ParamId, Role};
use bossnas_model::shape::ShapeError;
use bossnas_model::weights::WeightsError;
use tch::{TchError, Tensor};

use super::attention::{Heads, attention};
use super::mode::{Mode, Norm, Precision};
use super::norm::NormTensors;
use super::ops::{self, Window};
use super::params::{Misfit, Misfits, Params};
use super::plan::{Plan, Step};
use super::pooled::{pooled_conv, pooled_norm};

/// Why a network could not be bound or run.
#[derive(Debug, thiserror::Error)]
pub enum TorchError {
    /// libtorch said no.
    #[error("libtorch: {}", first_line(.0))]
    Library(#[from] TchError),
    /// Parameters are missing or have other shapes.
    #[error(transparent)]
    Misfits(#[from] Misfits),
    /// A parameter could not be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A part of a supernet that was not loaded, or nothing to compute.
    #[error("not loaded: {0}")]
    NotLoaded(String),
    /// The input does not fit the network.
    #[error(transparent)]
    Shape(#[from] ShapeError),
}

/// What libtorch says, without the addresses of its functions.
fn first_line(error: &TchError) -> String {
    let text = match error {
        TchError::Torch(message) => message.clone(),
        other => other.to_string(),
    };
    text.lines().next().unwrap_or_default().to_owned()
}

/// Where the batch counts of a graph's norms are in its table: a count is called like the scale beside it.
fn batch_counts(graph: &Graph) -> HashMap<ParamId, usize> {
    let counts = graph.params().iter().enumerate().filter(|(_, param)| param.role == Role::BatchCount);
    let counts: HashMap<&str, usize> = counts.map(|(index, param)| (param.name.as_str(), index)).collect();
    let scales = graph.nodes().iter().filter_map(|node| match &node.op {
        Op::BatchNorm { params, .. } => Some(params.weight),
        _ => None,
    });
    let count = |scale: ParamId| {
        let stem = graph.param(scale).name.strip_suffix("weight")?;
        Some((scale, *counts.get(format!("{stem}num_batches_tracked").as_str())?))
    };
    scales.filter_map(count).collect()
}

/// A network that can run: a graph and the tensors of its parameters, which are shared with the [`Params`] they came from,
/// so that what an optimizer writes there is seen here.
#[derive(Debug)]
pub struct Module {
    graph: Graph,
    plan: Plan,
    params: Vec<Tensor>,
    /// For the scale of each batch norm the position of its batch count.
    counts: HashMap<ParamId, usize>,
}

/// The values of a run, of which each is let go when nobody needs it any more.
struct Values(Vec<Option<Tensor>>);

impl Values {
    fn get(&self, index: usize) -> Result<&Tensor, TchError> {
        let gone = || TchError::Shape(format!("value {index} is read before it is computed"));
        self.0[index].as_ref().ok_or_else(gone)
    }
}

impl Module {
    /// Binds the parameters of a graph to the tensors of `params` that `name` says. Fails with all that are missing or
    /// have another shape.
    pub fn bind(graph: Graph, params: &Params, name: impl Fn(&str) -> String) -> Result<Self, Misfits> {
        let mut misfits = Vec::new();
        let mut tensors = Vec::with_capacity(graph.params().len());
        for param in graph.params() {
            let (name, expected) = (name(&param.name), param.stored_shape());
            let tensor = params.get(&name);
            let found = tensor.map(|tensor| tensor.size().iter().map(|&extent| extent as usize).collect::<Vec<_>>());
            match tensor {
                Some(tensor) if found.as_deref() == Some(expected) => tensors.push(tensor.shallow_clone()),
                _ => misfits.push(Misfit { name, expected: expected.to_vec(), found }),
            }
        }
        if !misfits.is_empty() {
            return Err(Misfits(misfits));
        }
        Ok(Self { plan: Plan::of(&graph), counts: batch_counts(&graph), graph, params: tensors })
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The tensors of its trained parameters with their names in the graph.
    pub fn trained(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        let params = self.graph.params().iter().zip(&self.params);
        params.filter(|(param, _)| !param.role.is_buffer()).map(|(param, tensor)| (param.name.as_str(), tensor))
    }

    /// The tensor of a parameter or buffer, by its position in the graph's table.
    pub fn tensor(&self, index: usize) -> &Tensor {
        &self.params[index]
    }

    /// What its nodes do, as far as other networks may do the same.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.plan.keys.iter().flatten().map(String::as_str)
    }

    /// The running means of its batch norms with their names.
    pub(super) fn running_means(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        let params = self.graph.params().iter().zip(&self.params);
        params.filter(|(param, _)| param.role == Role::RunningMean).map(|(param, mean)| (param.name.as_str(), mean))
    }

    /// Runs the network on its inputs, each `[n, c, h, w]` (or `[n, c]` for a graph of features), and returns its outputs.
    pub fn forward(&self, inputs: &[Tensor], mode: &mut Mode<'_>) -> Result<Vec<Tensor>, TorchError> {
        self.check(inputs)?;
        let first = inputs.first().map_or(tch::Device::Cpu, Tensor::device);
        let _mixed = mode.precision.enter(first)?;
        let mut values = Values((0..self.graph.value_count()).map(|_| None).collect());
        for (slot, input) in values.0.iter_mut().zip(inputs) {
            let is_map = mode.channels_last && input.dim() == 4;
            *slot = Some(if is_map { bossnas_torch_shim::channels_last(input)? } else { input.shallow_clone() });
        }
        for step in &self.plan.steps {
            match *step {
                Step::Node(node) => self.node(node, &mut values, mode)?,
                Step::Again { node, earlier } => {
                    let value = values.get(self.graph.value_of(earlier).index())?.shallow_clone();
                    self.put(node, value, &mut values);
                }
                Step::ConvNorm { conv, norm } => self.conv_norm(conv, norm, &mut values, mode)?,
                Step::PooledNorm { conv, norm, pool } => self.pooled_norm([conv, norm, pool], &mut values, mode)?,
                Step::PooledConv { conv, pool } => self.pooled_conv(conv, pool, &mut values, mode)?,
                Step::ConvNormLinear { conv, norm, flatten, linear } => {
                    self.conv_norm_linear([conv, norm, flatten, linear], &mut values, mode)?;
                }
            }
            let nodes = step.nodes();
            let last = nodes.last().copied().unwrap_or(0);
            for value in nodes.iter().flat_map(|&node| &self.graph.nodes()[node].inputs) {
                self.let_go(value.index(), last, &mut values);
            }
            if let Step::Again { earlier, .. } = *step {
                self.let_go(self.graph.value_of(earlier).index(), last, &mut values);
            }
        }
        let outputs = self.graph.outputs().iter().map(|value| Ok(values.get(value.index())?.shallow_clone()));
        outputs.collect()
    }

    /// Runs a network of one input and one output.
    pub fn forward_one(&self, input: &Tensor, mode: &mut Mode<'_>) -> Result<Tensor, TorchError> {
        let outputs = self.forward(std::slice::from_ref(input), mode)?;
        outputs.into_iter().next().ok_or_else(|| TorchError::NotLoaded("a network without output".to_owned()))
    }

    fn check(&self, inputs: &[Tensor]) -> Result<(), TorchError> {
        let (expected, found) = (self.graph.inputs().len(), inputs.len());
        if expected != found {
            return Err(ShapeError::InputCount { expected, found }.into());
        }
        for (input, tensor) in self.graph.inputs().iter().zip(inputs) {
            let shape: Vec<usize> = tensor.size().iter().map(|&extent| extent as usize).collect();
            let fits = matches!(shape[..], [_, c] | [_, c, _, _] if c == input.channels) && !shape.contains(&0);
            if !fits {
                let (input, channels) = (input.name.clone(), input.channels);
                return Err(ShapeError::Input { input, channels, found: shape }.into());
            }
        }
        Ok(())
    }

    /// Drops a value whose last reader was node `done` or an earlier one.
    fn let_go(&self, value: usize, done: usize, values: &mut Values) {
        if self.plan.last_uses[value] <= done {
            values.0[value] = None;
        }
    }

    /// A parameter as this network uses it: of a slimmable layer the first of each extent.
    fn param(&self, id: ParamId) -> Result<Tensor, TchError> {
        let tensor = &self.params[id.index()];
        let param = self.graph.param(id);
        let stored = param.stored_shape();
        let mut used = tensor.shallow_clone();
        for (dim, (&extent, &stored)) in param.shape.iter().zip(stored).enumerate() {
            if extent != stored {
                used = used.f_narrow(dim as i64, 0, extent as i64)?;
            }
        }
        Ok(used)
    }

    fn norm_tensors(&self, params: &NormParams, eps: f64) -> NormTensors<'_> {
        let tensor = |id: ParamId| &self.params[id.index()];
        NormTensors {
            name: &self.graph.param(params.mean).name,
            weight: tensor(params.weight),
            bias: tensor(params.bias),
            mean: tensor(params.mean),
            var: tensor(params.var),
            count: self.counts.get(&params.weight).map(|&count| &self.params[count]),
            eps,
        }
    }

    /// Whether a node may write into the memory of its first operand: nobody else reads it, and the node that made it
    /// needs only its own input for its gradient.
    fn overwrites(&self, node: usize) -> bool {
        let value = self.graph.nodes()[node].inputs[0];
        let made_by = self.graph.node_of(value).map(|node| &node.op);
        self.plan.uses[value.index()] == 1 && matches!(made_by, Some(Op::BatchNorm { .. } | Op::Add))
    }

    fn node(&self, index: usize, values: &mut Values, mode: &mut Mode<'_>) -> Result<(), TchError> {
        let node = &self.graph.nodes()[index];
        let x = values.get(node.inputs[0].index())?;
        let value = match &node.op {
            &Op::Conv2d { weight, bias, stride, padding, groups } => {
                let window = Window { stride: stride as i64, padding: padding as i64, groups: groups as i64 };
                if let Some(value) = self.shared_conv(index, weight, window, x, mode)? {
                    value
                } else {
                    let bias = bias.map(|id| self.param(id)).transpose()?;
                    ops::conv2d(x, &self.param(weight)?, bias.as_ref(), window)?
                }
            }
            Op::BatchNorm { params, eps } => self.norm_tensors(params, *eps).apply(x, &mut mode.norm)?,
            &Op::Activation(activation) => {
                let compute = || ops::activation(x, activation, self.overwrites(index));
                self.shared(index, mode, compute)?
            }
            &Op::MaxPool { kernel, stride, padding } => {
                self.shared(index, mode, || ops::max_pool(x, kernel as i64, stride as i64, padding as i64))?
            }
            &Op::AvgPool { window } => self.shared(index, mode, || ops::avg_pool(x, window as i64))?,
            Op::GlobalAvgPool => self.shared(index, mode, || ops::global_avg_pool(x))?,
            Op::Flatten => x.f_flatten(1, -1)?,
            &Op::Linear { weight, bias } => {
                let bias = bias.map(|id| self.param(id)).transpose()?;
                let kept = mode.dropout.map(|dropout| dropout.apply(x)).transpose()?;
                kept.as_ref().unwrap_or(x).f_linear(&self.param(weight)?, bias.as_ref())?
            }
            &Op::Shift { bias } => x.f_add(&self.param(bias)?.f_view([1, -1, 1, 1])?)?,
            Op::Add => ops::add(x, values.get(node.inputs[1].index())?, self.overwrites(index))?,
            Op::Mul => x.f_mul(values.get(node.inputs[1].index())?)?,
            &Op::Attention { heads, head_width, scale, orientation } => {
                let heads = Heads { count: heads as i64, width: head_width as i64, scale, orientation };
                attention(x, heads)?
            }
            &Op::DropPath { block } => match mode.drop_path {
                Some(drop_path) => drop_path.apply(x, block)?,
                None => x.shallow_clone(),
            },
        };
        self.put(index, value, values);
        Ok(())
    }

    /// The value of a node, from other networks where they have it too.
    fn shared(
        &self,
        index: usize,
        mode: &mut Mode<'_>,
        compute: impl Fn() -> Result<Tensor, TchError>,
    ) -> Result<Tensor, TchError> {
        let value = match &mut mode.shared {
            Some(shared) => shared.value(self.plan.keys[index].as_deref(), &compute)?,
            None => None,
        };
        value.map_or_else(compute, Ok)
    }

    /// The value of a convolution without bias, when other networks have it too: of the full width the first channels.
    fn shared_conv(
        &self,
        index: usize,
        weight: ParamId,
        window: Window,
        x: &Tensor,
        mode: &mut Mode<'_>,
    ) -> Result<Option<Tensor>, TchError> {
        let Some(shared) = &mut mode.shared else { return Ok(None) };
        let used = &self.graph.param(weight).shape;
        let whole = || {
            let mut all = self.params[weight.index()].shallow_clone();
            for (dim, &extent) in used.iter().enumerate().skip(1) {
                all = all.f_narrow(dim as i64, 0, extent as i64)?;
            }
            ops::conv2d(x, &all, None, window)
        };
        let whole = shared.value(self.plan.keys[index].as_deref(), whole)?;
        whole.map(|whole| whole.f_narrow(1, 0, used[0] as i64)).transpose()
    }

    /// A convolution and the batch norm behind it.
    fn conv_and_norm(&self, conv: usize, norm: usize) -> Result<(ParamId, Window, NormTensors<'_>), TchError> {
        let nodes = self.graph.nodes();
        match (&nodes[conv].op, &nodes[norm].op) {
            (&Op::Conv2d { weight, stride, padding, groups, .. }, Op::BatchNorm { params, eps }) => {
                let window = Window { stride: stride as i64, padding: padding as i64, groups: groups as i64 };
                Ok((weight, window, self.norm_tensors(params, *eps)))
            }
            _ => Err(TchError::Shape("a step that is no convolution with a norm".to_owned())),
        }
    }

    /// What a node reads first.
    fn operand<'a>(&self, node: usize, values: &'a Values) -> Result<&'a Tensor, TchError> {
        values.get(self.graph.nodes()[node].inputs[0].index())
    }

    fn put(&self, node: usize, value: Tensor, values: &mut Values) {
        values.0[self.graph.value_of(node).index()] = Some(value);
    }

    fn conv_norm(&self, conv: usize, norm: usize, values: &mut Values, mode: &mut Mode<'_>) -> Result<(), TchError> {
        let (weight, window, tensors) = self.conv_and_norm(conv, norm)?;
        let x = self.operand(conv, values)?;
        let shared = self.shared_conv(conv, weight, window, x, mode)?;
        let weight = self.param(weight)?;
        let value = if let Some((mean, var)) = tensors.fixed(&mode.norm)? {
            let (factor, summand) = tensors.affine(mean, var)?;
            let spread = [1, -1, 1, 1];
            match shared {
                Some(map) => summand.f_view(spread)?.f_addcmul(&map, &factor.f_view(spread)?)?,
                None => ops::conv2d(x, &weight.f_mul(&factor.f_view([-1, 1, 1, 1])?)?, Some(&summand), window)?,
            }
        } else {
            let map = shared.map_or_else(|| ops::conv2d(x, &weight, None, window), Ok)?;
            tensors.apply(&map, &mut mode.norm)?
        };
        self.put(norm, value, values);
        Ok(())
    }

    /// With fixed statistics one matrix, where it is cheaper to multiply the layers' matrices than to run them in turn.
    fn conv_norm_linear(&self, nodes: [usize; 4], values: &mut Values, mode: &mut Mode<'_>) -> Result<(), TchError> {
        let [conv, norm, flatten, linear] = nodes;
        let (weight, _, tensors) = self.conv_and_norm(conv, norm)?;
        let x = self.operand(conv, values)?;
        let (rows, channels, h, w) = x.size4()?;
        match (tensors.fixed(&mode.norm)?, &self.graph.nodes()[linear].op) {
            (Some((mean, var)), &Op::Linear { weight: outer, bias }) if h * w == 1 && rows > channels => {
                let compute = || self.as_one_matrix(weight, outer, bias, tensors.affine(mean, var)?);
                let (matrix, shift) = match &mode.norm {
                    Norm::Given(statistics) => statistics.matrix(&self.graph.param(outer).name, compute)?,
                    Norm::Train { .. } | Norm::Eval | Norm::Estimate(_) => compute()?,
                };
                let value = x.f_view([rows, channels])?.f_linear(&matrix, Some(&shift))?;
                self.put(linear, value, values);
                Ok(())
            }
            _ => {
                self.conv_norm(conv, norm, values, mode)?;
                self.node(flatten, values, mode)?;
                self.node(linear, values, mode)
            }
        }
    }

    /// A pointwise convolution, a norm that is a factor and a summand, and a linear layer: one matrix and one summand.
    fn as_one_matrix(
        &self,
        inner: ParamId,
        outer: ParamId,
        bias: Option<ParamId>,
        (factor, summand): (Tensor, Tensor),
    ) -> Result<(Tensor, Tensor), TchError> {
        let (inner, outer) = (self.param(inner)?, self.param(outer)?);
        let inner = inner.f_flatten(1, -1)?.f_mul(&factor.f_unsqueeze(1)?)?;
        let (matrix, shift) = (outer.f_matmul(&inner)?, outer.f_mv(&summand)?);
        match bias {
            Some(bias) => Ok((matrix, shift.f_add(&self.param(bias)?)?)),
            None => Ok((matrix, shift)),
        }
    }

    fn pooled_norm(&self, nodes: [usize; 3], values: &mut Values, mode: &mut Mode<'_>) -> Result<(), TchError> {
        let [conv, norm, pool] = nodes;
        let (weight, window, tensors) = self.conv_and_norm(conv, norm)?;
        let (x, weight) = (self.operand(conv, values)?, self.param(weight)?);
        // Covariances are for float32.
        let short = match mode.precision {
            Precision::Full => pooled_norm(x, &weight, &tensors, &mut mode.norm)?,
            Precision::Bf16 | Precision::Fp16 => None,
        };
        let value = if let Some(value) = short {
            value
        } else {
            let map = ops::conv2d(x, &weight, None, window)?;
            ops::global_avg_pool(&tensors.apply(&map, &mut mode.norm)?)?
        };
        self.put(pool, value, values);
        Ok(())
    }

    fn pooled_conv(&self, conv: usize, pool: usize, values: &mut Values, mode: &Mode<'_>) -> Result<(), TchError> {
        let Op::Conv2d { weight, stride, padding, groups, .. } = self.graph.nodes()[conv].op else {
            return Err(TchError::Shape("a step that is no convolution".to_owned()));
        };
        let (x, weight) = (self.operand(conv, values)?, self.param(weight)?);
        // Sums are for float32.
        let value = match mode.precision {
            Precision::Full => pooled_conv(x, &weight, padding as i64)?,
            Precision::Bf16 | Precision::Fp16 => {
                let window = Window { stride: stride as i64, padding: padding as i64, groups: groups as i64 };
                ops::global_avg_pool(&ops::conv2d(x, &weight, None, window)?)?
            }
        };
        self.put(pool, value, values);
        Ok(())
    }
}
