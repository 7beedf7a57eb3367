//! What libtorch has and tch does not reach: memory formats, mixed precision on any device, and operations on many
//! tensors at once. The only C++ and the only `unsafe` code of the project is in this crate; what it offers is safe.
//!
//! tch hands out a tensor as a pointer to an `at::Tensor`, which is what the C++ half takes. Exceptions come back as
//! [`TchError::Torch`]. Tensors are handles, as in tch: an operation that ends in `_` changes what every clone of the
//! handle sees.

use std::ffi::{CStr, c_char};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use tch::{Kind, TchError, Tensor};

/// The allocator for programs with libtorch, whose memory it manages too: glibc gives large blocks back at once and cannot use
/// aligned ones again.
pub use mimalloc::MiMalloc as Allocator;

/// Keeps memory that is free instead of giving it back to the system: what a step frees, the next one needs, and pages that
/// come back must be cleared first, which took a tenth of a step. Only for programs with [`Allocator`].
pub fn keep_memory() {
    // SAFETY: nothing is passed.
    unsafe { shim_keep_memory() }
}

/// An `at::Tensor` behind tch's own handle.
type Raw = *mut torch_sys::C_tensor;

unsafe extern "C" {
    fn shim_channels_last(input: Raw, output: *mut Raw) -> *mut c_char;
    fn shim_convolution(input: Raw, weight: Raw, stride: i64, padding: i64, output: *mut Raw) -> *mut c_char;
    fn shim_keep_memory();
    fn shim_autocast_enter(cuda: bool, scalar_type: i8, was_enabled: *mut bool, was_type: *mut i8) -> *mut c_char;
    fn shim_autocast_leave(cuda: bool, was_enabled: bool, was_type: i8) -> *mut c_char;
    fn shim_foreach_lerp(tensors: *const Raw, ends: *const Raw, count: usize, weight: f64) -> *mut c_char;
    fn shim_foreach_mul(tensors: *const Raw, count: usize, factor: f64) -> *mut c_char;
    fn shim_foreach_add(tensors: *const Raw, others: *const Raw, count: usize, alpha: f64) -> *mut c_char;
    fn shim_lars(
        weights: *const Raw,
        gradients: *const Raw,
        buffers: *const Raw,
        decays: *const f64,
        rates: *const f64,
        count: usize,
        momentum: f64,
    ) -> *mut c_char;
    fn shim_adamw(
        weights: *const Raw,
        gradients: *const Raw,
        means: *const Raw,
        squares: *const Raw,
        steps: *const Raw,
        count: usize,
        rate: f64,
        beta1: f64,
        beta2: f64,
        decay: f64,
        eps: f64,
    ) -> *mut c_char;
    fn shim_foreach_norm(tensors: *const Raw, count: usize, output: *mut Raw) -> *mut c_char;
    fn shim_take_gradient(tensor: Raw, output: *mut Raw) -> *mut c_char;
    fn shim_put_gradient(tensor: Raw, gradient: Raw) -> *mut c_char;
    fn free(memory: *mut c_char);
}

/// What the C++ half returned: nothing, or the message of an exception.
fn checked(message: *mut c_char) -> Result<(), TchError> {
    let Some(message) = NonNull::new(message) else { return Ok(()) };
    // SAFETY: a message is a string that `strdup` made and nobody else has.
    unsafe {
        let text = CStr::from_ptr(message.as_ptr()).to_string_lossy().into_owned();
        free(message.as_ptr());
        Err(TchError::Torch(text))
    }
}

/// The handle of a tensor; nothing is changed through it that a clone of the handle could not change.
fn raw(tensor: &Tensor) -> Raw {
    tensor.as_ptr().cast_mut()
}

fn raws(tensors: &[Tensor]) -> Vec<Raw> {
    tensors.iter().map(raw).collect()
}

/// Calls a function that puts out a tensor.
fn output(call: impl FnOnce(*mut Raw) -> *mut c_char) -> Result<Option<Tensor>, TchError> {
    let mut out: Raw = ptr::null_mut();
    checked(call(&raw mut out))?;
    // SAFETY: a pointer that is put out is null, or a tensor made with `new` that is ours alone, as tch expects it.
    Ok((!out.is_null()).then(|| unsafe { Tensor::from_ptr(out) }))
}

fn required(tensor: Option<Tensor>) -> Result<Tensor, TchError> {
    tensor.ok_or_else(|| TchError::Torch("libtorch put out no tensor".to_owned()))
}

fn same_count(function: &str, counts: &[usize]) -> Result<(), TchError> {
    if counts.windows(2).all(|pair| pair[0] == pair[1]) {
        return Ok(());
    }
    Err(TchError::Shape(format!("{function}: lists of {counts:?} tensors")))
}

/// A map `[n, c, h, w]` with the channels of a pixel side by side in memory; the tensor itself where it is so already.
pub fn channels_last(map: &Tensor) -> Result<Tensor, TchError> {
    // SAFETY: the tensor lives through the call.
    required(output(|out| unsafe { shim_channels_last(raw(map), out) })?)
}

/// A convolution `[n, in, h, w]` by `[out, in, kh, kw]` without bias or groups, whose weight's gradient is one matrix product.
/// With many channels, the kernels that libtorch has for that on processors without AVX-512 take two to three times as long,
/// those of strided convolutions above all. In mixed precision it is libtorch's own.
pub fn convolution(input: &Tensor, weight: &Tensor, stride: i64, padding: i64) -> Result<Tensor, TchError> {
    // SAFETY: both tensors live through the call.
    required(output(|out| unsafe { shim_convolution(raw(input), raw(weight), stride, padding, out) })?)
}

/// `tensors[i] += weight * (ends[i] - tensors[i])`, without gradients.
pub fn lerp_(tensors: &[Tensor], ends: &[Tensor], weight: f64) -> Result<(), TchError> {
    same_count("lerp", &[tensors.len(), ends.len()])?;
    let (tensors, ends) = (raws(tensors), raws(ends));
    // SAFETY: both lists have the length that is told, and their tensors live through the call.
    checked(unsafe { shim_foreach_lerp(tensors.as_ptr(), ends.as_ptr(), tensors.len(), weight) })
}

/// `tensors[i] *= factor`, without gradients.
pub fn mul_(tensors: &[Tensor], factor: f64) -> Result<(), TchError> {
    let tensors = raws(tensors);
    // SAFETY: as in `lerp_`.
    checked(unsafe { shim_foreach_mul(tensors.as_ptr(), tensors.len(), factor) })
}

/// `tensors[i] += alpha * others[i]`, without gradients.
pub fn add_(tensors: &[Tensor], others: &[Tensor], alpha: f64) -> Result<(), TchError> {
    same_count("add", &[tensors.len(), others.len()])?;
    let (tensors, others) = (raws(tensors), raws(others));
    // SAFETY: as in `lerp_`.
    checked(unsafe { shim_foreach_add(tensors.as_ptr(), others.as_ptr(), tensors.len(), alpha) })
}

/// What one step of LARS changes: a weight, by its gradient, through its buffer of momentum.
#[derive(Debug)]
pub struct LarsParts<'a> {
    /// The weights.
    pub weights: &'a [Tensor],
    /// Their gradients.
    pub gradients: &'a [Tensor],
    /// The momentum buffers, zeros at the start.
    pub buffers: &'a [Tensor],
    /// The decay of each weight.
    pub decays: &'a [f64],
    /// The learning rate of each weight, local factor included.
    pub rates: &'a [f64],
}

/// `buffer = momentum * buffer + (gradient + decay * weight) * rate; weight -= buffer`, for each weight in one pass over
/// its memory.
pub fn lars_(parts: &LarsParts<'_>, momentum: f64) -> Result<(), TchError> {
    let LarsParts { weights, gradients, buffers, decays, rates } = *parts;
    let count = weights.len();
    same_count("lars", &[count, gradients.len(), buffers.len(), decays.len(), rates.len()])?;
    let (weights, gradients, buffers) = (raws(weights), raws(gradients), raws(buffers));
    // SAFETY: as in `lerp_`.
    checked(unsafe {
        shim_lars(
            weights.as_ptr(),
            gradients.as_ptr(),
            buffers.as_ptr(),
            decays.as_ptr(),
            rates.as_ptr(),
            count,
            momentum,
        )
    })
}

/// What one step of AdamW changes: a weight, by its gradient, through its running moments.
#[derive(Debug)]
pub struct AdamWParts<'a> {
    /// The weights.
    pub weights: &'a [Tensor],
    /// Their gradients.
    pub gradients: &'a [Tensor],
    /// Running means of the gradients.
    pub means: &'a [Tensor],
    /// Running means of the squared gradients.
    pub squares: &'a [Tensor],
    /// Steps done for each weight, float32 scalars; they are counted up first.
    pub steps: &'a [Tensor],
}

/// The numbers of AdamW.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamWNumbers {
    /// Learning rate.
    pub rate: f64,
    /// Decay of the mean and of the mean square.
    pub betas: (f64, f64),
    /// Decay of the weights, times the learning rate.
    pub decay: f64,
    /// Added to the root of the mean square.
    pub eps: f64,
}

/// One step of AdamW with libtorch's fused kernel.
pub fn adamw_(parts: &AdamWParts<'_>, numbers: AdamWNumbers) -> Result<(), TchError> {
    let AdamWParts { weights, gradients, means, squares, steps } = *parts;
    let count = weights.len();
    same_count("adamw", &[count, gradients.len(), means.len(), squares.len(), steps.len()])?;
    if count == 0 {
        return Ok(());
    }
    let [weights, gradients, means, squares, steps] = [weights, gradients, means, squares, steps].map(raws);
    let AdamWNumbers { rate, betas: (beta1, beta2), decay, eps } = numbers;
    // SAFETY: as in `lerp_`.
    checked(unsafe {
        shim_adamw(
            weights.as_ptr(),
            gradients.as_ptr(),
            means.as_ptr(),
            squares.as_ptr(),
            steps.as_ptr(),
            count,
            rate,
            beta1,
            beta2,
            decay,
            eps,
        )
    })
}

/// The Euclidean norm of each tensor, computed in its own type and told in float32.
pub fn norms(tensors: &[Tensor]) -> Result<Vec<f32>, TchError> {
    if tensors.is_empty() {
        return Ok(Vec::new());
    }
    let handles = raws(tensors);
    // SAFETY: as in `lerp_`.
    let norms = required(output(|out| unsafe { shim_foreach_norm(handles.as_ptr(), handles.len(), out) })?)?;
    let mut values = vec![0.0_f32; tensors.len()];
    norms.f_copy_data(&mut values, tensors.len())?;
    Ok(values)
}

/// Takes the gradient out of a tensor, which has none afterwards.
pub fn take_gradient(tensor: &Tensor) -> Result<Option<Tensor>, TchError> {
    // SAFETY: the tensor lives through the call.
    output(|out| unsafe { shim_take_gradient(raw(tensor), out) })
}

/// Gives a tensor a copy of that gradient, as if it had gathered there.
pub fn put_gradient(tensor: &Tensor, gradient: &Tensor) -> Result<(), TchError> {
    // SAFETY: both tensors live through the call.
    checked(unsafe { shim_put_gradient(raw(tensor), raw(gradient)) })
}

/// Mixed precision on one kind of device until this is dropped: what gains from it and bears it is computed in the lower
/// type, as PyTorch's `autocast` decides. It holds for the thread that made it.
#[derive(Debug)]
pub struct Autocast {
    cuda: bool,
    was_enabled: bool,
    was_type: i8,
    /// Not to be sent to another thread.
    thread: PhantomData<*const ()>,
}

impl Autocast {
    /// Begins mixed precision in `kind`, which is [`Kind::BFloat16`] or [`Kind::Half`].
    pub fn enter(cuda: bool, kind: Kind) -> Result<Self, TchError> {
        // Of c10/core/ScalarType.h.
        let scalar_type = match kind {
            Kind::Half => 5,
            Kind::BFloat16 => 15,
            other => return Err(TchError::Kind(format!("mixed precision is in Half or BFloat16, not in {other:?}"))),
        };
        let mut guard = Self { cuda, was_enabled: false, was_type: 0, thread: PhantomData };
        // SAFETY: both places to write to are ours.
        checked(unsafe {
            shim_autocast_enter(cuda, scalar_type, &raw mut guard.was_enabled, &raw mut guard.was_type)
        })?;
        Ok(guard)
    }
}

impl Drop for Autocast {
    fn drop(&mut self) {
        // SAFETY: nothing is passed by pointer. It fails only where entering would have.
        let _ = checked(unsafe { shim_autocast_leave(self.cuda, self.was_enabled, self.was_type) });
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, no_grad};

    use super::*;

    fn values(tensor: &Tensor) -> Vec<f32> {
        let mut values = vec![0.0; tensor.numel()];
        tensor.to_kind(Kind::Float).contiguous().copy_data(&mut values, tensor.numel());
        values
    }

    #[test]
    fn channels_last_keeps_the_values_and_changes_the_strides() {
        let map = Tensor::arange(24, (Kind::Float, Device::Cpu)).view([1, 2, 3, 4]);
        let other = channels_last(&map).unwrap();
        assert_eq!(other.stride(), [24, 1, 8, 2]);
        assert_eq!(values(&other), values(&map));
    }

    #[test]
    fn a_convolution_has_the_gradients_that_libtorch_computes() {
        for (images, channels, out, side, kernel, stride, padding) in
            [(3, 5, 7, 9, 3, 2, 1), (2, 4, 6, 8, 3, 1, 1), (1, 3, 2, 11, 7, 2, 3), (70, 64, 3, 65, 3, 1, 0)]
        {
            tch::manual_seed(5);
            let new = |shape: [i64; 4]| Tensor::randn(shape, (Kind::Double, Device::Cpu)).set_requires_grad(true);
            let input = new([images, channels, side, side]);
            let weight = new([out, channels, kernel, kernel]);
            let gradients = |output: &Tensor| {
                let factors = Tensor::arange(output.size().iter().product::<i64>(), (Kind::Double, Device::Cpu)).cos();
                let sum = (output * factors.view(output.size().as_slice())).sum(Kind::Double);
                Tensor::run_backward(&[sum], &[&input, &weight], false, false)
            };
            let (strides, paddings) = ([stride, stride], [padding, padding]);
            let expected = input.conv2d::<Tensor>(&weight, None, strides, paddings, [1, 1], 1);
            let found = convolution(&input, &weight, stride, padding).unwrap();
            assert!(f64::try_from((&expected - &found).abs().max()).unwrap() < 1e-12);
            for (expected, found) in gradients(&expected).iter().zip(gradients(&found)) {
                let off = f64::try_from((expected - &found).abs().max()).unwrap();
                assert!(off < 1e-12 * f64::try_from(expected.abs().max()).unwrap(), "{off}");
            }
        }
    }

    #[test]
    fn lists_are_changed_in_place_without_gradients() {
        let a = Tensor::from_slice(&[1.0_f32, 2.0]).set_requires_grad(true);
        let b = Tensor::from_slice(&[3.0_f32]);
        let all = [a.shallow_clone(), b.shallow_clone()];
        let ones = [Tensor::from_slice(&[1.0_f32, 1.0]), Tensor::from_slice(&[1.0_f32])];
        mul_(&all, 2.0).unwrap();
        add_(&all, &ones, 0.5).unwrap();
        assert_eq!((values(&a), values(&b)), (vec![2.5, 4.5], vec![6.5]));
        lerp_(&all, &ones, 0.5).unwrap();
        assert_eq!((values(&a), values(&b)), (vec![1.75, 2.75], vec![3.75]));
        assert!(a.requires_grad());
        assert_eq!(norms(&[Tensor::from_slice(&[3.0_f32, 4.0])]).unwrap(), [5.0]);
    }

    #[test]
    fn a_step_of_lars_is_the_same_in_one_pass_and_in_several() {
        let shape = [2, 3, 4, 5];
        let new = |seed: i64| {
            tch::manual_seed(seed);
            Tensor::randn(shape, (Kind::Float, Device::Cpu))
        };
        let after = |arranged: &dyn Fn(Tensor) -> Tensor| {
            let (weight, buffer) = (arranged(new(1)), new(2));
            let parts = LarsParts {
                weights: &[weight.shallow_clone()],
                gradients: &[new(3)],
                buffers: &[buffer.shallow_clone()],
                decays: &[0.1],
                rates: &[0.5],
            };
            lars_(&parts, 0.9).unwrap();
            (values(&weight), values(&buffer))
        };
        let (flat, general) = (after(&|t| t), after(&|t| channels_last(&t).unwrap()));
        let (w, b, g) = (values(&new(1)), values(&new(2)), values(&new(3)));
        for i in 0..w.len() {
            let buffer = 0.9 * b[i] + (g[i] + 0.1 * w[i]) * 0.5;
            assert!((flat.1[i] - buffer).abs() < 1e-6 && (general.1[i] - buffer).abs() < 1e-6);
            assert!((flat.0[i] - (w[i] - buffer)).abs() < 1e-6 && (general.0[i] - (w[i] - buffer)).abs() < 1e-6);
        }
    }

    #[test]
    fn lists_of_different_lengths_are_an_error_and_so_is_an_exception() {
        let one = [Tensor::from_slice(&[1.0_f32])];
        assert!(add_(&one, &[], 1.0).is_err());
        let error = add_(&one, &[Tensor::from_slice(&[1.0_f32, 2.0])], 1.0).unwrap_err().to_string();
        assert!(error.contains("size"), "{error}");
    }

    #[test]
    fn a_gradient_is_taken_out_and_put_back() {
        let a = Tensor::from_slice(&[1.0_f32, 2.0]).set_requires_grad(true);
        assert!(take_gradient(&a).unwrap().is_none());
        (&a * &a).sum(Kind::Float).backward();
        let gradient = take_gradient(&a).unwrap().unwrap();
        assert_eq!(values(&gradient), [2.0, 4.0]);
        assert!(take_gradient(&a).unwrap().is_none());
        put_gradient(&a, &gradient).unwrap();
        a.sum(Kind::Float).backward();
        assert_eq!(values(&take_gradient(&a).unwrap().unwrap()), [3.0, 5.0]);
    }

    #[test]
    fn mixed_precision_holds_until_it_is_dropped() {
        let a = Tensor::ones([2, 2], (Kind::Float, Device::Cpu));
        {
            let _mixed = Autocast::enter(false, Kind::BFloat16).unwrap();
            assert_eq!(no_grad(|| a.matmul(&a)).kind(), Kind::BFloat16);
        }
        assert_eq!(a.matmul(&a).kind(), Kind::Float);
        assert!(Autocast::enter(false, Kind::Double).is_err());
    }
}
