// Where the time of a training step goes: every operation that libtorch runs, forward and backward, by name and label.
//
// A label is a number that the caller sets before each part of the forward pass. Backward, an operation gets the label
// of the part that made it: autograd numbers its nodes as they are made, so a label is a range of numbers.
#include <ATen/SequenceNumber.h>
#include <ATen/record_function.h>

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "error.h"

namespace {

using Clock = std::chrono::steady_clock;

struct Sums {
  double forward = 0;
  double backward = 0;
  int64_t calls = 0;
};

struct Span : at::ObserverContext {
  Clock::time_point begun;
  bool outermost = false;
};

std::mutex mutex;
std::map<std::pair<int, std::string>, Sums> sums;
std::map<int64_t, int> labels_by_first;
at::CallbackHandle handle = at::INVALID_CALLBACK_HANDLE;
int label = 0;
thread_local int depth = 0;

int label_of(int64_t number) {
  auto behind = labels_by_first.upper_bound(number);
  return number < 0 || behind == labels_by_first.begin() ? 0 : std::prev(behind)->second;
}

// The engine's own span around each node of the backward pass would hide the node, which alone has a number.
bool is_wrapper(const at::RecordFunction& function) {
  static const std::string prefix = "autograd::engine::evaluate_function";
  return std::string(function.name()).rfind(prefix, 0) == 0;
}

std::unique_ptr<at::ObserverContext> enter(const at::RecordFunction& function) {
  if (is_wrapper(function)) return nullptr;
  auto span = std::make_unique<Span>();
  span->outermost = depth++ == 0;
  span->begun = Clock::now();
  return span;
}

void leave(const at::RecordFunction& function, at::ObserverContext* context) {
  auto* span = static_cast<Span*>(context);
  if (span == nullptr) return;
  double seconds = std::chrono::duration<double>(Clock::now() - span->begun).count();
  depth--;
  if (!span->outermost) return;
  std::lock_guard<std::mutex> guard(mutex);
  bool backward = function.scope() == at::RecordScope::BACKWARD_FUNCTION;
  auto& own = sums[{backward ? label_of(function.seqNr()) : label, function.name()}];
  (backward ? own.backward : own.forward) += seconds;
  own.calls++;
}

}  // namespace

extern "C" char* zoo_profile_start() {
  return zoo::guarded([&] {
    std::lock_guard<std::mutex> guard(mutex);
    TORCH_CHECK(handle == at::INVALID_CALLBACK_HANDLE, "a profile is being taken already");
    sums.clear();
    labels_by_first.clear();
    label = 0;
    handle = at::addGlobalCallback(at::RecordFunctionCallback(enter, leave).scopes(
        {at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
  });
}

// Does nothing while no profile is taken.
extern "C" void zoo_profile_label(int next) {
  std::lock_guard<std::mutex> guard(mutex);
  if (handle == at::INVALID_CALLBACK_HANDLE) return;
  label = next;
  labels_by_first[static_cast<int64_t>(at::sequence_number::peek())] = next;
}

// `lines` becomes a text of label, name, seconds forward, seconds backward and calls, with tabs between; the caller frees it.
extern "C" char* zoo_profile_stop(char** lines) {
  return zoo::guarded([&] {
    std::lock_guard<std::mutex> guard(mutex);
    TORCH_CHECK(handle != at::INVALID_CALLBACK_HANDLE, "no profile is being taken");
    at::removeCallback(handle);
    handle = at::INVALID_CALLBACK_HANDLE;
    std::string text;
    for (const auto& [key, own] : sums) {
      text += std::to_string(key.first) + "\t" + key.second + "\t" + std::to_string(own.forward) + "\t" +
              std::to_string(own.backward) + "\t" + std::to_string(own.calls) + "\n";
    }
    *lines = strdup(text.c_str());
    TORCH_CHECK(*lines != nullptr, "there is no memory left for the profile");
  });
}
