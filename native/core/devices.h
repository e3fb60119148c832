// Work that is launched on a device and not done yet.
#pragma once

#include <c10/core/Device.h>

namespace contrastive {

// Waits until everything that was launched on this device is done; nothing on the CPU, where an operation that has
// returned is.
void synchronize(at::Device device);

// The same for all devices that are in use.
void synchronize_devices();

}  // namespace contrastive
