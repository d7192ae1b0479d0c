// JPEG files that libjpeg warns about: those whose pixels are all there are read, the others refused.
#include "data_support.h"
#include "picture_support.h"

using namespace nnc;
using namespace nnc::runtime;
using namespace nnc::runtime::test;

namespace {

// What a decoded file says, or "" if it is read; then its pixels are those of `whole`.
std::string decoded(const std::string& text, const std::string& whole) {
  Diagnostics diagnostics;
  const Result<Picture> picture = decode_picture("p.jpg", bytes_of(text), diagnostics);
  if (!picture) return diagnostics.all().front().message;
  const Result<Picture> wanted = decode_picture("p.jpg", bytes_of(whole), diagnostics);
  REQUIRE(wanted);
  CHECK(picture->rgb == wanted->rgb);
  return "";
}

}  // namespace

TEST_CASE("JPEG: what a warning leaves untouched is read") {
  const std::string whole = jpeg(ramp(20, 17));
  std::string version = whole;
  const size_t jfif = whole.find("JFIF");
  REQUIRE(jfif != std::string::npos);
  version[jfif + 5] = 0;
  CHECK(decoded(version, whole) == "");
  std::string longer = whole;
  longer.insert(whole.size() - 2, 93, ' ');
  CHECK(decoded(longer, whole) == "");
  longer[jfif + 5] = 0;
  CHECK(decoded(longer, whole) == "");
  std::string between = whole;
  between.insert(whole.find("\xFF\xDB"), 5, ' ');
  CHECK(decoded(between, whole) == "");
}

TEST_CASE("JPEG: what makes pixels up is refused, whatever harmless comes before") {
  const std::string whole = jpeg(ramp(20, 17));
  std::string version = whole;
  version[whole.find("JFIF") + 5] = 0;
  for (const std::string& text : {whole, version}) {
    CHECK(decoded(text.substr(0, text.size() - 60), whole).find("Premature end") != std::string::npos);
    std::string early = text.substr(0, text.size() - 60) + "\xFF\xD9";
    CHECK(decoded(early, whole).find("premature end of data segment") != std::string::npos);
  }
  // A part of the data that is longer than its pixels need, and one that is missing.
  const std::string parts = jpeg(ramp(20, 17), true);
  const size_t second = parts.find("\xFF\xD1"), first = parts.find("\xFF\xD0");
  REQUIRE(second != std::string::npos);
  REQUIRE(first < second);
  std::string longer = parts;
  longer.insert(second, 7, ' ');
  CHECK(decoded(longer, parts).find("extraneous bytes before marker 0xd1") != std::string::npos);
  CHECK(decoded(parts.substr(0, first) + parts.substr(second), parts).find("found marker 0xd1") !=
        std::string::npos);
}
