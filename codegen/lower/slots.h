// Where values live: a slot of the program for each that is given, stored or returned.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "codegen/lower/in_place.h"
#include "ir/kernel/kernel.h"

namespace nnc::codegen {

struct Slots {
  std::map<Value, kernel::SlotId> of;
  // New values that cannot be written over the old ones at once, and where they belong: copied when all is done.
  std::vector<std::pair<Value, kernel::SlotId>> copies;
};

// Adds the slots to `program`: inputs, constants, outputs, temporaries, in this order. Outputs named in `kept` have its layouts.
Slots assign_slots(const Groups& groups, InPlace& in_place, kernel::Program& program,
                   const std::map<std::string, Layout>& kept = {});

}  // namespace nnc::codegen
