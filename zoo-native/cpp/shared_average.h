// Averages over processes of one machine, through memory that they share.
//
// Over a socket each number is copied four times, by the same processors that compute. Here a rank writes what the others are
// to add, adds up its own part, and reads the sums of theirs. Waiting is left to the very end, so that it is hidden as far as
// the backward pass lasts.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace zoo {

// What the ranks must know of each other to share memory.
struct Introduction {
  int64_t process = 0;
  // The pid namespace: numbers of processes mean nothing in another.
  int64_t name_space = 0;
  // Of the memory, where this rank made it: the number of its file, and a random number at its start.
  int64_t file = 0, token = 0;
};

class SharedAverage {
 public:
  // Memory for averages of `floats` numbers a step. Null where this system cannot share it.
  static std::unique_ptr<SharedAverage> create(size_t floats, int size, Introduction& own);
  // What a rank without memory says of itself.
  static Introduction introduction();
  // Opens the memory that rank 0 made (rank 0 has it already) and watches the other processes. False where that cannot be done;
  // then none of the ranks may go on.
  static bool open(std::unique_ptr<SharedAverage>& shared, size_t floats, int rank,
                   const std::vector<Introduction>& ranks);
  ~SharedAverage();
  SharedAverage(const SharedAverage&) = delete;
  SharedAverage& operator=(const SharedAverage&) = delete;

  // A new step: what was put before it has been finished by this rank.
  void begin();
  // The numbers are to become averages over all ranks. They stay where they are until then.
  void put(float* numbers, size_t length);
  // Goes as far as the other ranks have come. The result is how many of the calls of `put` since `begin` have their averages,
  // the earliest first.
  size_t advance();
  // Waits until all have. Throws where a process has ended, or the time is over.
  void finish(std::chrono::milliseconds timeout);

 private:
  struct Counters;
  struct Part {
    float* numbers;
    size_t length, at;
    uint32_t turn;
    bool is_added;
  };

  SharedAverage() = default;
  bool map(int file, size_t floats, int size);
  Counters& counters(int rank) const;
  float* numbers(int rank) const;
  // The numbers of a part that a rank adds up.
  std::pair<size_t, size_t> slice(const Part& part, int rank) const;
  void add(const Part& part);
  void collect(const Part& part);
  // The first rank whose counter has not come to `turn`, or none (-1).
  int missing(std::atomic<uint32_t> Counters::* counter, uint32_t turn) const;
  bool has_lost_one() const;

  int rank_ = 0, size_ = 0, file_ = -1;
  size_t capacity_ = 0, bytes_ = 0;
  char* memory_ = nullptr;
  std::vector<int> processes_;
  uint32_t step_ = 0, turn_ = 0;
  size_t used_ = 0, done_ = 0;
  std::vector<Part> parts_;
};

}  // namespace zoo
