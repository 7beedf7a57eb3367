//! Networks whose answers are known: checkpoint, input and logits of a fixture.

use std::path::Path;

use bossnas_testkit::deit;
use bossnas_testkit::fixtures::{Fixtures, ModelParams, StateDictEntry, Tensor};

/// A forward pass of the fixtures.
pub struct Network {
    /// What it was computed from.
    pub params: ModelParams,
    /// Its logits, computed in float64.
    pub logits: Tensor,
    entries: Vec<StateDictEntry>,
}

impl Network {
    /// The case `models/<name>`; `None` when only the committed core is here and lacks it.
    pub fn open(name: &str) -> Option<Self> {
        let fixtures = Fixtures::open().expect("the fixtures can be read");
        let case = fixtures.case(&format!("models/{name}")).ok()?;
        Some(Self {
            params: case.model_params().expect("a forward pass"),
            logits: fixtures.tensors(case).expect("its tensors").get("logits_f64").expect("its logits").clone(),
            entries: fixtures.state_dict(case).expect("its state dict"),
        })
    }

    /// Names and shapes of the state dict.
    pub fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> + Clone {
        self.entries.iter().map(|entry| (entry.name.as_str(), entry.shape.as_slice()))
    }

    /// Writes its checkpoint in DeiT's layout: the known answer is that of `model_ema`, and `model` holds other numbers.
    pub fn write_checkpoint(&self, path: &Path) -> u64 {
        deit::write_recipe(path, self.shapes(), self.params.gain).expect("the checkpoint can be written")
    }

    /// Writes its input.
    pub fn write_input(&self, path: &Path) {
        crate::npy::write(path, &self.params.input_shape(), &self.params.input());
    }

    /// Insists that the array in a file is its logits, to within `tolerance` of the largest.
    pub fn assert_logits(&self, path: &Path, tolerance: f64) {
        let (shape, values) = crate::npy::read(path);
        assert_eq!(shape, self.logits.shape);
        let error = self.logits.relative_error(&values);
        assert!(error <= tolerance, "{}: the logits are off by {error:e} of the largest", path.display());
    }

    /// The size as the command line takes it.
    pub fn size(&self) -> String {
        let [height, width] = self.params.size;
        format!("{height}x{width}")
    }
}
