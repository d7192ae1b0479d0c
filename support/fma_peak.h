// What a processor's multiply-add units can do, measured: registers only, one thread.
#pragma once

namespace nnc {

// Multiply-adds of f32 a second, by vectors of 256 or 512 bits, which the processor must have: the best of a few runs, of some
// 50 microseconds in all, for other load on the machine can only make a run longer.
double multiply_adds_per_second(int bits);

}  // namespace nnc
