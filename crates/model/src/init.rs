//! Weights before training, from a seed, as the paper's code draws them (`REFERENCE` section 2).
//!
//! Convolutions: Kaiming normal over the fan-out with ReLU's gain. Batch norms: scale 1, shift 0, and scale 0 in the last
//! one of every residual branch. Biases of convolutions and the classifier: uniform in `±1/sqrt(fan_in)`, PyTorch's
//! default. Each tensor has a random stream of its own, keyed by seed and name, so none depends on which others are drawn.
//! Tensors have the extents of a checkpoint: where a graph uses a part of one, [`crate::weights::Cut`] takes it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::f64::consts::TAU;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::graph::{Graph, Param, Role};
use crate::weights::{DType, Problem, TensorInfo, Weights, WeightsError, little_endian};

/// Untrained weights of one network. Nothing is held in memory: each tensor is drawn when it is read.
#[derive(Debug, Clone)]
pub struct Initial {
    seed: u64,
    branch_end: f32,
    params: Vec<(Param, TensorInfo)>,
    by_name: HashMap<String, usize>,
}

impl Initial {
    /// The weights of `graph` that belong to `seed`.
    pub fn new(graph: &Graph, seed: u64) -> Self {
        Self::of_params(graph.params().iter().cloned(), seed)
    }

    /// The weights of these parameters (of a supernet, say) that belong to `seed`.
    pub fn of_params(params: impl IntoIterator<Item = Param>, seed: u64) -> Self {
        let whole = |param: Param| Param { shape: param.stored_shape().to_vec(), stored: None, ..param };
        let info = |param: &Param| TensorInfo {
            dtype: if param.role == Role::BatchCount { DType::I64 } else { DType::F32 },
            shape: param.shape.clone(),
        };
        let params: Vec<(Param, TensorInfo)> = params.into_iter().map(whole).map(|p| (p.clone(), info(&p))).collect();
        let by_name = params.iter().enumerate().map(|(index, (param, _))| (param.name.clone(), index)).collect();
        Self { seed, branch_end: 0.0, params, by_name }
    }

    /// The same, but the last batch norm of every residual branch starts at 1: every weight then has a part in the
    /// output. Not for training; it is what shows whether untrained branches are computed rightly.
    pub fn with_open_branches(graph: &Graph, seed: u64) -> Self {
        Self { branch_end: 1.0, ..Self::new(graph, seed) }
    }

    fn find(&self, name: &str) -> Option<&(Param, TensorInfo)> {
        Some(&self.params[*self.by_name.get(name)?])
    }

    /// Inputs that one output of a layer reads; a bias asks the weight beside it.
    fn fan_in(&self, param: &Param) -> usize {
        let weight = param.name.strip_suffix("bias").and_then(|stem| self.find(&format!("{stem}weight")));
        let shape = weight.map_or(&param.shape, |(weight, _)| &weight.shape);
        shape.iter().skip(1).product::<usize>().max(1)
    }

    fn draw(&self, param: &Param) -> Vec<f32> {
        let n = param.elements();
        let mut stream = Stream::new(self.seed, &param.name);
        match param.role {
            Role::ConvWeight => {
                let taps: usize = param.shape.iter().skip(2).product();
                let fan_out = param.shape.first().map_or(1, |out| out * taps);
                let deviation = (2.0 / fan_out as f64).sqrt();
                (0..n).map(|_| (stream.normal() * deviation) as f32).collect()
            }
            Role::ConvBias | Role::LinearWeight | Role::LinearBias => {
                let bound = 1.0 / (self.fan_in(param) as f64).sqrt();
                (0..n).map(|_| ((2.0 * stream.uniform() - 1.0) * bound) as f32).collect()
            }
            Role::NormWeight | Role::RunningVar => vec![1.0; n],
            Role::BranchEndNormWeight => vec![self.branch_end; n],
            Role::NormBias | Role::RunningMean | Role::BatchCount | Role::Shift => vec![0.0; n],
        }
    }
}

impl Weights for Initial {
    fn names(&self) -> Vec<&str> {
        self.params.iter().map(|(param, _)| param.name.as_str()).collect()
    }

    fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.find(name).map(|(_, info)| info)
    }

    fn bytes(&self, name: &str) -> Result<Cow<'_, [u8]>, WeightsError> {
        let (param, info) = self.find(name).ok_or_else(|| WeightsError::new(name, Problem::Missing))?;
        Ok(match info.dtype {
            DType::I64 => vec![0; DType::I64.size() * param.elements()].into(),
            _ => little_endian(&self.draw(param)).into(),
        })
    }
}

/// The random numbers of one tensor.
struct Stream {
    rng: ChaCha8Rng,
    spare: Option<f64>,
}

impl Stream {
    fn new(seed: u64, name: &str) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        // FNV-1a, three times from different starts: names of one network must not share a stream.
        for (lane, start) in key[8..].as_chunks_mut::<8>().0.iter_mut().zip([0xcbf2_9ce4_8422_2325_u64, 1, 2]) {
            let hash = name.bytes().fold(start, |h, byte| (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
            *lane = hash.to_le_bytes();
        }
        Self { rng: ChaCha8Rng::from_seed(key), spare: None }
    }

    /// In `[0, 1)`, a multiple of 2^-53.
    fn uniform(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Of mean 0 and variance 1 (Box and Muller).
    fn normal(&mut self) -> f64 {
        if let Some(value) = self.spare.take() {
            return value;
        }
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        let (sin, cos) = (TAU * self.uniform()).sin_cos();
        self.spare = Some(radius * sin);
        radius * cos
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::BossNet;

    fn t0() -> Graph {
        "bossnet:1/1/11101/000100000+silu+se".parse::<BossNet>().unwrap().graph()
    }

    fn moments(values: &[f32]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
        (mean, (values.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n).sqrt())
    }

    #[test]
    fn convolutions_are_kaiming_normal_over_the_fan_out() {
        let weights = Initial::new(&t0(), 7);
        for (name, fan_out) in [("layer4.3.conv2.weight", 512 * 9), ("layer1.0.peg.conv.weight", 64 * 9)] {
            let values = weights.f32(name).unwrap();
            let (mean, deviation) = moments(&values);
            let expected = (2.0 / f64::from(fan_out)).sqrt();
            let standard_error = expected / (values.len() as f64).sqrt();
            assert!(mean.abs() < 5.0 * standard_error, "{name}: mean {mean}");
            assert!((deviation / expected - 1.0).abs() < 0.1, "{name}: deviation {deviation}, not {expected}");
        }
    }

    #[test]
    fn the_classifier_and_biases_are_uniform_over_the_fan_in() {
        let weights = Initial::new(&t0(), 7);
        for (name, fan_in) in [("fc.weight", 2048.0), ("fc.bias", 2048.0), ("layer4.0.proj.1.conv.bias", 9.0_f64)] {
            let values = weights.f32(name).unwrap();
            let bound = 1.0 / fan_in.sqrt();
            let largest = values.iter().map(|x| f64::from(x.abs())).fold(0.0, f64::max);
            assert!(largest <= bound && largest > 0.9 * bound, "{name}: {largest} of {bound}");
        }
    }

    #[test]
    fn residual_branches_start_at_zero_and_other_norms_at_one() {
        let weights = Initial::new(&t0(), 7);
        assert!(weights.f32("layer4.0.net.5.weight").unwrap().iter().all(|&x| x == 0.0));
        assert!(weights.f32("layer1.0.bn3.weight").unwrap().iter().all(|&x| x == 0.0));
        assert!(weights.f32("layer4.0.net.2.weight").unwrap().iter().all(|&x| x == 1.0));
        let open = Initial::with_open_branches(&t0(), 7);
        assert!(open.f32("layer4.0.net.5.weight").unwrap().iter().all(|&x| x == 1.0));
        assert_eq!(open.f32("conv1.weight").unwrap(), weights.f32("conv1.weight").unwrap());
        assert!(weights.f32("bn1.running_var").unwrap().iter().all(|&x| x == 1.0));
    }

    #[test]
    fn the_same_seed_gives_the_same_weights_and_another_gives_others() {
        let graph = t0();
        let first = |seed| Initial::new(&graph, seed).f32("conv1.weight").unwrap();
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
        let weights = Initial::new(&graph, 1);
        assert_ne!(weights.f32("layer4.1.proj.0.weight").unwrap(), weights.f32("layer4.2.proj.0.weight").unwrap());
    }
}
