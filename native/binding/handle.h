// A native object behind a JavaScript handle: { } that wraps a box with a shared_ptr. A handle of another kind, or a
// stranger's object, is an error and never a bad cast.
#pragma once

#include <napi.h>

#include <c10/util/flat_hash_map.h>

#include <memory>

#include "binding/external_memory.h"
#include "core/error.h"

namespace contrastive::binding {

// One specialisation a wrapped type: a name for messages.
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
    boxes().insert(box);
    ++live();
    if (bytes) ExternalMemory::here().add(env, bytes);
    return object;
  }

  // What `value` is a handle of; nullptr where it is no such handle. Throws when it was disposed.
  static const std::shared_ptr<T>* find(const Napi::Value& value, const char* argument) {
    Handle* box = unwrap(value);
    if (!box) return nullptr;
    CONTRASTIVE_CHECK(box->value_, kStateError, argument, ": this ", HandleTraits<T>::kName, " was disposed");
    return &box->value_;
  }

  // Throws when `value` is not such a handle, or was disposed.
  static const std::shared_ptr<T>& get(const Napi::Value& value, const char* argument) {
    const std::shared_ptr<T>* found = find(value, argument);
    CONTRASTIVE_CHECK(found, kOptionError, argument, " must be a ", HandleTraits<T>::kName);
    return *found;
  }

  // Lets go of the native object now; the handle stays, disposed. Returns whether it was alive: not so one that was
  // forgotten.
  static bool dispose(Napi::Env env, const Napi::Value& value) {
    Handle* box = unwrap(value);
    if (!box || !box->value_) return false;
    box->release(env);
    return true;
  }

  // Likewise, and the object is then no handle any more: the garbage collector has nothing to do for it, which is a
  // tenth of what a small operation costs. Whoever holds the object takes `disposed()` in its place.
  static void forget(Napi::Env env, const Napi::Value& value) {
    Handle* box = unwrap(value);
    CONTRASTIVE_CHECK(box, kOptionError, "forget() must be given a ", HandleTraits<T>::kName);
    if (napi_remove_wrap(env, value, nullptr) == napi_ok) finalize(env, box, nullptr);
  }

  // A handle that was disposed.
  static Napi::Object disposed(Napi::Env env) {
    Napi::Object object = make(env, nullptr);
    --live();
    return object;
  }

  // Of this environment: a thread belongs to one.
  static int64_t live_count() { return live(); }

 private:
  Handle(std::shared_ptr<T> value, int64_t bytes) : value_(std::move(value)), bytes_(bytes) {}

  static Handle* unwrap(const Napi::Value& value) {
    void* wrapped = nullptr;
    const napi_status status = napi_unwrap(value.Env(), value, &wrapped);
    if (status == napi_invalid_arg || status == napi_object_expected) return nullptr;
    NAPI_THROW_IF_FAILED(value.Env(), status, nullptr);  // in a worker that is being terminated, any call fails
    return boxes().count(wrapped) ? static_cast<Handle*>(wrapped) : nullptr;
  }

  static void finalize(napi_env env, void* data, void*) {
    auto* box = static_cast<Handle*>(data);
    boxes().erase(box);
    if (box->value_) box->release(env);
    delete box;
  }

  void release(napi_env env) {
    value_.reset();
    --live();
    if (bytes_) ExternalMemory::here().add(env, -bytes_);
  }

  // Those of this thread. Whether a pointer is one of them is known without a look at what it points to, and for less
  // than Node-API's type tags take, which were a fifth of an operation's cost.
  static ska::flat_hash_set<const void*>& boxes() {
    thread_local ska::flat_hash_set<const void*> all;
    return all;
  }

  static int64_t& live() {
    thread_local int64_t count = 0;
    return count;
  }

  std::shared_ptr<T> value_;
  int64_t bytes_;
};

}  // namespace contrastive::binding
