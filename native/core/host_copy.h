// Copies between the host and a device that nobody waits for.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace contrastive {

// Whether the host's side of a copy of so many bytes is pinned memory. Much of it would be kept from the rest of the
// machine; a larger copy than this is waited for, or goes in parts.
constexpr size_t kMostPinned = 1 << 26;  // bytes
bool is_pinned_for(at::Device device, size_t bytes);

// On `device`. From pinned memory, which libtorch keeps until the copy is done, a device copies when it comes to it; a
// copy from ordinary memory would wait for it.
at::Tensor send(const at::Tensor& tensor, at::Device device);

// The same for a few numbers whose values will be asked for: labels, ids. The host keeps them beside.
at::Tensor send_known(const at::Tensor& host, at::Device device);

// The values on the CPU, where that needs no wait: of a tensor that is there, or of one that send_known() made and that
// has not been changed since.
std::optional<at::Tensor> known_on_host(const at::Tensor& tensor);

// The values on the CPU, read from the device where they are not known. Throws kStateError where launches are being
// taken down, of which those values would become a part.
at::Tensor on_host(const at::Tensor& tensor);

}  // namespace contrastive
