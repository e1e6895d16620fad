// One instruction level's table; build.rs compiles this file once a level, with ZOO_LEVEL and ZOO_VECTOR_BYTES.
#include "depthwise.h"
#include "matrix.h"
#include "padded_rows.h"
#include "norm.h"
#include "peak.h"

namespace zoo {
namespace ZOO_LEVEL {

const Kernels kernels = {moments, normalize, reduce, gradient, correlate, accumulate,
                         padded, groups, pack, multiply, depthwise, outer, mean, scale, multiply_adds};

}  // namespace ZOO_LEVEL
}  // namespace zoo
