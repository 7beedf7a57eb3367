//! Which network of the BossNet family loose weights belong to, by their names and shapes.
//!
//! Kinds and numbers of blocks, squeeze-and-excitation, stem, base width, form of the shortcuts and number of classes
//! show in the names and shapes; the whole table of the network they suggest must then fit. What leaves no trace is
//! told: above all the activation, and whether the last stage halves the map, in which T0 and T1 differ.

use std::fmt;

use bossnas_model::arch::{
    Block, BlockActivation, BossNet, LastStride, MAX_BASE, MAX_BLOCKS, MAX_CLASSES, STEM_WIDTHS, Shortcut, Stem,
};
use bossnas_model::weights::Weights;

use super::fit::{Mismatch, check};

/// Something about a network that its weights do not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoTrace {
    /// The activation. Assumed by the habit of the published networks: SiLU with squeeze-and-excitation, else ReLU.
    Activation(BlockActivation),
    /// The stride of the last stage: both are candidates.
    LastStride,
    /// The form of the shortcuts, as there are none. Assumed to be average-pooled.
    Shortcut,
    /// Squeeze-and-excitation, as there is no block that could have it. Assumed absent.
    SqueezeExcite,
}

impl fmt::Display for NoTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Activation(assumed) => {
                let (name, se) = match assumed {
                    BlockActivation::Relu => ("ReLU", "without"),
                    BlockActivation::Silu => ("SiLU", "with"),
                };
                write!(
                    f,
                    "the activation leaves no trace in weights; {name} is assumed, as in the published networks {se} \
                     squeeze-and-excitation"
                )
            }
            Self::LastStride => f.write_str(
                "the stride of the last stage leaves no trace in weights: networks that differ in it (as BossNet-T0 \
                 and T1) cannot be told apart",
            ),
            Self::Shortcut => f.write_str("the form of the shortcuts leaves no trace: the network has none"),
            Self::SqueezeExcite => {
                f.write_str("squeeze-and-excitation leaves no trace: no block of the network could have it")
            }
        }
    }
}

/// Networks that weights may belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognised {
    /// All have the same table of parameters, which fits the weights; the likeliest first, never empty.
    pub candidates: Vec<BossNet>,
    /// What the weights do not tell.
    pub no_trace: Vec<NoTrace>,
}

/// Weights that belong to no network of the family.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unrecognised {
    /// The names are others.
    #[error("the weights are of no network that is known here: {0}")]
    Unknown(&'static str),
    /// They come close to a network, but not all of them fit.
    #[error("closest to `{network}`, but {mismatch}")]
    Close {
        /// The network.
        network: Box<BossNet>,
        /// Where they differ.
        #[source]
        mismatch: Mismatch,
    },
}

/// Finds the networks that weights fit.
pub fn recognise(weights: &dyn Weights) -> Result<Recognised, Unrecognised> {
    let seen = Seen(weights);
    let stages = [1, 2, 3, 4].map(|layer| seen.blocks(layer));
    let blocks = || stages.iter().flatten();
    if stages.iter().any(|stage| stage.len() > MAX_BLOCKS) {
        return Err(Unrecognised::Unknown("a stage has too many blocks"));
    }
    let se = seen.any("se.fc1.weight");
    let activation = if se { BlockActivation::Silu } else { BlockActivation::Relu };
    let (shortcut, last_stride) = seen.shortcuts();
    let base = seen.base(&stages[0]).filter(|base| (1..=MAX_BASE).contains(base));
    let classes = seen.width("fc.weight").filter(|classes| (1..=MAX_CLASSES).contains(classes));
    let mut network = BossNet::new(stages.clone());
    network.activation = activation;
    network.se = se;
    network.shortcut = shortcut.unwrap_or(Shortcut::AvgPool);
    network.stem = seen.stem().ok_or(Unrecognised::Unknown("there is no stem (`conv1`)"))?;
    network.base = base.ok_or(Unrecognised::Unknown("there is no first stage (`layer1.0`)"))?;
    network.classes = classes.ok_or(Unrecognised::Unknown("there is no classifier (`fc`)"))?;
    network.last_stride = last_stride.unwrap_or(LastStride::Two);

    if let Err(mismatch) = check(network.graph().params(), weights) {
        return Err(Unrecognised::Close { network: Box::new(network), mismatch });
    }
    let mut no_trace = vec![NoTrace::Activation(activation)];
    if !blocks().any(|&block| block == Block::ResConv) {
        no_trace.push(NoTrace::SqueezeExcite);
    }
    if shortcut.is_none() {
        no_trace.push(NoTrace::Shortcut);
    }
    let mut candidates = vec![network.clone()];
    // An empty last stage always halves the map.
    if last_stride.is_none() && !stages[3].is_empty() {
        no_trace.push(NoTrace::LastStride);
        candidates.push(BossNet { last_stride: LastStride::One, ..network });
    }
    Ok(Recognised { candidates, no_trace })
}

/// What names and shapes show.
struct Seen<'a>(&'a dyn Weights);

impl Seen<'_> {
    fn shape(&self, name: &str) -> Option<&[usize]> {
        self.0.info(name).map(|info| &*info.shape)
    }

    /// The first extent.
    fn width(&self, name: &str) -> Option<usize> {
        self.shape(name)?.first().copied()
    }

    /// Whether some block has a parameter of that name.
    fn any(&self, part: &str) -> bool {
        self.0.names().iter().any(|name| {
            let in_block = name.strip_prefix("layer").and_then(|rest| rest.strip_suffix(part)?.strip_suffix('.'));
            in_block.is_some_and(|block| block.chars().all(|c| c.is_ascii_digit() || c == '.'))
        })
    }

    fn has(&self, name: &str) -> bool {
        self.0.info(name).is_some()
    }

    /// The blocks of a stage, one more than allowed at most.
    fn blocks(&self, layer: usize) -> Vec<Block> {
        let kind = |index: usize| {
            let block = format!("layer{layer}.{index}");
            if self.has(&format!("{block}.conv1.weight")) {
                Some(Block::ResConv)
            } else if self.has(&format!("{block}.proj.0.weight")) {
                Some(Block::ResAtt)
            } else {
                None
            }
        };
        (0..=MAX_BLOCKS).map_while(kind).collect()
    }

    fn stem(&self) -> Option<Stem> {
        if self.has("conv1.weight") {
            return Some(Stem::Plain);
        }
        let (first, second) = (self.width("conv1.0.weight")?, self.width("conv1.3.weight")?);
        let width = self.width("conv1.6.weight")? / 2;
        let (low, high) = STEM_WIDTHS;
        let stem = if first == second { Stem::Deep { width } } else { Stem::DeepTiered { width } };
        (low..=high).contains(&width).then_some(stem)
    }

    /// The base width, from the first stage.
    fn base(&self, first_stage: &[Block]) -> Option<usize> {
        match first_stage.first() {
            Some(Block::ResConv) => self.width("layer1.0.conv1.weight"),
            Some(Block::ResAtt) => self.width("layer1.0.proj.0.weight"),
            None => self.width("layer1.0.0.weight").map(|width| width / 4),
        }
    }

    /// The form of the shortcuts, and the stride of the last stage where that shows: a plain shortcut has a 3x3
    /// convolution where the map is halved.
    fn shortcuts(&self) -> (Option<Shortcut>, Option<LastStride>) {
        let mut form = None;
        for layer in 1..=4 {
            for name in ["downsample", "shortcut"] {
                let pooled = format!("layer{layer}.0.{name}.2.weight");
                let plain = self.shape(&format!("layer{layer}.0.{name}.0.weight"));
                if self.has(&pooled) {
                    return (Some(Shortcut::AvgPool), None);
                }
                if let Some(shape) = plain {
                    let stride = if shape.last() == Some(&1) { LastStride::One } else { LastStride::Two };
                    form = Some((Shortcut::Plain, (layer == 4).then_some(stride)));
                }
            }
        }
        (form.map(|(form, _)| form), form.and_then(|(_, stride)| stride))
    }
}

#[cfg(test)]
mod tests {
    use bossnas_model::weights::{DType, MemoryTensor, MemoryWeights, Problem, TensorInfo, WeightsError};
    use proptest::prelude::*;

    use super::*;

    /// Names and shapes without numbers: nothing here reads a tensor.
    struct Shapes(Vec<(String, TensorInfo)>);

    impl Shapes {
        fn of(network: &BossNet) -> Self {
            let info = |shape: &[usize]| TensorInfo { dtype: DType::F32, shape: shape.to_vec() };
            let graph = network.graph();
            Self(graph.params().iter().map(|param| (param.name.clone(), info(&param.shape))).collect())
        }
    }

    impl Weights for Shapes {
        fn names(&self) -> Vec<&str> {
            self.0.iter().map(|(name, _)| name.as_str()).collect()
        }
        fn info(&self, name: &str) -> Option<&TensorInfo> {
            self.0.iter().find(|(n, _)| n == name).map(|(_, info)| info)
        }
        fn bytes(&self, name: &str) -> Result<std::borrow::Cow<'_, [u8]>, WeightsError> {
            Err(WeightsError::new(name, Problem::Missing))
        }
    }

    #[test]
    fn the_published_networks_are_recognised_and_t0_and_t1_are_not_told_apart() {
        for network in [BossNet::t0(), BossNet::t1()] {
            let found = recognise(&Shapes::of(&network)).unwrap();
            assert_eq!(found.candidates, [BossNet::t0(), BossNet::t1()]);
            assert_eq!(found.no_trace, [NoTrace::Activation(BlockActivation::Silu), NoTrace::LastStride]);
        }
        let found = recognise(&Shapes::of(&BossNet::t0_no_se())).unwrap();
        assert_eq!(found.candidates[0], BossNet::t0_no_se());
        assert!(found.no_trace[1].to_string().contains("T0 and T1"));
    }

    #[test]
    fn other_weights_are_told_why_they_are_not_recognised() {
        let mut weights = MemoryWeights::default();
        weights.insert("conv1.weight", MemoryTensor::f32(&[1, 1, 1, 1], &[0.0]).unwrap());
        let error = recognise(&weights).unwrap_err();
        assert!(error.to_string().contains("no first stage"), "{error}");
        let mut shapes = Shapes::of(&BossNet::t0());
        shapes.0.retain(|(name, _)| name != "layer3.2.conv2.weight");
        let error = recognise(&shapes).unwrap_err();
        assert_eq!(
            error.to_string(),
            "closest to `bossnet:1/1/11101/000100000+silu+se`, but the weights do not fit the network: \
             1 missing (layer3.2.conv2.weight)"
        );
    }

    fn stage() -> impl Strategy<Value = Vec<Block>> {
        proptest::collection::vec(prop_oneof![Just(Block::ResConv), Just(Block::ResAtt)], 0..4)
    }

    fn any_stem() -> impl Strategy<Value = Stem> {
        prop_oneof![
            Just(Stem::Plain),
            (4_usize..20).prop_map(|width| Stem::Deep { width }),
            (4_usize..20).prop_map(|width| Stem::DeepTiered { width }),
        ]
    }

    proptest! {
        #[test]
        fn every_network_is_among_the_candidates_but_for_what_leaves_no_trace(
            stages in [stage(), stage(), stage(), stage()],
            (se, plain, s1) in any::<(bool, bool, bool)>(),
            stem in any_stem(),
            base in 1_usize..24,
            classes in 1_usize..20,
        ) {
            let mut network = BossNet::new(stages);
            network.se = se && network.stages.iter().flatten().any(|&block| block == Block::ResConv);
            network.activation = if network.se { BlockActivation::Silu } else { BlockActivation::Relu };
            network.stem = stem;
            network.base = base;
            network.classes = classes;
            if plain {
                network.shortcut = Shortcut::Plain;
            }
            if s1 {
                network.last_stride = LastStride::One;
            }
            let found = recognise(&Shapes::of(&network)).unwrap();
            if found.no_trace.contains(&NoTrace::Shortcut) {
                network.shortcut = Shortcut::AvgPool;
            }
            if network.stages[3].is_empty() {
                network.last_stride = LastStride::Two;
            }
            prop_assert!(found.candidates.contains(&network), "{network} is not among {:?}", found.candidates);
        }
    }
}
