// How a C++ exception becomes an error string: nothing may unwind into Rust.
#pragma once

#include <cstdlib>
#include <cstring>
#include <exception>

namespace zoo {

// What is said where there is no memory for the words; it is never freed.
inline char kNoMemory[] = "there is no memory left for an error message";

// A message that the caller frees with zoo_error_free(), and never null, which would read as success.
inline char* message(const char* words) noexcept {
  char* copy = strdup(words);
  return copy == nullptr ? kNoMemory : copy;
}

// Runs `body`. Null is success; otherwise the caller frees the message with zoo_error_free().
template <typename Body>
char* guarded(Body&& body) noexcept {
  try {
    body();
    return nullptr;
  } catch (const std::exception& error) {
    return message(error.what());
  } catch (...) {
    return message("an exception that is not a std::exception");
  }
}

}  // namespace zoo
