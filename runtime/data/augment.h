// Pictures mirrored and moved as they are gathered; see dataset.h, Augment.
#pragma once

#include "runtime/data/dataset.h"

namespace nnc::runtime {

// What the draws of a row in an epoch come to.
struct Change {
  bool flip = false;
  int64_t down = 0, right = 0;  // -crop … crop: how far the picture is moved
};
Change draw_change(const Augment& augment, uint64_t row, const AugmentKey& key);

// The column's row, changed, as floats (or doubles) of the column's dtype. Allocates nothing.
void augment_row(const ColumnData& column, int64_t row, const AugmentKey& key, unsigned char* to);

}  // namespace nnc::runtime
