// A map that chooses by place becomes maps over parts.
#pragma once

#include "ir/kernel/kernel.h"

namespace nnc::codegen {

// Where a map's values depend on whether an axis is below a number – what was concatenated – it becomes two, over the
// places before it and from it on, in each of which the choice is made: nothing is loaded to be thrown away, and each part goes
// along its own tensor. Parts of one length that follow each other are computed together, as the gates of a recurrent cell.
// Applied until no choice is left, or the parts would be many or narrow; to axes that tasks are parts of in kernels of maps
// alone, which are cut along others then. Before there are schedules.
void part_maps(kernel::Kernel& kernel);

}  // namespace nnc::codegen
