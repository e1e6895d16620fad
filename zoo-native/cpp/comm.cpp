// Several processes as one: PyTorch's own store, Gloo process group and gradient reducer.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>
#include <c10/util/Exception.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/csrc/distributed/c10d/comm.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#define USE_C10D_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include "comm.h"
#include "error.h"
#include "tensors.h"

namespace {

using Store = c10::intrusive_ptr<c10d::Store>;
using Group = c10::intrusive_ptr<c10d::ProcessGroup>;
using std::chrono::milliseconds;

// Norms and gradients use two groups: the order of their sums is then each one's own.
Group& norm_group() {
  static Group group;
  return group;
}

// The strides of a 1 x 1 kernel are ambiguous, and the reducer warns of those of its gradient, which cost nothing.
class Warnings : public c10::WarningHandler {
 public:
  void process(const c10::Warning& warning) override {
    if (warning.msg().rfind("Grad strides do not match", 0) != 0) c10::WarningHandler::process(warning);
  }
};

std::vector<uint8_t> bytes(const uint8_t* data, size_t length) { return {data, data + length}; }

}  // namespace

namespace zoo {

bool norms_are_synchronized() { return norm_group().defined(); }

void sum_over_ranks(double* values, size_t length) {
  at::NoGradGuard no_grad;
  std::vector<at::Tensor> tensors{at::from_blob(values, {static_cast<int64_t>(length)}, at::kDouble)};
  norm_group()->allreduce(tensors)->wait();
}

}  // namespace zoo

extern "C" char* zoo_store_connect(const char* host, uint16_t port, bool is_server, int64_t timeout_ms, void** out) {
  return zoo::guarded([&] {
    c10d::TCPStoreOptions options;
    options.port = port;
    options.isServer = is_server;
    // Who is missing is said by the one that waits for it.
    options.waitWorkers = false;
    options.timeout = milliseconds(timeout_ms);
    *out = new Store(c10::make_intrusive<c10d::TCPStore>(host, options));
  });
}

extern "C" uint16_t zoo_store_port(void* store) {
  const auto* tcp = dynamic_cast<c10d::TCPStore*>(static_cast<Store*>(store)->get());
  return tcp == nullptr ? 0 : tcp->getPort();
}

extern "C" void zoo_store_free(void* store) { delete static_cast<Store*>(store); }

extern "C" char* zoo_store_set(void* store, const char* key, const uint8_t* data, size_t length) {
  return zoo::guarded([&] { (*static_cast<Store*>(store))->set(key, bytes(data, length)); });
}

// Waits for the key. `give` takes the value.
extern "C" char* zoo_store_get(void* store, const char* key, int64_t timeout_ms, void* to,
                               void (*give)(void*, const uint8_t*, size_t)) {
  return zoo::guarded([&] {
    auto& it = *static_cast<Store*>(store);
    it->wait({key}, milliseconds(timeout_ms));
    const auto value = it->get(key);
    give(to, value.data(), value.size());
  });
}

extern "C" char* zoo_store_has(void* store, const char* key, bool* has) {
  return zoo::guarded([&] { *has = (*static_cast<Store*>(store))->check({key}); });
}

extern "C" char* zoo_store_add(void* store, const char* key, int64_t amount, int64_t* sum) {
  return zoo::guarded([&] { *sum = (*static_cast<Store*>(store))->add(key, amount); });
}

extern "C" char* zoo_group_gloo(void* store, const char* prefix, int rank, int size, const char* interface,
                                const char* address, int64_t timeout_ms, void** out) {
  return zoo::guarded([&] {
    auto own = c10::make_intrusive<c10d::PrefixStore>(prefix, *static_cast<Store*>(store));
    auto options = c10d::ProcessGroupGloo::Options::create(milliseconds(timeout_ms));
    options->devices.push_back(interface != nullptr
                                   ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                                   : c10d::ProcessGroupGloo::createDeviceForHostname(address));
    auto backend = c10::make_intrusive<c10d::ProcessGroupGloo>(own, rank, size, options);
    auto group = c10::make_intrusive<c10d::ProcessGroup>(own, rank, size);
    group->setBackend(at::DeviceType::CPU, c10d::ProcessGroup::BackendType::GLOO, backend);
    group->setDefaultBackend(c10d::ProcessGroup::BackendType::GLOO);
    *out = new Group(std::move(group));
  });
}

extern "C" void zoo_group_free(void* group) { delete static_cast<Group*>(group); }

// Sums, or the largest values, over all ranks, in place.
extern "C" char* zoo_group_all_reduce(void* group, at::Tensor* tensor, bool largest) {
  return zoo::guarded([&] {
    at::NoGradGuard no_grad;
    std::vector<at::Tensor> list{*tensor};
    c10d::AllreduceOptions options;
    if (largest) options.reduceOp = c10d::ReduceOp::MAX;
    (*static_cast<Group*>(group))->allreduce(list, options)->wait();
  });
}

// What rank 0 has, everywhere.
extern "C" char* zoo_group_broadcast(void* group, at::Tensor* const* pointers, size_t length) {
  return zoo::guarded([&] {
    at::NoGradGuard no_grad;
    constexpr size_t buffer = 32 << 20;
    c10d::broadcast_coalesced(*static_cast<Group*>(group), zoo::tensors(pointers, length), buffer);
  });
}

// Null ends it.
extern "C" char* zoo_synchronize_norms(void* group) {
  return zoo::guarded([&] { norm_group() = group == nullptr ? Group() : *static_cast<Group*>(group); });
}

extern "C" char* zoo_reducer_new(void* group, at::Tensor* const* parameters, size_t length, size_t first_bucket,
                                 size_t bucket, void** out) {
  return zoo::guarded([&] {
    static Warnings warnings;
    c10::WarningUtils::set_warning_handler(&warnings);
    const auto list = zoo::tensors(parameters, length);
    // Gradients come from the last layer first.
    std::vector<at::Tensor> backwards(list.rbegin(), list.rend());
    auto [buckets, limits] = c10d::compute_bucket_assignment_by_size(backwards, {first_bucket, bucket});
    for (auto& indices : buckets)
      for (auto& index : indices) index = list.size() - 1 - index;
    *out = new c10d::Reducer(list, std::move(buckets), *static_cast<Group*>(group),
                             std::vector<bool>(list.size(), false), static_cast<int64_t>(bucket),
                             /*find_unused_parameters=*/false, /*gradient_as_bucket_view=*/false, {},
                             static_cast<int64_t>(first_bucket), /*skip_all_reduce_unused_params=*/false,
                             /*use_python_reducer=*/false, /*bucket_bytes_cap_list=*/{});
  });
}

extern "C" char* zoo_reducer_free(void* reducer) {
  return zoo::guarded([&] { delete static_cast<c10d::Reducer*>(reducer); });
}

// The next backward pass from `loss` averages gradients over all ranks.
extern "C" char* zoo_reducer_prepare(void* reducer, const at::Tensor* loss) {
  return zoo::guarded([&] {
    auto& it = *static_cast<c10d::Reducer*>(reducer);
    it.prepare_for_forward();
    if (it.should_rebuild_buckets()) it.rebuild_buckets();
    it.prepare_for_backward({*loss});
  });
}
