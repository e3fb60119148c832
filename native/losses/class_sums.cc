#include "losses/class_sums.h"

#include <torch/csrc/autograd/custom_function.h>

#include "core/device_streams.h"
#include "losses/pair_gradient.h"

namespace contrastive::losses {
namespace {

// Places of those of no class. A device adds up what has one place one by one: a queue of which nothing is anybody's
// positive must not be one sum.
constexpr int64_t kNobodys = 1024;

// Who is summed up for whom.
struct ClassMembers : torch::CustomClassHolder {
  explicit ClassMembers(const Pairs& pairs)
      : rows(pairs.rows), anchors(pairs.anchors), queries(pairs.queries), bank(pairs.bank) {
    const at::Tensor classes = pairs.positives->classes();
    // A class is the place of its first row; of the bank, −1 is that of no row, and goes behind them.
    const at::Tensor nobodys = at::arange(classes.size(0), classes.options()).remainder(kNobodys).add_(rows);
    places = at::where(classes.lt(0), nobodys, classes);
  }

  // Σ of values (rows or bank, …) by class, (rows + kNobodys, …), in float64: a row's own part is taken from it again.
  // CUDA sorts by place, so that the order of a sum is always the same.
  at::Tensor sums(const at::Tensor& values, Range of) const {
    std::vector<int64_t> sizes = values.sizes().vec();
    sizes[0] = rows + kNobodys;
    const at::Tensor wide = values.to(at::kDouble);
    return at::zeros(sizes, wide.options()).index_put_({part(places, of)}, wide, /*accumulate=*/true);
  }

  // Of each anchor, Σ of the values of its positives: those of rows, and of the bank where there is one.
  at::Tensor of_positives(const at::Tensor& of_rows, const at::Tensor& of_bank) const {
    const at::Tensor classes = places.narrow(0, 0, anchors);
    at::Tensor all;
    if (!queries) all = sums(of_rows, {0, rows});
    if (of_bank.defined()) {
      const at::Tensor banked = sums(of_bank, {rows, rows + of_bank.size(0)});
      all = all.defined() ? all + banked : banked;
    }
    const at::Tensor found = all.defined() ? all.index_select(0, classes) : at::Tensor();
    if (!queries) return (found - of_rows.narrow(0, 0, anchors)).to(of_rows.scalar_type());
    const at::Tensor keys = of_rows.narrow(0, anchors, anchors);
    return found.defined() ? (found + keys).to(of_rows.scalar_type()) : keys;
  }

  // Of each row, Σ of the values (anchors, …) of the anchors of which it is a positive.
  at::Tensor of_anchors(const at::Tensor& values) const {
    if (queries) return at::cat({at::zeros_like(values), values});
    at::Tensor found = sums(values, {0, anchors}).index_select(0, places.narrow(0, 0, rows));
    found.narrow(0, 0, anchors).sub_(values);
    return found.to(values.scalar_type());
  }

  int64_t rows, anchors;
  bool queries;
  at::Tensor bank, places;
};

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class ClassProductsGradient : public torch::autograd::Function<ClassProductsGradient> {
 public:
  static at::Tensor forward(AutogradContext*, const at::Tensor& z, const at::Tensor& sums, const at::Tensor& upstream,
                            const c10::intrusive_ptr<ClassMembers>& members) {
    const at::Tensor each = upstream.unsqueeze(1);
    at::Tensor gradient = members->of_anchors(each * z.narrow(0, 0, members->anchors));
    gradient.narrow(0, 0, members->anchors).addcmul_(each, sums);
    return gradient;
  }

  static variable_list backward(AutogradContext*, const variable_list&) { refuse_second_derivative(); }
};

class ClassProducts : public torch::autograd::Function<ClassProducts> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& z,
                            const c10::intrusive_ptr<ClassMembers>& members) {
    const at::Tensor sums = members->of_positives(z, members->bank);
    context->save_for_backward({z, sums});
    context->saved_data["members"] = c10::IValue::make_capsule(members);
    return (z.narrow(0, 0, members->anchors) * sums).sum(1);
  }

  static variable_list backward(AutogradContext* context, const variable_list& upstream) {
    const variable_list saved = context->get_saved_variables();
    const auto members = c10::static_intrusive_pointer_cast<ClassMembers>(context->saved_data["members"].toCapsule());
    return {ClassProductsGradient::apply(saved[0], saved[1], upstream[0], members), at::Tensor()};
  }
};

}  // namespace

bool has_class_sums(const Pairs& pairs) {
  const at::Tensor classes = pairs.positives->classes();
  return !pairs.cap && classes.defined() && is_asynchronous(classes.device());
}

at::Tensor positives_by_class(const Pairs& pairs, const at::Tensor& like) {
  const ClassMembers members(pairs);
  const at::Tensor ones = at::ones({pairs.candidates()}, like.options());
  const at::Tensor of_bank = pairs.bank.defined() ? part(ones, {pairs.rows, pairs.candidates()}) : at::Tensor();
  return members.of_positives(part(ones, {0, pairs.rows}), of_bank);
}

at::Tensor products_by_class(const at::Tensor& z, const Pairs& pairs) {
  return ClassProducts::apply(z, c10::make_intrusive<ClassMembers>(pairs));
}

}  // namespace contrastive::losses
