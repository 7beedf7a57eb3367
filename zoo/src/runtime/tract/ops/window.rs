//! Windows that slide over a map.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::cnn::PoolSpec;
use tract_onnx::tract_core::ops::nn::DataFormat;

/// Windows of one size over maps of one size, in rows and columns. Each has at least one element of the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Window {
    pub(super) kernel: [usize; 2],
    pub(super) stride: [usize; 2],
    /// Elements before the first of the map.
    pub(super) before: [usize; 2],
    pub(super) input: [usize; 2],
    pub(super) output: [usize; 2],
}

impl Window {
    /// Those of a node over float32 maps whose extents are known, channels before rows before columns. `None` for others.
    pub(super) fn of(spec: &PoolSpec, fact: &TypedFact) -> Option<Self> {
        let shape = fact.shape.as_concrete()?;
        let fits = fact.datum_type == DatumType::F32
            && matches!(spec.data_format, DataFormat::NCHW | DataFormat::CHW)
            && spec.kernel_shape.len() == 2
            && spec.dilations().iter().all(|&dilation| dilation == 1);
        let [.., height, width] = *shape else { return None };
        if !fits {
            return None;
        }
        let axes = spec.computed_padding(&[height, width]);
        let strides = spec.strides();
        let window = Self {
            kernel: [spec.kernel_shape[0], spec.kernel_shape[1]],
            stride: [strides[0], strides[1]],
            before: [axes[0].pad_before, axes[1].pad_before],
            input: [height, width],
            output: [axes[0].convoluted, axes[1].convoluted],
        };
        let touches = |axis: usize| {
            let last = window.output[axis].checked_sub(1).map(|last| last * window.stride[axis]);
            window.before[axis] < window.kernel[axis]
                && last.is_some_and(|last| last < window.before[axis] + window.input[axis])
        };
        (touches(0) && touches(1)).then_some(window)
    }

    /// The elements of the map in window `index` along an axis.
    pub(super) fn span(&self, axis: usize, index: usize) -> std::ops::Range<usize> {
        let start = index * self.stride[axis];
        start.saturating_sub(self.before[axis])..(start + self.kernel[axis] - self.before[axis]).min(self.input[axis])
    }

    /// What a tensor of such maps becomes.
    pub(super) fn output_fact(&self, input: &TypedFact) -> TypedFact {
        let mut shape = input.shape.to_tvec();
        let rank = shape.len();
        shape[rank - 2] = self.output[0].into();
        shape[rank - 1] = self.output[1].into();
        f32::fact(shape)
    }

    /// Elements of a map.
    pub(super) fn input_len(&self) -> usize {
        self.input[0] * self.input[1]
    }

    /// Elements of a map of results.
    pub(super) fn output_len(&self) -> usize {
        self.output[0] * self.output[1]
    }
}
