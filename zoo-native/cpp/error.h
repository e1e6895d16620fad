// How a C++ exception becomes an error string: nothing may unwind into Rust.
#pragma once

#include <cstdlib>
#include <cstring>
#include <exception>

namespace zoo {

// Runs `body`. Null is success; otherwise the caller frees the message with free().
template <typename Body>
char* guarded(Body&& body) noexcept {
  try {
    body();
    return nullptr;
  } catch (const std::exception& error) {
    return strdup(error.what());
  } catch (...) {
    return strdup("an exception that is not a std::exception");
  }
}

}  // namespace zoo
