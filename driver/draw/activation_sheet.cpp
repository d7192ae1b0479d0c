// Lays values out below each other: a title, and their panels.
#include "driver/draw/activation_sheet.h"

#include <algorithm>
#include <cmath>

#include "driver/draw/canvas.h"
#include "driver/draw/panels.h"

namespace nnc::driver {
namespace {

constexpr double kWidth = 720, kMargin = 20, kInner = kWidth - 2 * kMargin;
constexpr double kTitle = 40, kSpace = 8, kAfter = 14, kWord = 14;
constexpr double kTallest = 15000;  // Cairo draws up to 32767 pixels
constexpr size_t kSheetMaps = 64;
constexpr int64_t kSheetUnits = 128;
constexpr int64_t kWordsInLine = 64;            // of a sequence
constexpr int64_t kMostWords = 80;              // at the edges of attention
constexpr double kReadable = 10, kVisible = 3;  // a cell with a word beside it, one without

struct Place {
  double x = 0, y = 0, width = 0, height = 0;
};

// A value with the place of its panels, measured from its top.
struct Block {
  const Activation* value;
  Panels panels;
  std::vector<Place> places;
  double height = 0;
  bool labels = false;  // words at the edges
};

// Half units, which are whole pixels of a PNG; below that, whatever fits.
double cell_of(double room, int64_t count, double most) {
  const double cell = room / static_cast<double>(std::max<int64_t>(1, count));
  return cell < 0.5 ? cell : std::min(most, std::floor(2 * cell) / 2);
}

// Panels of this size in lines, each with `caption` below it.
void flow(Block& block, double width, double height, double left, double top, double caption) {
  const auto columns = std::max<size_t>(1, static_cast<size_t>((kInner + kSpace) / (width + left + kSpace)));
  for (size_t i = 0; i < block.panels.numbers.size(); ++i)
    block.places.push_back({left + static_cast<double>(i % columns) * (width + left + kSpace),
                            top + kTitle + static_cast<double>(i / columns) * (height + top + caption), width,
                            height});
  if (!block.places.empty()) block.height = block.places.back().y + height + caption;
}

// A sequence that is too long for a line goes on in the next.
void fold(Panels& panels) {
  if (panels.words == 0 || panels.shape.width <= kWordsInLine) return;
  const std::vector<float> all = std::move(panels.numbers[0]);
  const int64_t width = panels.shape.width, rows = panels.shape.height;
  panels.numbers.clear();
  for (int64_t first = 0; first < width; first += kWordsInLine) {
    std::vector<float>& part = panels.numbers.emplace_back();
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t t = first; t < first + kWordsInLine; ++t)
        part.push_back(t < width ? all[static_cast<size_t>(r * width + t)] : panels.high);
  }
  panels.shape.width = kWordsInLine;
}

Block block_of(const Activation& value, const std::vector<std::string>& words) {
  Block block{&value, panels_of(value, kSheetMaps, kSheetUnits), {}};
  Panels& panels = block.panels;
  block.height = kTitle;
  const size_t count = panels.numbers.size();
  if (count > 0) {
    const auto columns = panels.shape.width, rows = panels.shape.height;
    const double wide = static_cast<double>(columns), high = static_cast<double>(rows);
    switch (panels.form) {
      case PanelForm::picture:
      case PanelForm::maps: {
        const double side = count == 1 ? 168 : count <= 6 ? 104 : count <= 16 ? 76 : 56;
        const double cell = cell_of(side, std::max(columns, rows), 24);
        flow(block, cell * wide, cell * high, 0, 0, count == 1 ? kSpace : kWord + 4);
        break;
      }
      case PanelForm::sequence: {
        block.labels = !words.empty() && panels.words > 0;
        fold(panels);
        const double drawn = static_cast<double>(panels.shape.width);
        flow(block, cell_of(kInner, panels.shape.width, block.labels ? 20 : 12) * drawn,
             cell_of(200, rows, 12) * high, 0, 0, block.labels ? kWord + kSpace : kSpace);
        break;
      }
      case PanelForm::attention: {
        const int64_t side = std::max(columns, rows);
        block.labels = !words.empty() && panels.words > 0 && side <= kMostWords;
        const double edge = block.labels ? kWord : 0;
        // As many heads in a line as can still be read.
        double cell = 0;
        for (double in_line = std::min(4.0, static_cast<double>(count)); in_line >= 1; --in_line) {
          cell = cell_of((kInner - (in_line - 1) * kSpace) / in_line - edge, side, 24);
          if (cell >= (block.labels ? kReadable : kVisible)) break;
        }
        flow(block, cell * wide, cell * high, edge, edge, kWord + kSpace);
        break;
      }
      case PanelForm::strip:
        flow(block, cell_of(kInner, columns, 24) * wide, (rows == 1 ? 20 : 8) * high, 0, 0, kWord);
        break;
    }
  }
  if (!panels.note.empty()) block.height += kWord;
  block.height += kAfter;
  return block;
}

// The panel made larger without smoothing, which viewers of SVG would do.
void paint_panel(Canvas& canvas, const Panels& panels, size_t i, const Place& at) {
  cairo_surface_t* small = surface_of_row(panels.shape, panels.numbers[i], panels.low, panels.high);
  const int width = std::max(1, static_cast<int>(std::lround(2 * at.width))),
            height = std::max(1, static_cast<int>(std::lround(2 * at.height)));
  cairo_surface_t* large = cairo().image_surface_create(CAIRO_FORMAT_RGB24, width, height);
  cairo_t* pen = cairo().create(large);
  cairo().scale(pen, width / static_cast<double>(panels.shape.width),
                height / static_cast<double>(panels.shape.height));
  cairo().set_source_surface(pen, small, 0, 0);
  cairo().pattern_set_filter(cairo().get_source(pen), CAIRO_FILTER_NEAREST);
  cairo().paint(pen);
  cairo().destroy(pen);
  cairo().surface_destroy(small);
  cairo().save(canvas.pen());
  cairo().translate(canvas.pen(), at.x, at.y);
  cairo().scale(canvas.pen(), 0.5, 0.5);
  cairo().set_source_surface(canvas.pen(), large, 0, 0);
  cairo().pattern_set_filter(cairo().get_source(canvas.pen()), CAIRO_FILTER_NEAREST);
  cairo().paint(canvas.pen());
  cairo().restore(canvas.pen());
  cairo().surface_destroy(large);
  canvas.color(kFaint, 0.5);
  cairo().set_line_width(canvas.pen(), 0.5);
  cairo().rectangle(canvas.pen(), at.x - 0.25, at.y - 0.25, at.width + 0.5, at.height + 0.5);
  cairo().stroke(canvas.pen());
}

void paint_words(Canvas& canvas, const Block& block, size_t i, const Place& at,
                 const std::vector<std::string>& words) {
  const Panels& panels = block.panels;
  const double cell = at.width / static_cast<double>(panels.shape.width);
  const double size = std::min(11.0, cell + 1);
  const bool attention = panels.form == PanelForm::attention;
  const size_t first = attention ? 0 : i * static_cast<size_t>(panels.shape.width);
  canvas.color(kInk);
  for (size_t k = 0; k < static_cast<size_t>(panels.shape.width) && first + k < words.size(); ++k)
    canvas.text(at.x + (static_cast<double>(k) + 0.5) * cell, attention ? at.y - 4 : at.y + at.height + 11,
                size, words[first + k], 0.5);
  for (size_t k = 0; attention && k < static_cast<size_t>(panels.shape.height) && k < words.size(); ++k)
    canvas.text(at.x - 7, at.y + (static_cast<double>(k) + 0.5) * cell + 0.36 * size, size, words[k], 0.5);
}

void paint_captions(Canvas& canvas, const Block& block) {
  const bool maps = block.panels.form == PanelForm::maps, heads = block.panels.form == PanelForm::attention;
  canvas.color(kFaint);
  const int64_t across = block.panels.shape.width;
  if (block.panels.form == PanelForm::strip && !block.places.empty() && block.panels.shape.height == 1) {
    const Place& at = block.places[0];
    const double cell = at.width / static_cast<double>(across);
    for (int64_t k = 0; cell >= 18 && k < across; ++k)
      canvas.text((static_cast<double>(k) + 0.5) * cell, at.y + at.height + 11, 10, fmt::format("{}", k),
                  0.5);
  }
  for (size_t i = 0; (maps || heads) && block.places.size() > 1 && i < block.places.size(); ++i) {
    const Place& at = block.places[i];
    canvas.text(at.x + at.width / 2, at.y + at.height + 11, 10,
                heads ? fmt::format("head {}", i) : fmt::format("{}", i), 0.5);
  }
  if (!block.panels.note.empty()) canvas.text(0, block.height - kAfter, 11, block.panels.note, 0);
}

void paint(Canvas& canvas, const Block& block, const std::vector<std::string>& words) {
  const Summary s = summary_of(*block.value);
  canvas.color(kInk);
  canvas.text(0, 14, 15, block.value->name, 0);
  canvas.color(kFaint);
  const std::string range =
      std::isnan(s.low) ? "none of it finite" : fmt::format("{:.4g} to {:.4g}", s.low, s.high);
  canvas.text(
      0, 31, 11,
      fmt::format("[{}]   {}   {}", fmt::join(block.value->shape, ", "), range, form_text(block.panels)), 0);
  for (size_t i = 0; i < block.places.size(); ++i) {
    paint_panel(canvas, block.panels, i, block.places[i]);
    if (block.labels) paint_words(canvas, block, i, block.places[i], words);
  }
  paint_captions(canvas, block);
}

}  // namespace

ActivationSheet activation_sheet(const std::string& name, const Activations& activations) {
  std::vector<Block> blocks;
  double height = 2 * kMargin;
  for (const Activation& value : activations.values) {
    blocks.push_back(block_of(value, activations.words));
    height += blocks.back().height;
    if (height <= kTallest || blocks.size() == 1) continue;
    height -= blocks.back().height;
    blocks.pop_back();
    break;
  }
  ActivationSheet sheet;
  sheet.drawn = blocks.size();
  sheet.file = picture_file(name, {kWidth, std::ceil(std::min(height, kTallest))}, [&](Canvas& canvas) {
    cairo().translate(canvas.pen(), kMargin, kMargin);
    for (const Block& block : blocks) {
      paint(canvas, block, activations.words);
      cairo().translate(canvas.pen(), 0, block.height);
    }
  });
  return sheet;
}

}  // namespace nnc::driver
