#include "losses/pair_loss.h"

#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "core/error.h"

namespace contrastive::losses {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// exp(s) and sums of it neither overflow nor lose precision in float32 for |s| up to here, so that no maximum need be
// subtracted: exp(±40) = 2.4e17, 4.2e-18.
constexpr double kExpBound = 40;

// What the forward pass leaves for the backward pass.
struct Terms {
  at::Tensor log_denominators;  // log Σ_{j≠i} exp(s_ij) (anchors)
  at::Tensor positives;         // Σ_j w_ij s_ij / W_i, or log Σ_j w_ij exp(s_ij); 0 where there is no positive
};

struct Context : torch::CustomClassHolder {
  Context(PairLoss p, Terms t) : problem(std::move(p)), terms(std::move(t)) {}
  PairLoss problem;
  Terms terms;
};

at::Tensor rows_of(const at::Tensor& x, Range range) { return x.narrow(0, range.begin, range.size()); }

// One rectangle of the similarity matrix.
struct Block {
  Range rows, columns;
  bool diagonal;  // rows and columns are the same anchors
  bool mirrored;  // columns are other anchors, so that (columns, rows) is not visited on its own
};

// Visits every pair (anchor, row) once, a mirrored block standing for two.
template <typename Visit>
void for_each_block(const PairLoss& problem, int64_t rows, Visit visit) {
  const std::vector<Range> anchors = problem.positives.split(0, problem.anchors, problem.block);
  const std::vector<Range> others = problem.positives.split(problem.anchors, rows, problem.block);
  for (size_t i = 0; i < anchors.size(); ++i) {
    for (size_t j = i; j < anchors.size(); ++j) visit(Block{anchors[i], anchors[j], j == i, j != i});
    for (const Range& other : others) visit(Block{anchors[i], other, false, false});
  }
}

// Makes blocks of s, and of the weights that lie beside them.
class Similarities {
 public:
  Similarities(const PairLoss& problem, const at::Tensor& z)
      : problem_(problem), z_(z), scaled_(z.narrow(0, 0, problem.anchors) / problem.temperature) {
    const int64_t side = std::min(problem.block, z.size(0));
    buffer_ = at::empty({side * side}, z.options());
  }

  // s of the block (rows, columns), overwritten by the next call.
  at::Tensor block(const Block& block) {
    at::Tensor s =
        buffer_.narrow(0, 0, block.rows.size() * block.columns.size()).view({block.rows.size(), block.columns.size()});
    at::mm_out(s, rows_of(scaled_, block.rows), rows_of(z_, block.columns).t());
    return s;
  }

  std::optional<at::Tensor> weights(const Block& block) const {
    return problem_.positives.block(block.rows, block.columns, z_);
  }

  // w_ji in the place of w_ij, given `weights` of the same block.
  std::optional<at::Tensor> mirrored_weights(const Block& block, const std::optional<at::Tensor>& weights) const {
    if (problem_.positives.symmetric()) return weights;
    return problem_.positives.block(block.columns, block.rows, z_)->t();
  }

 private:
  const PairLoss& problem_;
  at::Tensor z_, scaled_, buffer_;
};

// Running sums of exp(s): as they are when s is bounded, else their logarithms.
class ExpSums {
 public:
  ExpSums(const PairLoss& problem, const at::Tensor& z)
      : bounded_(problem.bound <= kExpBound),
        sums_(at::full({problem.anchors}, bounded_ ? 0.0 : -kInfinity, z.options())) {}

  // e: exp(s) when bounded, else s; summed along `dim`.
  void add(Range anchors, const at::Tensor& e, int64_t dim) {
    at::Tensor sums = rows_of(sums_, anchors);
    if (bounded_)
      sums.add_(e.sum(dim));
    else
      sums.copy_(at::logaddexp(sums, at::logsumexp(e, dim)));
  }

  void add(Range anchors, const at::Tensor& e, const at::Tensor& weights, int64_t dim) {
    add(anchors, bounded_ ? e * weights : e + weights.log(), dim);
  }

  at::Tensor log() const { return bounded_ ? sums_.log() : sums_; }

 private:
  bool bounded_;
  at::Tensor sums_;
};

Terms forward_terms(const PairLoss& problem, const at::Tensor& z) {
  const bool bounded = problem.bound <= kExpBound, in = problem.variant == Variant::kIn;
  Similarities similarities(problem, z);
  ExpSums denominators(problem, z), positives(problem, z);
  at::Tensor dots = at::zeros({problem.anchors}, z.options());

  for_each_block(problem, z.size(0), [&](const Block& block) {
    at::Tensor s = similarities.block(block);
    const auto weights = similarities.weights(block);
    const auto mirrored = block.mirrored ? similarities.mirrored_weights(block, weights) : std::nullopt;
    if (!in && weights) rows_of(dots, block.rows).add_((s * *weights).sum(1));
    if (!in && mirrored) rows_of(dots, block.columns).add_((s * *mirrored).sum(0));
    if (block.diagonal) s.diagonal().fill_(-kInfinity);
    if (bounded) s.exp_();
    denominators.add(block.rows, s, 1);
    if (block.mirrored) denominators.add(block.columns, s, 0);
    if (in && weights) positives.add(block.rows, s, *weights, 1);
    if (in && mirrored) positives.add(block.columns, s, *mirrored, 0);
  });

  const at::Tensor valid = problem.totals > 0;
  const at::Tensor positive_terms = in ? positives.log() : dots / problem.totals;
  return {denominators.log(), at::where(valid, positive_terms, at::zeros_like(positive_terms))};
}

at::Tensor loss_of(const PairLoss& problem, const Terms& terms) {
  at::Tensor losses = terms.log_denominators - terms.positives;
  if (problem.variant == Variant::kIn) losses += at::where(problem.totals > 0, problem.totals, 1.0).log();
  return at::dot(problem.coefficients, losses);
}

// ∂ Σ_i c_i L_i / ∂z, times τ.
at::Tensor backward_rows(const PairLoss& problem, const Terms& terms, const at::Tensor& z) {
  const bool bounded = problem.bound <= kExpBound, in = problem.variant == Variant::kIn;
  const at::Tensor& c = problem.coefficients;
  // exp(s_ij) times these is c_i times the softmax over all, and over the positives, of anchor i.
  const at::Tensor scale = bounded ? c * terms.log_denominators.neg().exp() : c;
  const at::Tensor positive_scale =
      !in ? at::where(problem.totals > 0, c / problem.totals, 0.0) : (bounded ? c * terms.positives.neg().exp() : c);

  Similarities similarities(problem, z);
  at::Tensor gradient = at::zeros_like(z);
  for_each_block(problem, z.size(0), [&](const Block& block) {
    at::Tensor s = similarities.block(block);
    const auto weights = similarities.weights(block);
    // A block of two sets of anchors holds terms of both. One of the same anchors holds each twice, as s_ij and s_ji,
    // and since these are not rounded alike, only the one that the forward pass summed is within its sum.
    const auto mirrored = block.mirrored ? similarities.mirrored_weights(block, weights) : std::nullopt;
    const auto along_rows = [&](const at::Tensor& x) { return rows_of(x, block.rows).unsqueeze(1); };
    const auto along_columns = [&](const at::Tensor& x) { return rows_of(x, block.columns).unsqueeze(0); };

    at::Tensor positive_part;  // Σ over the sides of c X, X the share of each positive
    const auto add_positive_part = [&](const at::Tensor& w, const at::Tensor& side_scale, const at::Tensor& log_sum) {
      at::Tensor part = !in       ? w * side_scale
                        : bounded ? s * w * side_scale
                                  : (s + w.log() - log_sum).exp_() * side_scale;
      positive_part = positive_part.defined() ? positive_part + part : part;
    };

    if (bounded) s.exp_();
    if (weights) add_positive_part(*weights, along_rows(positive_scale), along_rows(terms.positives));
    if (mirrored) add_positive_part(*mirrored, along_columns(positive_scale), along_columns(terms.positives));
    at::Tensor g;  // ∂ / ∂s
    if (bounded) {
      g = s.mul_(block.mirrored ? along_rows(scale) + along_columns(scale) : along_rows(scale));
    } else {
      g = (s - along_rows(terms.log_denominators)).exp_().mul_(along_rows(scale));
      if (block.mirrored) g += (s - along_columns(terms.log_denominators)).exp_().mul_(along_columns(scale));
    }
    if (positive_part.defined()) g -= positive_part;
    if (block.diagonal) g.diagonal().zero_();

    rows_of(gradient, block.rows).addmm_(g, rows_of(z, block.columns));
    rows_of(gradient, block.columns).addmm_(g.t(), rows_of(z, block.rows));
  });
  return gradient;
}

// The first derivative, as a function of its own: its derivative is refused instead of taken for zero.
class PairLossGradient : public Function<PairLossGradient> {
 public:
  static variable_list forward(AutogradContext*, const at::Tensor& z, const std::optional<at::Tensor>& temperature,
                               const at::Tensor& upstream, const c10::intrusive_ptr<Context>& context) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const PairLoss& problem = context->problem;
    const at::Tensor gradient = backward_rows(problem, context->terms, z).mul_(upstream / problem.temperature);
    if (!temperature) return {gradient};
    // Each s_ij is of degree two in z and −1 in τ, so ∂/∂τ = −1/(2τ) Σ z · ∂/∂z.
    const at::Tensor of_temperature = (z * gradient).sum() * (-0.5 / problem.temperature);
    return {gradient, of_temperature.to(temperature->options()).view_as(*temperature)};
  }

  static variable_list backward(AutogradContext*, const variable_list&) {
    throw Error(kAutogradError,
                "a contrastive loss has no second derivative: its backward pass is analytic; write the loss with "
                "tensor operations to differentiate it twice");
  }
};

class PairLossFunction : public Function<PairLossFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& z, const std::optional<at::Tensor>& temperature,
                            const PairLoss& problem) {
    Terms terms = forward_terms(problem, z);
    const at::Tensor loss = loss_of(problem, terms);
    ctx->save_for_backward(temperature ? variable_list{z, *temperature} : variable_list{z});
    ctx->saved_data["context"] = c10::IValue::make_capsule(c10::make_intrusive<Context>(problem, std::move(terms)));
    return loss;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& upstream) {
    const variable_list saved = ctx->get_saved_variables();
    const auto context = c10::static_intrusive_pointer_cast<Context>(ctx->saved_data["context"].toCapsule());
    const auto temperature = saved.size() > 1 ? std::optional(saved[1]) : std::nullopt;
    variable_list gradients = PairLossGradient::apply(saved[0], temperature, upstream[0], context);
    gradients.resize(3);
    return gradients;
  }
};

}  // namespace

at::Tensor pair_loss(const at::Tensor& z, const std::optional<at::Tensor>& temperature, PairLoss problem) {
  return PairLossFunction::apply(z, temperature, problem);
}

}  // namespace contrastive::losses
