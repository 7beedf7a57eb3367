// What libtorch has and tch does not reach. Every function returns null, or the message of the exception it caught, which
// the caller frees with `free`. A tensor comes as a pointer to an `at::Tensor`; one that is put out is allocated with `new`,
// as tch does it.

#include <cstring>
#include <exception>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/ATen.h>

namespace {

template <typename Body>
char *guarded(Body body) {
  try {
    body();
    return nullptr;
  } catch (const std::exception &error) {
    return strdup(error.what());
  }
}

std::vector<at::Tensor> list(at::Tensor *const *tensors, size_t count) {
  std::vector<at::Tensor> all;
  all.reserve(count);
  for (size_t index = 0; index < count; ++index) all.push_back(*tensors[index]);
  return all;
}

// Whether the elements of all lie in the same order in memory, float32 on the processor, without gaps.
bool flat_alike(std::initializer_list<at::Tensor> tensors) {
  const auto &first = *tensors.begin();
  for (const auto &tensor : tensors) {
    if (!tensor.device().is_cpu() || tensor.scalar_type() != at::kFloat || !tensor.is_non_overlapping_and_dense() ||
        tensor.sizes() != first.sizes() || tensor.strides() != first.strides())
      return false;
  }
  return true;
}

// buffer = momentum * buffer + (gradient + decay * weight) * rate; weight -= buffer
void lars(const at::Tensor &weight, const at::Tensor &gradient, const at::Tensor &buffer, double decay, double rate,
          double momentum) {
  if (!flat_alike({weight, gradient, buffer})) {
    buffer.mul_(momentum).add_(gradient.add(weight, decay).mul_(rate));
    weight.sub_(buffer);
    return;
  }
  float *w = weight.data_ptr<float>(), *b = buffer.data_ptr<float>();
  const float *g = gradient.const_data_ptr<float>();
  const float d = decay, r = rate, m = momentum;
  at::parallel_for(0, weight.numel(), 1 << 15, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      b[i] = m * b[i] + (g[i] + d * w[i]) * r;
      w[i] -= b[i];
    }
  });
}

at::DeviceType device_type(bool cuda) { return cuda ? at::kCUDA : at::kCPU; }

}  // namespace

extern "C" {

char *shim_channels_last(at::Tensor *input, at::Tensor **output) {
  return guarded([&] { *output = new at::Tensor(input->contiguous(at::MemoryFormat::ChannelsLast)); });
}

char *shim_autocast_enter(bool cuda, int8_t scalar_type, bool *was_enabled, int8_t *was_type) {
  return guarded([&] {
    auto device = device_type(cuda);
    *was_enabled = at::autocast::is_autocast_enabled(device);
    *was_type = static_cast<int8_t>(at::autocast::get_autocast_dtype(device));
    at::autocast::set_autocast_dtype(device, static_cast<at::ScalarType>(scalar_type));
    at::autocast::set_autocast_enabled(device, true);
    at::autocast::increment_nesting();
  });
}

char *shim_autocast_leave(bool cuda, bool was_enabled, int8_t was_type) {
  return guarded([&] {
    auto device = device_type(cuda);
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device, was_enabled);
    at::autocast::set_autocast_dtype(device, static_cast<at::ScalarType>(was_type));
  });
}

char *shim_foreach_lerp(at::Tensor *const *self, at::Tensor *const *end, size_t count, double weight) {
  return guarded([&] {
    at::NoGradGuard no_grad;
    at::_foreach_lerp_(list(self, count), list(end, count), weight);
  });
}

char *shim_foreach_mul(at::Tensor *const *self, size_t count, double factor) {
  return guarded([&] {
    at::NoGradGuard no_grad;
    at::_foreach_mul_(list(self, count), factor);
  });
}

char *shim_foreach_add(at::Tensor *const *self, at::Tensor *const *other, size_t count, double alpha) {
  return guarded([&] {
    at::NoGradGuard no_grad;
    at::_foreach_add_(list(self, count), list(other, count), alpha);
  });
}

// One step of LARS for each tensor, each with a decay and a rate of its own.
char *shim_lars(at::Tensor *const *weights, at::Tensor *const *gradients, at::Tensor *const *buffers, const double *decays,
                const double *rates, size_t count, double momentum) {
  return guarded([&] {
    at::NoGradGuard no_grad;
    for (size_t i = 0; i < count; ++i) lars(*weights[i], *gradients[i], *buffers[i], decays[i], rates[i], momentum);
  });
}

// One step of AdamW. `steps` are float32 scalars that are counted up first, as PyTorch's fused optimizers do.
char *shim_adamw(at::Tensor *const *weights, at::Tensor *const *gradients, at::Tensor *const *means,
                 at::Tensor *const *squares, at::Tensor *const *steps, size_t count, double rate, double beta1,
                 double beta2, double decay, double eps) {
  return guarded([&] {
    at::NoGradGuard no_grad;
    auto counts = list(steps, count);
    at::_foreach_add_(counts, 1);
    at::_fused_adamw_(list(weights, count), list(gradients, count), list(means, count), list(squares, count), {}, counts,
                      rate, beta1, beta2, decay, eps, /*amsgrad=*/false, /*maximize=*/false);
  });
}

// The Euclidean norms, one after the other in one float32 tensor of `count` elements.
char *shim_foreach_norm(at::Tensor *const *self, size_t count, at::Tensor **output) {
  return guarded([&] {
    at::NoGradGuard no_grad;
    auto norms = at::_foreach_norm(list(self, count), 2);
    *output = new at::Tensor(at::stack(norms).to(at::kCPU, at::kFloat));
  });
}

// Moves the gradient of a tensor out of it; `null` where it has none.
char *shim_take_gradient(at::Tensor *self, at::Tensor **output) {
  return guarded([&] {
    auto &gradient = self->mutable_grad();
    *output = gradient.defined() ? new at::Tensor(gradient) : nullptr;
    gradient.reset();
  });
}

}  // extern "C"
