// NCCL for the tensors of a group that are on a GPU, in builds against a libtorch with CUDA whose headers were found.
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include <stdexcept>

#include "error.h"

extern "C" bool zoo_has_nccl() {
#ifdef USE_C10D_NCCL
  return true;
#else
  return false;
#endif
}

// From now on tensors of GPUs go by NCCL; those of CPUs go as before. Each process has one GPU.
extern "C" char* zoo_group_add_nccl(void* group, void* store, const char* prefix, int64_t timeout_ms) {
  return zoo::guarded([&] {
#ifdef USE_C10D_NCCL
    auto& it = *static_cast<c10::intrusive_ptr<c10d::ProcessGroup>*>(group);
    const int rank = it->getRank(), size = it->getSize();
    auto own = c10::make_intrusive<c10d::PrefixStore>(prefix, *static_cast<c10::intrusive_ptr<c10d::Store>*>(store));
    auto options = c10d::ProcessGroupNCCL::Options::create();
    options->timeout = std::chrono::milliseconds(timeout_ms);
    it->setBackend(at::DeviceType::CUDA, c10d::ProcessGroup::BackendType::NCCL,
                   c10::make_intrusive<c10d::ProcessGroupNCCL>(own, rank, size, options));
#else
    (void)group, (void)store, (void)prefix, (void)timeout_ms;
    throw std::runtime_error("this build has no NCCL");
#endif
  });
}
