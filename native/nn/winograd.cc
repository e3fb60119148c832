#include "nn/winograd.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace contrastive::nn {
namespace {

constexpr int64_t kTrainingTiles = 64, kInferenceTiles = 16;  // fewer are left to libtorch
constexpr int64_t kPart = 32;                                 // outputs: parts of them begin at multiples of this
// Channels and outputs of a block of the weight's gradient: its products fit into the L2 cache.
constexpr int64_t kBlock = 64;

int64_t pieces(int64_t whole, int64_t size) { return (whole + size - 1) / size; }

Range piece(int64_t i, int64_t size, int64_t whole) { return {i * size, std::min(whole, (i + 1) * size)}; }

at::DataPtr room(int64_t floats) { return c10::GetCPUAllocator()->allocate(floats * sizeof(float)); }

WinogradShape shape_of(int64_t images, int64_t channels, int64_t height, int64_t width, int64_t outputs,
                       int64_t padding, int64_t side) {
  const int64_t output_height = height + 2 * padding - 2, output_width = width + 2 * padding - 2;
  return {.images = images,
          .height = height,
          .width = width,
          .channels = channels,
          .outputs = outputs,
          .output_height = output_height,
          .output_width = output_width,
          .padding = padding,
          .tile_rows = pieces(output_height, side),
          .tile_columns = pieces(output_width, side)};
}

int64_t tiles_of(const WinogradShape& s) { return s.images * s.tile_rows * s.tile_columns; }

std::optional<WinogradShape> shape_for(const at::Tensor& input, const at::Tensor& weight,
                                       const ConvolutionOptions& options, int64_t side) {
  const bool is_kind = input.is_cpu() && input.dim() == 4 && weight.dim() == 4 && weight.size(2) == 3 &&
                       weight.size(3) == 3 && options.groups == 1 && all_are(options.stride, 1) &&
                       all_are(options.dilation, 1) && (all_are(options.padding, 0) || all_are(options.padding, 1));
  if (!is_kind || input.size(1) != weight.size(1) || input.scalar_type() != at::kFloat ||
      !weight.options().type_equal(input.options()) || !input.is_contiguous(at::MemoryFormat::ChannelsLast))
    return std::nullopt;
  const WinogradShape s = shape_of(input.size(0), input.size(1), input.size(2), input.size(3), weight.size(0),
                                   options.padding.front(), side);
  if (s.channels % kWinogradChannels != 0 || s.outputs % kWinogradChannels != 0) return std::nullopt;
  return s;
}

// Three quarters of the outputs of the tiles are there, of images that are more than an edge (where plain sums skip
// what meets padding).
bool fills_tiles(const WinogradShape& s, int64_t side) {
  const int64_t outputs = s.output_height * s.output_width;
  return std::min(s.output_height, s.output_width) >= 4 &&
         4 * outputs >= 3 * side * side * s.tile_rows * s.tile_columns;
}

void convolve(const WinogradKernels& kernels, const WinogradShape& s, const at::Tensor& x, const at::Tensor& weight,
              const WinogradEpilogue& epilogue, const at::Tensor& y) {
  const int64_t tiles = tiles_of(s), threads = at::get_num_threads();
  int64_t blocks = pieces(tiles, kWinogradTiles), part = s.outputs;
  if (blocks < threads)
    part = pieces(pieces(s.outputs, pieces(threads, blocks)), kPart) * kPart;
  else
    blocks = pieces(blocks, threads) * threads;
  const int64_t block = pieces(tiles, blocks), parts = pieces(s.outputs, part);
  const auto *in = x.const_data_ptr<float>(), *w = weight.const_data_ptr<float>();
  auto* out = y.mutable_data_ptr<float>();
  at::parallel_for(0, pieces(tiles, block) * parts, 1, [&](int64_t begin, int64_t end) {
    const at::DataPtr workspace = room(kernels.points * (block * (s.channels + part) + 2 * kWinogradPadding));
    for (int64_t i = begin; i < end; ++i)
      kernels.convolve(s, in, w, epilogue, out, piece(i / parts, block, tiles), piece(i % parts, part, s.outputs),
                       static_cast<float*>(workspace.get()));
  });
}

WinogradWeight strides_of(const at::Tensor& w) { return {w.stride(0), w.stride(1), w.stride(2), w.stride(3)}; }

at::Tensor transform(const WinogradKernels& kernels, const WinogradShape& s, const WinogradWeight& weight,
                     const float* data) {
  at::Tensor transformed = at::empty({kernels.points * (s.outputs * s.channels + kWinogradPadding)});
  auto* out = transformed.mutable_data_ptr<float>();
  at::parallel_for(0, pieces(s.outputs, kPart), 1, [&](int64_t begin, int64_t end) {
    kernels.transform_weight(s, weight, data, {begin * kPart, std::min(s.outputs, end * kPart)}, out);
  });
  return transformed;
}

at::Tensor empty_images(int64_t images, int64_t channels, int64_t height, int64_t width) {
  return at::empty({images, channels, height, width}, at::MemoryFormat::ChannelsLast);
}

}  // namespace

bool all_are(at::IntArrayRef values, int64_t value) {
  return std::all_of(values.begin(), values.end(), [&](int64_t each) { return each == value; });
}

bool has_plain_convolutions() {
  static const bool wanted = [] {
    const char* wish = std::getenv("CONTRASTIVE_PLAIN_CONVOLUTIONS");  // NOLINT(concurrency-mt-unsafe): read once
    return wish != nullptr && std::string_view(wish) == "1";
  }();
  return wanted;
}

// To transform a weight takes as long as 10 (AVX2) to 40 tiles (AVX-512) save. From 64 tiles on, the layers of ResNets
// (16 to 512 channels, 4 to 56 pixels) were faster than oneDNN's: 1.1 to 1.9 times, the gradient of the weight 1.05 to
// 3 times.
std::optional<Winograd> winograd_for_training(const at::Tensor& input, const at::Tensor& weight,
                                              const ConvolutionOptions& options) {
  const WinogradSet* set = winograd_kernels();
  if (set == nullptr) return std::nullopt;
  const auto shape = shape_for(input, weight, options, set->small.side);
  if (!shape || !fills_tiles(*shape, set->small.side) || tiles_of(*shape) < kTrainingTiles) return std::nullopt;
  return Winograd{&set->small, *shape};
}

// No weight is transformed, but a larger one is read. The same layers were 1.2 to 3.5 times as fast, but for one image
// of 512 channels and 7 pixels, which has 16 tiles of 2x2: as fast.
std::optional<Winograd> winograd_for_inference(const at::Tensor& input, const at::Tensor& weight,
                                               const ConvolutionOptions& options) {
  const WinogradSet* set = winograd_kernels();
  if (set == nullptr || has_plain_convolutions()) return std::nullopt;
  for (const WinogradKernels* kernels : {&set->large, &set->small}) {
    const auto shape = shape_for(input, weight, options, kernels->side);
    if (shape && fills_tiles(*shape, kernels->side) && tiles_of(*shape) >= kInferenceTiles)
      return Winograd{kernels, *shape};
  }
  return std::nullopt;
}

at::Tensor transformed_weight(const Winograd& winograd, const at::Tensor& weight) {
  return transform(*winograd.kernels, winograd.shape, strides_of(weight), weight.const_data_ptr<float>());
}

at::Tensor winograd_convolution(const Winograd& winograd, const at::Tensor& input, const at::Tensor& transformed,
                                const Addition& addition) {
  const WinogradShape& s = winograd.shape;
  const at::Tensor bias = addition.bias ? addition.bias->contiguous() : at::Tensor();
  const at::Tensor y =
      addition.in_place ? *addition.residual : empty_images(s.images, s.outputs, s.output_height, s.output_width);
  const WinogradEpilogue epilogue = {bias.defined() ? bias.const_data_ptr<float>() : nullptr,
                                     addition.residual ? addition.residual->const_data_ptr<float>() : nullptr,
                                     addition.relu};
  convolve(*winograd.kernels, s, input, transformed, epilogue, y);
  return y;
}

// A convolution of the gradient with the weight turned round, its outputs and channels exchanged.
at::Tensor winograd_input_gradient(const Winograd& winograd, const at::Tensor& grad_output, const at::Tensor& weight) {
  const WinogradShape& s = winograd.shape;
  const WinogradShape back =
      shape_of(s.images, s.outputs, s.output_height, s.output_width, s.channels, 2 - s.padding, winograd.kernels->side);
  const WinogradWeight w = strides_of(weight), turned = {w.channel, w.output, -w.row, -w.column};
  const at::Tensor transformed =
      transform(*winograd.kernels, back, turned, weight.const_data_ptr<float>() + 2 * w.row + 2 * w.column);
  const at::Tensor dx = empty_images(s.images, s.channels, s.height, s.width);
  convolve(*winograd.kernels, back, grad_output, transformed, {nullptr, nullptr, false}, dx);
  return dx;
}

// Blocks of channels and outputs, each from slabs of tiles: these, not the threads, decide the order of summation.
at::Tensor winograd_weight_gradient(const Winograd& winograd, const at::Tensor& grad_output, const at::Tensor& input,
                                    const at::Tensor& weight) {
  const WinogradShape& s = winograd.shape;
  const WinogradGradientKernels& kernels = winograd_kernels()->gradient;
  const int64_t rows = std::min(s.channels, kBlock), columns = std::min(s.outputs, kBlock);
  const int64_t across = pieces(s.outputs, columns), blocks = pieces(s.channels, rows) * across;
  const int64_t tiles = tiles_of(s), most = std::clamp<int64_t>(32 / blocks, 1, pieces(tiles, 256));
  const int64_t slab = pieces(tiles, most), slabs = pieces(tiles, slab);
  const int64_t stride = kWinogradPoints * rows * columns;
  const at::DataPtr products = room(blocks * slabs * stride);
  auto* sums = static_cast<float*>(products.get());
  const auto *x = input.const_data_ptr<float>(), *dy = grad_output.const_data_ptr<float>();
  at::parallel_for(0, blocks * slabs, 1, [&](int64_t begin, int64_t end) {
    const at::DataPtr workspace = room(kWinogradPoints * (kWinogradDepth * (rows + columns) + 2 * kWinogradPadding));
    for (int64_t i = begin; i < end; ++i) {
      const int64_t block = i / slabs;
      kernels.weight_products(s, x, dy, piece(i % slabs, slab, tiles), piece(block / across, rows, s.channels),
                              piece(block % across, columns, s.outputs), sums + i * stride,
                              static_cast<float*>(workspace.get()));
    }
  });
  at::Tensor dw = at::empty_like(weight);
  const WinogradWeight to = strides_of(dw);
  auto* out = dw.mutable_data_ptr<float>();
  at::parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block)
      kernels.weight_gradient(sums + block * slabs * stride, slabs, stride, piece(block / across, rows, s.channels),
                              piece(block % across, columns, s.outputs), to, out);
  });
  return dw;
}

}  // namespace contrastive::nn
