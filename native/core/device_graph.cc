#include "core/device_graph.h"

#include <array>
#include <atomic>

namespace contrastive {
namespace {

std::array<std::atomic<MakeDeviceGraph>, c10::COMPILE_TIME_MAX_DEVICE_TYPES> makers{};

thread_local std::vector<at::Tensor>* kept_for_graph = nullptr;

}  // namespace

std::unique_ptr<DeviceGraph> make_device_graph(c10::DeviceType type) {
  const MakeDeviceGraph make = makers.at(static_cast<size_t>(type));
  return make ? make() : nullptr;
}

bool is_captured() { return kept_for_graph != nullptr; }

CaptureScope::CaptureScope(std::vector<at::Tensor>& kept) { kept_for_graph = &kept; }
CaptureScope::~CaptureScope() { kept_for_graph = nullptr; }

void keep_for_graph(const at::Tensor& host) {
  if (kept_for_graph) kept_for_graph->push_back(host);
}

}  // namespace contrastive

void contrastive_provide_device_graphs(c10::DeviceType type, contrastive::MakeDeviceGraph make) {
  contrastive::makers.at(static_cast<size_t>(type)) = make;
}
