// A separable Gaussian with reflected borders: what the blur and the elastic distortion share.
#pragma once

#include <vector>

namespace contrastive::augment {

// Weights of an odd number of taps for a kernel of `size`, normalised over all of it; rims too light to change a float
// pixel are left out.
std::vector<float> gaussian_weights(int size, double sigma);

// One plane of height x width, both of which exceed half of each kernel. `padded` holds width + horizontal.size()
// floats; `from` and `to` do not overlap.
void blur_plane(const float* from, float* to, int height, int width, const std::vector<float>& vertical,
                const std::vector<float>& horizontal, float* padded);

}  // namespace contrastive::augment
