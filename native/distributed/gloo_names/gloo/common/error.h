#pragma once  // nothing: see gloo/algorithm.h
