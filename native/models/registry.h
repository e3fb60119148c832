// Models by name: an encoder or head registers its factory in its own file, and callers make it from plain options.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "models/module.h"

namespace contrastive::models {

using OptionValue = std::variant<bool, double, std::string>;
using OptionMap = std::map<std::string, OptionValue>;

// Typed access to a map of options. Remembers the names asked for, so that what is left over can be refused.
class OptionReader {
 public:
  explicit OptionReader(const OptionMap& options) : options_(options) {}

  // Each throws kOptionError when the value is of another type (integer: or not a whole number).
  bool boolean(const std::string& name, bool fallback);
  int64_t integer(const std::string& name, int64_t fallback);
  std::string text(const std::string& name, const std::string& fallback);
  int64_t required_integer(const std::string& name);

  // Throws kOptionError when the map holds a name that was not asked for.
  void finish() const;

 private:
  const OptionValue* find(const std::string& name);

  const OptionMap& options_;
  std::set<std::string> known_;
};

using ModelFactory = std::shared_ptr<Module> (*)(OptionReader& options);

// A static object of this type in a model's file adds it. A name that is taken is refused (kStateError).
struct ModelRegistration {
  ModelRegistration(const std::string& name, ModelFactory factory);
};

// Throws kOptionError for an unknown name or option.
std::shared_ptr<Module> make_model(const std::string& name, const OptionMap& options);

std::vector<std::string> model_names();

}  // namespace contrastive::models
