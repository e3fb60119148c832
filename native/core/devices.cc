#include "core/devices.h"

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace contrastive {

void synchronize(at::Device device) {
  if (!device.is_cpu() && !device.is_meta())
    c10::impl::VirtualGuardImpl(device.type()).synchronizeDevice(device.has_index() ? device.index() : 0);
}

void synchronize_devices() {
  const auto type = at::getAccelerator();
  if (!type) return;
  const auto& hooks = at::globalContext().getAcceleratorHooksInterface(*type);
  const at::DeviceIndex count = c10::impl::VirtualGuardImpl(*type).deviceCount();
  for (at::DeviceIndex i = 0; i < count; ++i)
    if (hooks.hasPrimaryContext(i)) synchronize({*type, i});  // asking another would make it one
}

}  // namespace contrastive
