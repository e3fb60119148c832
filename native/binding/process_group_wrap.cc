#include "binding/process_group_wrap.h"

#include <chrono>
#include <memory>
#include <string>

#include "binding/convert.h"
#include "binding/errors.h"
#include "binding/state.h"
#include "core/error.h"
#include "distributed/process_group.h"

namespace contrastive::binding {
namespace {

using distributed::GroupOptions;
using distributed::ProcessGroup;

// On the bulk stream (flags 0), behind what it has to do, as collectives are. `work` returns what makes the promise's
// value.
template <typename Work>
Napi::Value enqueue(const Napi::CallbackInfo& info, Work work, uint32_t flags = 0) {
  State& state = State::of(info.Env());
  Stream& stream = state.stream(flags);
  auto [promise, settler] = state.promise();
  stream.enqueue(make_job([settler = settler, work = std::move(work)] {
    try {
      settler.resolve(work());
    } catch (...) {
      settler.reject(describe(std::current_exception()));
    }
  }));
  return promise;
}

State::Settler::Make undefined() {
  return [](Napi::Env env) { return env.Undefined(); };
}

GroupOptions options_of(const Napi::Object& given) {
  GroupOptions options;
  options.rank = given.Get("rank").As<Napi::Number>();
  options.size = given.Get("worldSize").As<Napi::Number>();
  options.file = to_string(given.Get("file"), "file");
  options.host = to_string(given.Get("host"), "host");
  options.port = given.Get("port").As<Napi::Number>();
  options.serves = given.Get("serves").As<Napi::Boolean>();
  options.prefix = to_string(given.Get("prefix"), "prefix");
  options.signature = to_string(given.Get("signature"), "signature");
  options.timeout = std::chrono::milliseconds(given.Get("timeout").As<Napi::Number>().Int64Value());
  const std::string device = to_string(given.Get("device"), "device");
  if (!device.empty()) options.device = at::Device(device);
  return options;
}

// joinGroup(options) -> Promise<void>: once every rank is there
Napi::Value join_group(const Napi::CallbackInfo& info) {
  State& state = State::of(info.Env());
  return enqueue(info, [options = options_of(info[0].As<Napi::Object>()), &state] {
    CONTRASTIVE_CHECK(!distributed::group_or_null(), kStateError, "this process is in a process group already");
    const auto group = std::make_shared<ProcessGroup>(options, [closing = state.shared_closing()] {
      CONTRASTIVE_CHECK(!*closing, kAbortedError, "the environment is closing");
    });
    state.note_joined(group);
    distributed::set_group(group);
    return undefined();
  });
}

// leaveGroup(reason) -> Promise<void>: '' where all went well; else the other ranks hear it
Napi::Value leave_group(const Napi::CallbackInfo& info) {
  return enqueue(info, [reason = to_string(info[0], "reason")] {
    if (const auto group = distributed::group_or_null()) group->leave(reason);
    distributed::set_group(nullptr);
    return undefined();
  });
}

// setGroupText(key, text) -> Promise<void>. On the interactive stream: on the bulk one may be a collective that waits
// for ranks which wait for this text.
Napi::Value set_text(const Napi::CallbackInfo& info) {
  constexpr uint32_t kInteractive = 8;
  return enqueue(
      info,
      [key = to_string(info[0], "key"), text = to_string(info[1], "text")] {
        distributed::group()->set(key, text);
        return undefined();
      },
      kInteractive);
}

// groupText(key) -> Promise<string>: once a rank has set it
Napi::Value get_text(const Napi::CallbackInfo& info) {
  return enqueue(info, [key = to_string(info[0], "key")]() -> State::Settler::Make {
    return [text = distributed::group()->get(key)](Napi::Env env) { return Napi::String::New(env, text); };
  });
}

// beatGroup(): nothing where there is no group
Napi::Value beat(const Napi::CallbackInfo& info) {
  if (const auto group = distributed::group_or_null()) group->beat();
  return info.Env().Undefined();
}

// groupTraffic() -> { collectives, bytes, underWay, waited }
Napi::Value traffic(const Napi::CallbackInfo& info) {
  const ProcessGroup::Traffic traffic = distributed::group()->traffic();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("collectives", static_cast<double>(traffic.collectives));
  result.Set("bytes", static_cast<double>(traffic.bytes));
  result.Set("underWay", traffic.under_way);
  result.Set("waited", traffic.waited);
  return result;
}

}  // namespace

void export_process_group(Napi::Env env, Napi::Object exports) {
  exports.Set("joinGroup", Napi::Function::New<guarded<join_group>>(env));
  exports.Set("leaveGroup", Napi::Function::New<guarded<leave_group>>(env));
  exports.Set("setGroupText", Napi::Function::New<guarded<set_text>>(env));
  exports.Set("beatGroup", Napi::Function::New<guarded<beat>>(env));
  exports.Set("groupTraffic", Napi::Function::New<guarded<traffic>>(env));
  exports.Set("groupText", Napi::Function::New<guarded<get_text>>(env));
}

}  // namespace contrastive::binding
