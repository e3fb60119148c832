// Options that are one of a few words.
#pragma once

#include <initializer_list>
#include <string>

#include "core/error.h"

namespace contrastive {

// The enumerator whose place `word` has among `words`. Throws kOptionError, which names them.
template <typename Enum>
Enum choice_of(const std::string& name, const std::string& word, std::initializer_list<const char*> words) {
  int place = 0;
  std::string known;
  for (const char* each : words) {
    if (word == each) return static_cast<Enum>(place);
    known += message(place++ == 0 ? "'" : ", '", each, "'");
  }
  throw Error(kOptionError, message(name, " must be one of ", known, ", got '", word, "'"));
}

}  // namespace contrastive
