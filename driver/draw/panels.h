// How a value of a model is drawn: as small pictures beside each other, over one scale.
#pragma once

#include <string>
#include <vector>

#include "driver/activations.h"
#include "driver/report_page/sample_picture.h"

namespace nnc::driver {

// What an index of the pictures means.
enum class PanelForm {
  picture,    // the input
  maps,       // a picture per channel
  sequence,   // one: time across, units down
  attention,  // one per head: keys across, queries down
  strip,      // one: the numbers in lines
};

struct Panels {
  PanelForm form = PanelForm::strip;
  PictureShape shape;                       // of each
  std::vector<std::vector<float>> numbers;  // of each, finite
  float low = -1, high = 1;                 // drawn dark and light
  std::string note;                         // what is left out: "the first 64 of 256 maps"
  size_t words = 0;  // how many of the columns (of attention rows, too) are places of a text
};

// At most so many panels, and so many rows of a sequence. Diverging values are gray at 0; shares are from 0, white, to 1,
// black. A single number gives no panels, and what is too large to be drawn none but a note.
Panels panels_of(const Activation& value, size_t most_panels, int64_t most_units);

// "feature maps", "time across, units down": what the reader sees.
std::string form_text(const Panels& panels);

}  // namespace nnc::driver
