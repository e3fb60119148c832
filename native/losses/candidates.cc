#include "losses/candidates.h"

#include <array>
#include <vector>

#include "core/host_copy.h"
#include "losses/unit_rows.h"

namespace contrastive::losses {
namespace {

// Of each value the index of the first key that equals it; −1 where none does. Integers (keys), (values) -> int64
// (values).
at::Tensor find(const at::Tensor& keys, const at::Tensor& values) {
  const auto [sorted, order] = keys.to(at::kLong).sort(/*stable=*/true, /*dim=*/0, /*descending=*/false);
  const at::Tensor wanted = values.to(at::kLong);
  const at::Tensor place = at::searchsorted(sorted, wanted).clamp_max_(keys.size(0) - 1);
  return order.index_select(0, place).masked_fill_(sorted.index_select(0, place).ne(wanted), -1);
}

// Two values for the two parts of the candidates.
struct Parts {
  at::Tensor batch;  // a value a sample
  at::Tensor bank;   // a value a candidate of the bank; undefined when there is none

  at::Tensor joined(int64_t views) const {
    std::vector<int64_t> repeats(batch.dim(), 1);
    repeats[0] = views;
    const at::Tensor rows = batch.repeat(repeats);
    return bank.defined() ? at::cat({rows, bank}) : rows;
  }
};

// The sample that each candidate shows, by its index in the batch; −1 for one that the batch does not hold.
Parts samples_of(const LossInputs& in, at::Device device) {
  const auto options = at::TensorOptions(at::kLong).device(device);
  Parts samples;
  samples.batch = in.ids ? find(*in.ids, *in.ids) : at::arange(in.features.size(0), options);
  if (in.bank_ids)
    samples.bank = find(*in.ids, *in.bank_ids);
  else if (in.bank)
    samples.bank = at::full({in.bank->size(0)}, -1, options);
  return samples;
}

// What the batch says of the sample that a candidate of the bank shows goes before what the bank says of it.
at::Tensor of_bank(const at::Tensor& samples, const at::Tensor& of_batch, const at::Tensor& own) {
  at::Tensor known = samples.ge(0);
  if (own.dim() > 1) known = known.unsqueeze(1);
  return at::where(known, of_batch.index_select(0, samples.clamp_min(0)), own);
}

// Classes as the index of the first sample that has them; −1 for a class that the batch lacks.
Parts classes_of(const LossInputs& in, const Parts& samples) {
  if (!in.labels) return samples;
  Parts classes{find(*in.labels, *in.labels), {}};
  if (in.bank) {
    const at::Tensor own = in.bank_labels ? find(*in.labels, *in.bank_labels) : at::full_like(samples.bank, -1);
    classes.bank = of_bank(samples.bank, classes.batch, own);
  }
  return classes;
}

Parts label_sets_of(const LossInputs& in, const Parts& samples, at::ScalarType dtype) {
  Parts sets{in.labels->to(dtype), {}};
  if (in.bank) {
    const at::Tensor own = in.bank_labels ? in.bank_labels->to(dtype)
                                          : at::zeros({in.bank->size(0), sets.batch.size(1)}, sets.batch.options());
    sets.bank = of_bank(samples.bank, sets.batch, own);
  }
  return sets;
}

// Labels and ids on the CPU, where all of them are known there: what is made of them is then known too, and nobody
// waits for a device.
LossInputs with_known(LossInputs in) {
  const std::array<OptionalTensor*, 4> all = {&in.labels, &in.ids, &in.bank_labels, &in.bank_ids};
  std::array<OptionalTensor, 4> known;
  for (size_t i = 0; i < all.size(); ++i)
    if (*all[i] && !(known[i] = known_on_host(**all[i]))) return in;
  for (size_t i = 0; i < all.size(); ++i) *all[i] = known[i];
  return in;
}

// Each of the three parts in order of class: anchors, other rows, bank.
at::Tensor order_of(const at::Tensor& classes, int64_t anchors, int64_t rows) {
  std::vector<at::Tensor> parts;
  const auto add = [&](int64_t begin, int64_t end) {
    if (begin < end)
      parts.push_back(classes.narrow(0, begin, end - begin).argsort(/*stable=*/true, /*dim=*/0).add_(begin));
  };
  add(0, anchors);
  add(anchors, rows);
  add(rows, classes.size(0));
  return at::cat(parts);
}

}  // namespace

Candidates candidates_of(const LossInputs& given, bool normalize, int64_t anchors) {
  const LossInputs in = with_known(given);
  const at::Device device = in.features.device();
  const bool is_known = (!in.labels || in.labels->is_cpu()) && (!in.ids || in.ids->is_cpu()) &&
                        (!in.bank_labels || in.bank_labels->is_cpu()) && (!in.bank_ids || in.bank_ids->is_cpu());
  const int64_t batch = in.features.size(0), views = in.features.size(1), rows = batch * views;
  const auto dtype = in.features.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const Parts samples = samples_of(in, is_known ? at::kCPU : device);
  const auto sent = [&](const at::Tensor& x) { return x.defined() ? send(x, device) : x; };
  Candidates made;
  made.order = at::arange(rows + (in.bank ? in.bank->size(0) : 0), samples.batch.options());
  if (in.mask) {
    made.positives = positives_of_mask(in.mask->detach().to(dtype), rows, sent(samples.bank));
  } else if (in.labels && in.labels->dim() == 2) {
    const Parts there{sent(samples.batch), sent(samples.bank)};
    made.positives = positives_of_label_sets(label_sets_of(given, there, dtype).joined(views), there.joined(views));
  } else {
    const at::Tensor classes = classes_of(in, samples).joined(views);
    made.order = order_of(classes, anchors, rows);
    made.positives = positives_of_classes(classes.index_select(0, made.order), device, dtype);
  }
  made.order = sent(made.order);

  const auto arranged = [&](const at::Tensor& x, const at::Tensor& order) {
    return normalize ? unit_rows(x, order, dtype) : x.index_select(0, order).to(dtype);
  };
  // Row r of the view-major rows is view r / batch of sample r % batch; features hold the views of a sample together.
  const at::Tensor order = made.order.narrow(0, 0, rows);
  made.rows = arranged(in.features.reshape({rows, in.features.size(2)}),
                       order.remainder(batch).mul_(views).add_(order.div(batch, "floor")));
  if (in.bank) made.bank = arranged(in.bank->detach(), made.order.narrow(0, rows, in.bank->size(0)).sub(rows));
  return made;
}

}  // namespace contrastive::losses
