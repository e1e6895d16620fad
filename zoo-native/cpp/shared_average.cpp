#include "shared_average.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <random>
#include <stdexcept>
#include <string>

#ifdef __linux__
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace zoo {

// The memory: a cache line with the token, one or more for the counters of each rank, and the numbers of each rank twice. In
// a step one of the two is used: a rank that is a step ahead must not overwrite what another still reads. It cannot be two
// ahead, as each step needs all.
struct alignas(64) SharedAverage::Counters {
  // The last part that this rank has written, and the last that it has added up, counted from the start.
  std::atomic<uint32_t> written, added;
};

namespace {

constexpr size_t kLine = 64;

#ifdef __linux__

constexpr std::chrono::milliseconds kLook{50};

void wake(std::atomic<uint32_t>& word) { syscall(SYS_futex, &word, FUTEX_WAKE, INT32_MAX, nullptr, nullptr, 0); }

// Sleeps until somebody wakes it, for a while at most, where the word is still what it was.
void sleep_on(std::atomic<uint32_t>& word, uint32_t seen) {
  const timespec time{0, std::chrono::nanoseconds(kLook).count()};
  syscall(SYS_futex, &word, FUTEX_WAIT, seen, &time, nullptr, 0);
}

int64_t pid_namespace() {
  struct stat status;
  return stat("/proc/self/ns/pid", &status) == 0 ? static_cast<int64_t>(status.st_ino) : 0;
}

#endif

// Whether a counter has come so far; counters go round.
bool has_come(uint32_t counter, uint32_t turn) { return static_cast<int32_t>(counter - turn) >= 0; }

// Whole lines of numbers.
size_t whole(size_t floats) { return (floats + 15) / 16 * 16; }

size_t header(int size) { return kLine * (1 + static_cast<size_t>(size)); }

size_t bytes_for(size_t floats, int size) {
  return header(size) + 2 * sizeof(float) * whole(floats) * static_cast<size_t>(size);
}

}  // namespace

#ifdef __linux__

Introduction SharedAverage::introduction() { return {getpid(), pid_namespace(), 0, 0}; }

std::unique_ptr<SharedAverage> SharedAverage::create(size_t floats, int size, Introduction& own) {
  std::unique_ptr<SharedAverage> shared(new SharedAverage);
  // It has no name, so that nothing is left of it whatever becomes of the processes, and it is not bound to /dev/shm, which is
  // small in containers.
  shared->file_ = static_cast<int>(syscall(SYS_memfd_create, "zoo-gradients", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const auto bytes = static_cast<off_t>(bytes_for(floats, size));
  // Taken now: memory that lacks later would be a signal.
  if (shared->file_ < 0 || fallocate(shared->file_, 0, 0, bytes) != 0 || !shared->map(shared->file_, floats, size))
    return nullptr;
  std::random_device random;
  own.file = shared->file_;
  own.token = static_cast<int64_t>(random()) << 31 ^ static_cast<int64_t>(random()) ^ 1;
  std::memcpy(shared->memory_, &own.token, sizeof own.token);
  for (int rank = 0; rank < size; rank++) new (&shared->counters(rank)) Counters{};
  return shared;
}

bool SharedAverage::open(std::unique_ptr<SharedAverage>& shared, size_t floats, int rank,
                         const std::vector<Introduction>& ranks) {
  const Introduction& first = ranks[0];
  const auto is_near = [&](const Introduction& one) { return one.name_space == first.name_space; };
  if (first.token == 0 || !std::all_of(ranks.begin(), ranks.end(), is_near)) return false;
  if (rank != 0) {
    shared.reset(new SharedAverage);
    const auto path = "/proc/" + std::to_string(first.process) + "/fd/" + std::to_string(first.file);
    // On another machine the name may be anything, or a pipe that would block.
    shared->file_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (shared->file_ < 0 || fcntl(shared->file_, F_GET_SEALS) < 0 ||
        !shared->map(shared->file_, floats, static_cast<int>(ranks.size())))
      return false;
    if (std::memcmp(shared->memory_, &first.token, sizeof first.token) != 0) return false;
  }
  if (shared == nullptr) return false;
  shared->rank_ = rank;
  for (size_t other = 0; other < ranks.size(); other++) {
    if (static_cast<int>(other) == rank) continue;
    const int process = static_cast<int>(syscall(SYS_pidfd_open, ranks[other].process, 0));
    if (process < 0) return false;
    shared->processes_.push_back(process);
  }
  return true;
}

bool SharedAverage::map(int file, size_t floats, int size) {
  size_ = size;
  capacity_ = whole(floats);
  bytes_ = bytes_for(floats, size);
  struct stat status;
  if (fstat(file, &status) != 0 || static_cast<size_t>(status.st_size) != bytes_) return false;
  void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) return false;
  memory_ = static_cast<char*>(memory);
  return true;
}

SharedAverage::~SharedAverage() {
  if (memory_ != nullptr) munmap(memory_, bytes_);
  if (file_ >= 0) close(file_);
  for (const int process : processes_) close(process);
}

bool SharedAverage::has_lost_one() const {
  std::vector<pollfd> list;
  for (const int process : processes_) list.push_back({process, POLLIN, 0});
  // A process is readable as soon as it has ended, whether its parent has seen that or not.
  return poll(list.data(), list.size(), 0) > 0;
}

#else

Introduction SharedAverage::introduction() { return {}; }
std::unique_ptr<SharedAverage> SharedAverage::create(size_t, int, Introduction&) { return nullptr; }
bool SharedAverage::open(std::unique_ptr<SharedAverage>&, size_t, int, const std::vector<Introduction>&) {
  return false;
}
SharedAverage::~SharedAverage() = default;
bool SharedAverage::has_lost_one() const { return false; }
namespace {
void wake(std::atomic<uint32_t>&) {}
void sleep_on(std::atomic<uint32_t>&, uint32_t) {}
}  // namespace

#endif

SharedAverage::Counters& SharedAverage::counters(int rank) const {
  static_assert(sizeof(Counters) == kLine);
  return reinterpret_cast<Counters*>(memory_ + kLine)[rank];
}

float* SharedAverage::numbers(int rank) const {
  const size_t which = 2 * static_cast<size_t>(rank) + step_ % 2;
  return reinterpret_cast<float*>(memory_ + header(size_)) + which * capacity_;
}

std::pair<size_t, size_t> SharedAverage::slice(const Part& part, int rank) const {
  const size_t lines = (part.length + 15) / 16, ranks = static_cast<size_t>(size_), at = static_cast<size_t>(rank);
  return {std::min(part.length, lines * at / ranks * 16), std::min(part.length, lines * (at + 1) / ranks * 16)};
}

void SharedAverage::begin() {
  step_++;
  used_ = done_ = 0;
  parts_.clear();
}

void SharedAverage::put(float* data, size_t length) {
  const Part part{data, length, used_, ++turn_, false};
  used_ += whole(length);
  if (used_ > capacity_) throw std::length_error("more gradients than there is shared memory for");
  float* own = numbers(rank_) + part.at;
  // Its own slice nobody else reads.
  const auto [from, to] = slice(part, rank_);
  std::memcpy(own, data, from * sizeof(float));
  std::memcpy(own + to, data + to, (length - to) * sizeof(float));
  parts_.push_back(part);
  auto& written = counters(rank_).written;
  written.store(part.turn, std::memory_order_release);
  wake(written);
}

void SharedAverage::add(const Part& part) {
  const auto [from, to] = slice(part, rank_);
  const float share = 1.0F / static_cast<float>(size_);
  float* sum = numbers(rank_) + part.at;
  // In the order of ranks, so that a sum is the same whoever makes it; a chunk at a time, to stay in the nearest cache.
  constexpr size_t chunk = 2048;
  for (size_t at = from; at < to; at += chunk) {
    const size_t end = std::min(to, at + chunk);
    const auto term = [&](int rank) { return rank == rank_ ? part.numbers : numbers(rank) + part.at; };
    const float* first = term(0);
    for (int rank = 1; rank < size_; rank++) {
      const float* other = term(rank);
      for (size_t i = at; i < end; i++) sum[i] = first[i] + other[i];
      first = sum;
    }
    for (size_t i = at; i < end; i++) part.numbers[i] = sum[i] = first[i] * share;
  }
}

void SharedAverage::collect(const Part& part) {
  for (int rank = 0; rank < size_; rank++) {
    if (rank == rank_) continue;
    const auto [from, to] = slice(part, rank);
    std::memcpy(part.numbers + from, numbers(rank) + part.at + from, (to - from) * sizeof(float));
  }
}

int SharedAverage::missing(std::atomic<uint32_t> Counters::* counter, uint32_t turn) const {
  for (int rank = 0; rank < size_; rank++)
    if (!has_come((counters(rank).*counter).load(std::memory_order_acquire), turn)) return rank;
  return -1;
}

size_t SharedAverage::advance() {
  for (Part& part : parts_) {
    if (part.is_added) continue;
    if (missing(&Counters::written, part.turn) >= 0) break;
    add(part);
    part.is_added = true;
    auto& added = counters(rank_).added;
    added.store(part.turn, std::memory_order_release);
    wake(added);
  }
  for (; done_ < parts_.size() && parts_[done_].is_added; done_++) {
    if (missing(&Counters::added, parts_[done_].turn) >= 0) break;
    collect(parts_[done_]);
  }
  return done_;
}

void SharedAverage::finish(std::chrono::milliseconds timeout) {
  const auto begun = std::chrono::steady_clock::now();
  while (advance() < parts_.size()) {
    const Part& part = parts_[done_];
    const auto counter = part.is_added ? &Counters::added : &Counters::written;
    const int rank = missing(counter, part.turn);
    if (rank < 0) continue;
    auto& word = counters(rank).*counter;
    const uint32_t seen = word.load(std::memory_order_acquire);
    if (has_come(seen, part.turn)) continue;
    sleep_on(word, seen);
    if (has_lost_one() && missing(counter, part.turn) >= 0) throw std::runtime_error("a process has ended");
    if (std::chrono::steady_clock::now() - begun > timeout) throw std::runtime_error("another rank takes too long");
  }
}

}  // namespace zoo
