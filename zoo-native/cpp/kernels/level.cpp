// One instruction level's table; build.rs compiles this file once a level, with ZOO_LEVEL and ZOO_VECTOR_BYTES.
#include "depthwise.h"
#include "matrix.h"
#include "norm.h"

namespace zoo {
namespace ZOO_LEVEL {

const Kernels kernels = {moments, normalize, reduce, gradient, correlate, accumulate,
                         padded, groups, pack, multiply, outer, mean, scale};

}  // namespace ZOO_LEVEL
}  // namespace zoo
