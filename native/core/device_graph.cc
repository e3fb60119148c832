#include "core/device_graph.h"

#include <array>
#include <atomic>

namespace contrastive {
namespace {

std::array<std::atomic<MakeDeviceGraph>, c10::COMPILE_TIME_MAX_DEVICE_TYPES> makers{};

thread_local HostUse* use_of_thread = nullptr;

}  // namespace

std::unique_ptr<DeviceGraph> make_device_graph(c10::DeviceType type) {
  const MakeDeviceGraph make = makers.at(static_cast<size_t>(type));
  return make ? make() : nullptr;
}

CaptureScope::CaptureScope(HostUse& use) { use_of_thread = &use; }
CaptureScope::~CaptureScope() { use_of_thread = nullptr; }

HostUse* captured_use() { return use_of_thread; }

}  // namespace contrastive

void contrastive_provide_device_graphs(c10::DeviceType type, contrastive::MakeDeviceGraph make) {
  contrastive::makers.at(static_cast<size_t>(type)) = make;
}
