// A native object behind a JavaScript handle: { } wrapped with a shared_ptr and a type tag, so that a handle of another
// kind, or a stranger's object, is an error and never a bad cast.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/external_memory.h"
#include "core/error.h"

namespace contrastive::binding {

// One specialisation a wrapped type: a name for messages and a unique tag.
template <typename T>
struct HandleTraits;

template <typename T>
class Handle {
 public:
  // `bytes` of native memory are reported to V8, so that its garbage collector knows what a small object holds.
  static Napi::Object make(Napi::Env env, std::shared_ptr<T> value, int64_t bytes = 0) {
    Napi::Object object = Napi::Object::New(env);
    auto* box = new Handle{std::move(value), bytes};
    const napi_status status = napi_wrap(env, object, box, &finalize, nullptr, nullptr);
    if (status != napi_ok) delete box;
    NAPI_THROW_IF_FAILED(env, status, object);
    object.TypeTag(&HandleTraits<T>::kTag);
    ++live();
    if (bytes) ExternalMemory::here().add(env, bytes);
    return object;
  }

  static bool is(const Napi::Value& value) {
    return value.IsObject() && value.As<Napi::Object>().CheckTypeTag(&HandleTraits<T>::kTag);
  }

  // Throws when `value` is not such a handle, or was disposed.
  static const std::shared_ptr<T>& get(const Napi::Value& value, const char* argument) {
    Handle* box = unwrap(value, argument);
    CONTRASTIVE_CHECK(box->value_, kStateError, argument, ": this ", HandleTraits<T>::kName, " was disposed");
    return box->value_;
  }

  // Lets go of the native object now; the handle stays, disposed. Returns whether it was alive.
  static bool dispose(Napi::Env env, const Napi::Value& value) {
    Handle* box = unwrap(value, "dispose()");
    if (!box->value_) return false;
    box->release(env);
    return true;
  }

  // Of this environment: a thread belongs to one.
  static int64_t live_count() { return live(); }

 private:
  Handle(std::shared_ptr<T> value, int64_t bytes) : value_(std::move(value)), bytes_(bytes) {}

  static Handle* unwrap(const Napi::Value& value, const char* argument) {
    CONTRASTIVE_CHECK(is(value), kOptionError, argument, " must be a ", HandleTraits<T>::kName);
    void* box = nullptr;
    // Fails in a worker that is being terminated, at any call.
    const napi_status status = napi_unwrap(value.Env(), value, &box);
    NAPI_THROW_IF_FAILED(value.Env(), status, nullptr);
    return static_cast<Handle*>(box);
  }

  static void finalize(napi_env env, void* data, void*) {
    auto* box = static_cast<Handle*>(data);
    if (box->value_) box->release(env);
    delete box;
  }

  void release(napi_env env) {
    value_.reset();
    --live();
    if (bytes_) ExternalMemory::here().add(env, -bytes_);
  }

  static int64_t& live() {
    thread_local int64_t count = 0;
    return count;
  }

  std::shared_ptr<T> value_;
  int64_t bytes_;
};

}  // namespace contrastive::binding
