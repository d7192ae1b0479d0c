// What a processor's multiply-add units can do, measured: registers only, one thread.
#pragma once

namespace nnc {

// Multiply-adds of f32 a second, by vectors of 256 or 512 bits, which the processor must have, in one run of some 25
// microseconds. The best of several is the peak: other load on the machine can only make a run longer.
double multiply_adds_per_second(int bits);

}  // namespace nnc
