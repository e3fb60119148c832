// Point operations: a pixel's new value depends on that pixel alone. Transforms only note them on the canvas, across
// transforms; a run of them is then taken block by block, so that a block stays in the first-level cache from the first
// step to the last, the packing included when nothing else follows.
#pragma once

#include <cstdint>
#include <vector>

namespace contrastive::augment {

struct PointStep {
  enum Kind {
    kScale,       // clamp(x a)
    kBlend,       // clamp(x a + b)
    kStretch,     // clamp((x - b) a)
    kSolarize,    // 1 - x where x >= a
    kPosterize,   // the lower end of x's level of a
    kInvert,      // 1 - x
    kSaturation,  // blend with gray by a; three channels
    kHue,         // turn by a; three channels
    kGray,        // gray in all channels; three channels
  };
  Kind kind;
  float a = 0, b = 0;
  int channel = -1;  // the only channel that takes the step, or -1 for all
};

class PointProgram {
 public:
  void add(const PointStep& step) { steps_.push_back(step); }
  void clear() { steps_.clear(); }
  bool empty() const { return steps_.empty(); }

  // Pixels of a block that goes from step to step, for an image of so many channels.
  static int64_t block(int channels);

  // Takes all steps on `n` pixels; the planes of `channels` channels lie `stride` floats apart.
  void run(float* pixels, int channels, int64_t stride, int64_t n) const;

 private:
  std::vector<PointStep> steps_;
};

}  // namespace contrastive::augment
