// Several processes as one: PyTorch's own store, Gloo process group and gradient reducer, and memory that ranks of one machine
// share as a way for its buckets.
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
#include "shared_average.h"
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

// Memory that all ranks of the group share, for averages of so many numbers a step. Null, in all of them, where one cannot.
std::unique_ptr<zoo::SharedAverage> share(const Group& group, size_t floats) {
  at::NoGradGuard no_grad;
  const int rank = group->getRank(), size = group->getSize();
  auto own = zoo::SharedAverage::introduction();
  auto shared = rank == 0 ? zoo::SharedAverage::create(floats, size, own) : nullptr;
  std::vector<at::Tensor> all{at::zeros({size, 4}, at::kLong)};
  std::memcpy(all[0].mutable_data_ptr<int64_t>() + 4 * rank, &own, sizeof own);
  group->allreduce(all)->wait();
  std::vector<zoo::Introduction> ranks(static_cast<size_t>(size));
  static_assert(sizeof ranks[0] == 4 * sizeof(int64_t));
  std::memcpy(ranks.data(), all[0].const_data_ptr<int64_t>(), ranks.size() * sizeof ranks[0]);
  const bool is_open = zoo::SharedAverage::open(shared, floats, rank, ranks);
  std::vector<at::Tensor> refusals{at::full({1}, is_open ? 0 : 1, at::kLong)};
  group->allreduce(refusals)->wait();
  return refusals[0].item<int64_t>() == 0 ? std::move(shared) : nullptr;
}

// Lets the reducer's buckets take that way.
class SharedHook : public c10d::CommHookInterface {
 public:
  SharedHook(std::unique_ptr<zoo::SharedAverage> shared, milliseconds timeout)
      : shared_(std::move(shared)), timeout_(timeout) {}

  c10::intrusive_ptr<c10::ivalue::Future> runHook(c10d::GradBucket& bucket) override {
    if (bucket.getIndex() == 0) {
      shared_->begin();
      under_way_.clear();
      told_ = 0;
    }
    const at::Tensor& buffer = bucket.getBuffer();
    auto future = c10::make_intrusive<c10::ivalue::Future>(c10::TensorType::get());
    under_way_.emplace_back(future, buffer);
    shared_->put(buffer.mutable_data_ptr<float>(), static_cast<size_t>(buffer.numel()));
    size_t done = shared_->advance();
    if (bucket.isLast()) {
      shared_->finish(timeout_);
      done = under_way_.size();
    }
    for (; told_ < done; told_++) under_way_[told_].first->markCompleted(under_way_[told_].second);
    return future;
  }

  at::Tensor parseHookResult(const c10::IValue& result) override { return result.toTensor(); }

 private:
  std::unique_ptr<zoo::SharedAverage> shared_;
  milliseconds timeout_;
  std::vector<std::pair<c10::intrusive_ptr<c10::ivalue::Future>, at::Tensor>> under_way_;
  size_t told_ = 0;
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

// Whether gradients could be averaged in memory that all ranks share.
extern "C" char* zoo_group_shares_memory(void* group, bool* out) {
  return zoo::guarded([&] { *out = share(*static_cast<Group*>(group), 1) != nullptr; });
}

// Null ends it.
extern "C" char* zoo_synchronize_norms(void* group) {
  return zoo::guarded([&] { norm_group() = group == nullptr ? Group() : *static_cast<Group*>(group); });
}

extern "C" char* zoo_reducer_new(void* group, at::Tensor* const* parameters, size_t length, size_t first_bucket,
                                 size_t bucket, bool shares_memory, int64_t timeout_ms, void** out) {
  return zoo::guarded([&] {
    static Warnings warnings;
    c10::WarningUtils::set_warning_handler(&warnings);
    const auto list = zoo::tensors(parameters, length);
    std::unique_ptr<zoo::SharedAverage> shared;
    if (shares_memory) {
      size_t floats = 0;
      // A bucket ends at a cache line.
      for (const auto& parameter : list) floats += static_cast<size_t>(parameter.numel()) + 16;
      shared = share(*static_cast<Group*>(group), floats);
      if (shared == nullptr)
        throw std::runtime_error("there is no memory that all ranks could share, " +
                                 std::to_string((2 * sizeof(float) * floats * (*static_cast<Group*>(group))->getSize()) >> 20) +
                                 " MiB for gradients");
    }
    // Gradients come from the last layer first.
    std::vector<at::Tensor> backwards(list.rbegin(), list.rend());
    auto [buckets, limits] = c10d::compute_bucket_assignment_by_size(backwards, {first_bucket, bucket});
    for (auto& indices : buckets)
      for (auto& index : indices) index = list.size() - 1 - index;
    auto reducer = std::make_unique<c10d::Reducer>(
        list, std::move(buckets), *static_cast<Group*>(group), std::vector<bool>(list.size(), false),
        static_cast<int64_t>(bucket), /*find_unused_parameters=*/false, /*gradient_as_bucket_view=*/true,
        std::unordered_map<size_t, std::string>(), static_cast<int64_t>(first_bucket),
        /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false, std::vector<int64_t>());
    if (shared != nullptr)
      reducer->register_comm_hook(std::make_unique<SharedHook>(std::move(shared), milliseconds(timeout_ms)));
    *out = reducer.release();
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
