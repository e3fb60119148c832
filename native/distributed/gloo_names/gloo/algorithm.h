// libtorch has gloo inside, and its wheels lack gloo's headers. These are the names that ProcessGroupGloo.hpp mentions,
// as far as it mentions them: pointers to gloo's classes, whose layout nobody here looks at.
#pragma once
