// Sums over all ranks, for layers that need them in the middle of a pass.
#pragma once

#include <cstddef>

namespace zoo {

// Whether batch norms share their statistics among ranks.
bool norms_are_synchronized();

// Adds up each value over all ranks, in place. Every rank must come here with as many values.
void sum_over_ranks(double* values, size_t length);

}  // namespace zoo
