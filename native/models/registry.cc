#include "models/registry.h"

#include <cmath>

#include "core/error.h"

namespace contrastive::models {

namespace {

std::map<std::string, ModelFactory>& registry() {
  static std::map<std::string, ModelFactory> models;
  return models;
}

template <typename T>
const T& expect(const std::string& name, const OptionValue& value, const char* kind) {
  const T* typed = std::get_if<T>(&value);
  CONTRASTIVE_CHECK(typed, kOptionError, name, " must be ", kind);
  return *typed;
}

int64_t expect_integer(const std::string& name, const OptionValue& value) {
  const double number = expect<double>(name, value, "an integer");
  CONTRASTIVE_CHECK(number == std::floor(number) && std::abs(number) <= 9007199254740991.0, kOptionError, name,
                    " must be an integer, got ", number);
  return static_cast<int64_t>(number);
}

template <typename Map>
std::string joined(const Map& entries) {
  std::string out;
  for (const auto& entry : entries) {
    if (!out.empty()) out += ", ";
    if constexpr (requires { entry.first; })
      out += entry.first;
    else
      out += entry;
  }
  return out;
}

}  // namespace

const OptionValue* OptionReader::find(const std::string& name) {
  known_.insert(name);
  const auto found = options_.find(name);
  return found == options_.end() ? nullptr : &found->second;
}

bool OptionReader::boolean(const std::string& name, bool fallback) {
  const OptionValue* value = find(name);
  return value ? expect<bool>(name, *value, "true or false") : fallback;
}

int64_t OptionReader::integer(const std::string& name, int64_t fallback) {
  const OptionValue* value = find(name);
  return value ? expect_integer(name, *value) : fallback;
}

std::string OptionReader::text(const std::string& name, const std::string& fallback) {
  const OptionValue* value = find(name);
  return value ? expect<std::string>(name, *value, "a string") : fallback;
}

int64_t OptionReader::required_integer(const std::string& name) {
  const OptionValue* value = find(name);
  CONTRASTIVE_CHECK(value, kOptionError, name, " is required");
  return expect_integer(name, *value);
}

void OptionReader::finish() const {
  for (const auto& [name, value] : options_)
    CONTRASTIVE_CHECK(known_.contains(name), kOptionError, "unknown option '", name, "'; known: ", joined(known_));
}

ModelRegistration::ModelRegistration(const std::string& name, ModelFactory factory) {
  CONTRASTIVE_CHECK(registry().emplace(name, factory).second, kStateError, "a model named '", name,
                    "' is already registered");
}

std::shared_ptr<Module> make_model(const std::string& name, const OptionMap& options) {
  const auto found = registry().find(name);
  CONTRASTIVE_CHECK(found != registry().end(), kOptionError, "unknown model '", name, "'; known: ", joined(registry()));
  OptionReader reader(options);
  std::shared_ptr<Module> model = found->second(reader);
  reader.finish();
  return model;
}

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const auto& [name, factory] : registry()) names.push_back(name);
  return names;
}

}  // namespace contrastive::models
