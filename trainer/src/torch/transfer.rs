//! Numbers into and out of tensors.

use tch::{Device, Kind, TchError, Tensor};

/// A float32 tensor on a device from its elements in row-major order; an error where their number is not that of the shape.
pub fn from_f32(values: &[f32], shape: &[usize], device: Device) -> Result<Tensor, TchError> {
    let shape: Vec<i64> = shape.iter().map(|&extent| extent as i64).collect();
    Tensor::f_from_slice(values)?.f_reshape(&shape)?.f_to_device(device)
}

/// The elements of a tensor in row-major order, rounded to float32.
pub fn to_f32(tensor: &Tensor) -> Result<Vec<f32>, TchError> {
    let tensor = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
    let mut values = vec![0.0; tensor.numel()];
    tensor.f_copy_data(&mut values, tensor.numel())?;
    Ok(values)
}
