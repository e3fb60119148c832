// What a transform does to a canvas once its numbers are known, where policies do the same. Each is defined beside its
// transform; the numbers are checked before they come here.
#pragma once

#include "augment/canvas.h"

namespace contrastive::augment {

// color_jitter.cc. A factor of 1 and a shift of 0 change nothing; a gray image has neither saturation nor hue.
void adjust_brightness(Canvas& canvas, float factor);
void adjust_contrast(Canvas& canvas, float factor);
void adjust_saturation(Canvas& canvas, float factor);
void adjust_hue(Canvas& canvas, float shift);

// The files of their names. For any number of channels, each by itself.
void adjust_sharpness(Canvas& canvas, float factor);
void autocontrast(Canvas& canvas);
void equalize(Canvas& canvas);
void invert(Canvas& canvas);
void posterize(Canvas& canvas, int bits);
void solarize(Canvas& canvas, float threshold);

}  // namespace contrastive::augment
