// One transform of a pipeline. All randomness is in draw(), which gives plain numbers; apply() is a function of the
// pixels and those numbers. A transform is one .cc file that registers itself under the `kind` of its plain data:
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

#include "augment/canvas.h"
#include "core/error.h"
#include "core/philox.h"

namespace contrastive::augment {

// Pixels; wider than any image that fits into memory, and lib/augment/arguments.ts has it too.
constexpr int kLargestSide = 65535;

// A transform as plain data, `{ kind: 'solarize', threshold: 0.5, p: 0.2 }`: numbers and lists of numbers, words, and
// flags as 0 or 1.
struct TransformSpec {
  std::string kind;
  std::map<std::string, std::vector<double>> numbers;
  std::map<std::string, std::string> words;

  // Each throws kOptionError when the field is missing, of another length, or not finite.
  double number(const std::string& name) const;
  int integer(const std::string& name) const;
  std::array<double, 2> pair(const std::string& name) const;
  // The field `size`: [height, width], from 1 to kLargestSide.
  std::array<int, 2> size() const;
  const std::vector<double>& list(const std::string& name) const;
  const std::string& word(const std::string& name) const;
  bool has(const std::string& name) const { return numbers.contains(name) || words.contains(name); }
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
  void append(const Drawn& more) {
    for (int i = 0; i < more.count; ++i) push(more[i]);
  }
  double operator[](int i) const { return values[i]; }
  int at(int i) const { return static_cast<int>(values[i]); }

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
  // Draws for an image of shape `input`, which output_shape() accepted.
  virtual Drawn draw(Philox& random, Shape input) const = 0;
  virtual void apply(Canvas& canvas, const Drawn& drawn) const = 0;
  // Throws kOptionError when numbers that came from outside would leave the image; apply() trusts what passed.
  virtual void check_drawn(const Drawn& drawn, Shape input) const;

 protected:
  // Colour operations are defined for 1 and 3 channels, as torchvision's.
  Shape expect_color(Shape input) const;
  // [top, left, height, width] at the front of `drawn` lies inside `input`, with sides of at least `least`.
  void expect_window(const Drawn& drawn, Shape input, int least = 1) const;

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
