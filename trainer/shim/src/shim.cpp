// What libtorch has and tch does not reach. Every function returns null, or the message of the exception it caught, which
// the caller frees with `free`. A tensor comes as a pointer to an `at::Tensor`; one that is put out is allocated with `new`,
// as tch does it.

#include <algorithm>
#include <cstring>
#include <exception>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/ATen.h>
#include <mimalloc.h>
#include <torch/csrc/autograd/custom_function.h>

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

// The most that the columns of `weight_gradient` take at a time.
constexpr int64_t kColumnBytes = 64 << 20;

// The gradient of a convolution's weight as a matrix product: of the output's gradient, [pixels, out], with the windows
// that the output's pixels saw, [pixels, kh * kw * in]. All in channels-last order, in which it also comes out.
at::Tensor weight_gradient(const at::Tensor &gradient, const at::Tensor &input, const at::Tensor &weight, int64_t stride,
                           int64_t padding) {
  const auto last = at::MemoryFormat::ChannelsLast;
  auto padded = at::constant_pad_nd(input, {padding, padding, padding, padding}).contiguous(last);
  auto pixels = gradient.contiguous(last).permute({0, 2, 3, 1});
  const int64_t images = pixels.size(0), h = pixels.size(1), w = pixels.size(2), out = pixels.size(3);
  const int64_t in = weight.size(1), kh = weight.size(2), kw = weight.size(3), columns = kh * kw * in;
  auto sum = at::zeros({out, columns}, weight.options());
  const int64_t step = std::max<int64_t>(1, kColumnBytes / (4 * h * w * columns));
  for (int64_t from = 0; from < images; from += step) {
    const int64_t count = std::min(step, images - from);
    auto part = padded.narrow(0, from, count);
    auto windows = part.as_strided(
        {count, h, w, kh, kw, in},
        {part.stride(0), stride * part.stride(2), stride * part.stride(3), part.stride(2), part.stride(3), 1});
    auto rows = pixels.narrow(0, from, count).reshape({count * h * w, out});
    sum.addmm_(rows.t(), windows.reshape({count * h * w, columns}));
  }
  return sum.view({out, kh, kw, in}).permute({0, 3, 1, 2});
}

// A convolution that differs from libtorch's in nothing but how its weight's gradient is computed.
struct Convolution : torch::autograd::Function<Convolution> {
  static at::Tensor forward(torch::autograd::AutogradContext *context, const at::Tensor &input, const at::Tensor &weight,
                            int64_t stride, int64_t padding) {
    context->save_for_backward({input, weight});
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    at::AutoDispatchBelowADInplaceOrView below;
    return at::conv2d(input, weight, {}, stride, padding);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext *context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto &input = saved[0], &weight = saved[1];
    const int64_t stride = context->saved_data["stride"].toInt(), padding = context->saved_data["padding"].toInt();
    at::Tensor of_input, of_weight;
    if (context->needs_input_grad(0)) {
      of_input = std::get<0>(at::convolution_backward(gradients[0], input, weight, c10::nullopt, {stride, stride},
                                                      {padding, padding}, {1, 1}, false, {0, 0}, 1, {true, false, false}));
    }
    if (context->needs_input_grad(1)) of_weight = weight_gradient(gradients[0], input, weight, stride, padding);
    return {of_input, of_weight, at::Tensor(), at::Tensor()};
  }
};

at::DeviceType device_type(bool cuda) { return cuda ? at::kCUDA : at::kCPU; }

}  // namespace

extern "C" {

char *shim_channels_last(at::Tensor *input, at::Tensor **output) {
  return guarded([&] { *output = new at::Tensor(input->contiguous(at::MemoryFormat::ChannelsLast)); });
}

char *shim_convolution(at::Tensor *input, at::Tensor *weight, int64_t stride, int64_t padding, at::Tensor **output) {
  return guarded([&] {
    const bool mixed = at::autocast::is_autocast_enabled(input->device().type());
    *output = new at::Tensor(mixed ? at::conv2d(*input, *weight, {}, stride, padding)
                                   : Convolution::apply(*input, *weight, stride, padding));
  });
}

void shim_keep_memory() { mi_option_set(mi_option_purge_delay, -1); }

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

// Gives a tensor that gradient, in the tensor's own memory format, as if it had been accumulated there.
char *shim_put_gradient(at::Tensor *self, at::Tensor *gradient) {
  return guarded([&] {
    at::NoGradGuard no_grad;
    auto copy = at::empty_like(*self);
    copy.copy_(*gradient);
    self->mutable_grad() = copy;
  });
}

}  // extern "C"
