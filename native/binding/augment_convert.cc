#include "binding/augment_convert.h"

#include <cmath>
#include <string>
#include <vector>

#include "binding/convert.h"

namespace contrastive::binding {

using augment::Drawn;
using augment::TransformSpec;

namespace {

// Appends a number or every number of an array.
void append(std::vector<double>& list, const Napi::Value& value, const std::string& name) {
  if (value.IsNumber()) {
    list.push_back(value.As<Napi::Number>());
    return;
  }
  CONTRASTIVE_CHECK(value.IsArray(), kOptionError, name, " must be a number or an array of numbers");
  const auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value element = array[i];
    CONTRASTIVE_CHECK(element.IsNumber(), kOptionError, name, " must hold numbers");
    list.push_back(element.As<Napi::Number>());
  }
}

}  // namespace

uint64_t to_counter(double number, const char* argument) {
  CONTRASTIVE_CHECK(number >= 0 && number <= 9007199254740991.0 && number == std::floor(number), kOptionError, argument,
                    " must be an integer from 0 to 2^53 - 1, got ", number);
  return static_cast<uint64_t>(number);
}

uint64_t to_counter(const Napi::Value& value, const char* argument) {
  CONTRASTIVE_CHECK(value.IsNumber(), kOptionError, argument, " must be a number");
  return to_counter(value.As<Napi::Number>().DoubleValue(), argument);
}

TransformSpec to_spec(const Napi::Object& object) {
  TransformSpec spec;
  const Napi::Array names = object.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const std::string name = names.Get(i).As<Napi::String>();
    const Napi::Value value = object.Get(name);
    if (name == "kind") {
      spec.kind = to_string(value, "kind");
    } else if (value.IsString()) {
      spec.words[name] = value.As<Napi::String>();
    } else if (value.IsBoolean()) {
      spec.numbers[name] = {value.ToBoolean() ? 1.0 : 0.0};
    } else {
      std::vector<double>& numbers = spec.numbers[name];
      if (!value.IsNull()) append(numbers, value, name);
    }
  }
  return spec;
}

Napi::Value from_drawn(Napi::Env env, const augment::Transform& transform, const Drawn& drawn) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("kind", transform.kind());
  result.Set("applied", drawn.applied);
  if (!drawn.applied) return result;
  const std::vector<std::string> names = transform.drawn_names();
  for (size_t i = 0; i < names.size();) {
    size_t end = i + 1;
    while (end < names.size() && names[end] == names[i]) ++end;
    if (end == i + 1) {
      result.Set(names[i], drawn[static_cast<int>(i)]);
    } else {
      Napi::Array list = Napi::Array::New(env, end - i);
      for (size_t j = i; j < end; ++j) list.Set(static_cast<uint32_t>(j - i), drawn[static_cast<int>(j)]);
      result.Set(names[i], list);
    }
    i = end;
  }
  return result;
}

Drawn to_drawn(const augment::Transform& transform, const Napi::Object& object) {
  if (!object.Get("applied").ToBoolean()) return Drawn::skipped();
  std::vector<double> values;
  std::string last;
  for (const std::string& name : transform.drawn_names()) {
    if (name == last) continue;
    append(values, object.Get(name), transform.kind() + ": " + name);
    last = name;
  }
  CONTRASTIVE_CHECK(values.size() <= Drawn::kMost, kOptionError, transform.kind(), ": too many drawn numbers");
  Drawn drawn = Drawn::plain();
  for (const double value : values) drawn.values[drawn.count++] = value;
  return drawn;
}

}  // namespace contrastive::binding
