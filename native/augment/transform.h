// The description of one transform: its options and their checks, its draws, and the operations that the drawn numbers
// come down to. All randomness is in draw(), which gives plain numbers; plan() is a function of these. A transform is
// one .cc file in transforms/ that registers itself under the `kind` of its plain data:
//
//   CONTRASTIVE_TRANSFORM("solarize", Solarize);
#pragma once

#include <array>
#include <cmath>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "augment/checks.h"
#include "augment/operations.h"
#include "core/error.h"
#include "core/philox.h"

namespace contrastive::augment {

// A transform as plain data, `{ kind: 'solarize', threshold: 0.5, p: 0.2 }`: numbers and lists of numbers, words, flags
// as 0 or 1, and lists of no number for null.
struct TransformSpec {
  std::string kind;
  std::map<std::string, std::vector<double>> numbers;
  std::map<std::string, std::string> words;

  // Each throws kOptionError when the field is missing, of another length, not finite, or out of bounds.
  double number(const std::string& name, Bounds bounds = {}) const;
  int integer(const std::string& name, Bounds bounds = {}) const;
  bool flag(const std::string& name) const { return integer(name) != 0; }
  std::array<double, 2> pair(const std::string& name, Bounds bounds = {}) const;
  // [min, max] with min <= max.
  std::array<double, 2> range(const std::string& name, Bounds bounds = {}) const;
  // The field `size`: [height, width], from 1 to kLargestSide.
  std::array<int, 2> size() const;
  // The fields `interpolation` and `fill`, which may be none.
  Sampling sampling() const;
  const std::vector<double>& list(const std::string& name, Bounds bounds = {}) const;
  const std::string& word(const std::string& name) const;
  bool has_word(const std::string& name) const { return words.contains(name); }
};

// What one transform drew for one sample and view: numbers in the order of Transform::drawn_names().
struct Drawn {
  static constexpr int kMost = 32;

  static Drawn skipped() { return Drawn(); }
  static Drawn plain() {
    Drawn drawn;
    drawn.applied = true;
    return drawn;
  }
  Drawn() = default;
  Drawn(std::initializer_list<double> list) : applied(true) {
    for (double value : list) push(value);
  }
  void push(double value) { values[count++] = value; }
  // Two numbers, the key of some noise.
  void push_key(Philox& random) {
    push(random.next());
    push(random.next());
  }
  double operator[](int i) const { return values[i]; }
  int at(int i) const { return static_cast<int>(values[i]); }
  // Of numbers [top, left, height, width] at the front.
  Window window() const { return {at(0), at(1), at(2), at(3)}; }

  bool applied = false;
  int count = 0;
  std::array<double, kMost> values{};
};

class Transform {
 public:
  explicit Transform(const TransformSpec& spec);
  virtual ~Transform() = default;

  const std::string& kind() const { return kind_; }
  // The probability that the transform is applied at all.
  double p() const { return p_; }

  // Names of the drawn numbers; a name that repeats makes a list.
  virtual std::vector<std::string> drawn_names() const { return {}; }
  // The image's shape afterwards; throws kShapeError for an image that the transform cannot take.
  virtual Shape output_shape(Shape input) const { return input; }
  // Draws for an image that output_shape() accepted.
  virtual Drawn draw(Philox&, Shape) const { return Drawn::plain(); }
  // Throws kOptionError when numbers that came from outside would leave the image; plan() trusts what passed.
  virtual void check_drawn(const Drawn& drawn, Shape input) const;
  // Appends what these numbers do to an image of shape `input`; what changes nothing is left out. The transform must
  // outlive the plan, whose operations may refer to its lists.
  virtual void plan(const Drawn& drawn, Shape input, Plan& plan) const = 0;

 protected:
  // Colour operations are defined for 1 and 3 channels, as torchvision's.
  Shape expect_color(Shape input) const;

 private:
  std::string kind_;
  double p_;
};

using TransformFactory = std::unique_ptr<Transform> (*)(const TransformSpec&);

// Throws kOptionError for a kind that nothing registered.
std::unique_ptr<Transform> make_transform(const TransformSpec& spec);

struct TransformRegistration {
  TransformRegistration(const char* kind, TransformFactory factory);
};

// Python's round(), which torchvision uses: half to even.
inline int round_half_even(double x) { return static_cast<int>(std::nearbyint(x)); }

}  // namespace contrastive::augment

#define CONTRASTIVE_TRANSFORM(kind, Class)                                          \
  static const ::contrastive::augment::TransformRegistration register_##Class(      \
      kind, [](const ::contrastive::augment::TransformSpec& spec) {                 \
        return std::unique_ptr<::contrastive::augment::Transform>(new Class(spec)); \
      })
