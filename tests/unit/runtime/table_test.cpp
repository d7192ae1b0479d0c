// CSV as people have it: quotes, line ends, separators, headers, encodings.
#include "runtime/formats/table.h"
#include <cmath>

#include "catch2/catch.hpp"
#include "runtime/file.h"
#include "runtime/formats/encoding.h"
#include "support.h"

using namespace nnc;
using namespace nnc::runtime;
using namespace nnc::runtime::test;

namespace {

Table good_table(const std::string& text, const DataSpec& spec = {}) {
  Diagnostics diagnostics;
  Result<Table> table = parse_table("t.csv", text, spec, diagnostics);
  INFO(render_all(diagnostics, Sources()));
  REQUIRE(table);
  return *std::move(table);
}

std::vector<std::string> row_of(const Table& table, int64_t row) {
  std::vector<std::string> out;
  for (int64_t c = 0; c < table.columns; ++c) out.emplace_back(table.field(row, c));
  return out;
}

using Row = std::vector<std::string>;

}  // namespace

TEST_CASE("quotes, doubled quotes, line ends") {
  const Table t = good_table("id,name,age\r\n1,\"Braund, Mr. \"\"O\"\"\",22\r\n\r\n2,\"two\nlines\",\n3,,4");
  CHECK(t.header);
  CHECK(t.names == Row{"id", "name", "age"});
  REQUIRE(t.rows == 3);
  CHECK(row_of(t, 0) == Row{"1", "Braund, Mr. \"O\"", "22"});
  CHECK(row_of(t, 1) == Row{"2", "two\nlines", ""});
  CHECK(row_of(t, 2) == Row{"3", "", "4"});
  CHECK(t.location(0) == "t.csv:2");
  CHECK(t.location(1) == "t.csv:4");
  CHECK(t.location(2) == "t.csv:6");  // the blank line and the line inside quotes count
}

TEST_CASE("old line ends and a last field that is empty") {
  const Table t = good_table("1,2\r3,4\r5,");
  REQUIRE(t.rows == 3);
  CHECK(row_of(t, 2) == Row{"5", ""});
  CHECK(t.location(2) == "t.csv:3");
}

TEST_CASE("separators are guessed") {
  CHECK(good_table("1\t2\t3\n4\t5\t6\n").columns == 3);
  CHECK(good_table("1,5;2,5\n3,5;4,5\n").columns == 2);  // decimal commas
  CHECK(good_table("59 2 32.1\n48 1  21.6 \n").columns == 3);
  CHECK(good_table("\"a;b\",c\n\"d;e\",f\n").columns == 2);
  CHECK(good_table("5\n6\n7\n").columns == 1);
  const Table words = good_table("name,kind\nred fox,wild animal\ngray cat,house animal\n");
  CHECK(words.columns == 2);
  DataSpec spec;
  spec.separator = '|';
  CHECK(good_table("1|2\n3|4\n", spec).columns == 2);
}

TEST_CASE("TSV: a header, quotes, gaps, and commas that are text") {
  const Table table =
      good_table("name\tplace, town\tage\n\"a\tb\"\tRome, Italy\t\nc\t\"said \"\"d\"\"\"\t41\n");
  CHECK(table.names == std::vector<std::string>{"name", "place, town", "age"});
  CHECK(table.rows == 2);
  CHECK(table.field(0, 0) == "a\tb");
  CHECK(table.field(0, 1) == "Rome, Italy");
  CHECK(read_field(table.field(0, 2)).kind == FieldKind::missing);
  CHECK(table.field(1, 1) == "said \"d\"");
}

TEST_CASE("a header is guessed, or not, as the user says") {
  CHECK_FALSE(good_table("150,4,setosa\n1,2,0\n").header);
  DataSpec spec;
  spec.header = true;
  CHECK(good_table("1,2\n3,4\n", spec).names == Row{"1", "2"});
  spec.header = false;
  CHECK(good_table("a,b\nc,d\n", spec).rows == 2);
  spec = {};
  spec.skip = 1;
  spec.columns = {"u", "v"};
  const Table skipped = good_table("any, old, line\n1,2\n3,4\n", spec);
  CHECK(skipped.names == Row{"u", "v"});
  CHECK(skipped.rows == 2);
  CHECK(skipped.location(0) == "t.csv:2");
}

TEST_CASE("spaces around a field are no part of it, those in quotes are") {
  const Table table = good_table("a , b,c\n 1 , up ,\" x, \" \n\tNo\t,,\" \"\"y\"\" \"\n");
  CHECK(table.names == Row{"a", "b", "c"});
  CHECK(row_of(table, 0) == Row{"1", "up", " x, "});
  CHECK(row_of(table, 1) == Row{"No", "", " \"y\" "});
  // Tabs that separate are no spaces.
  const Table tabs = good_table("a\tb\tc\n1 \t\t 3\n");
  CHECK(row_of(tabs, 0) == Row{"1", "", "3"});
}

TEST_CASE("what a field says") {
  CHECK(read_field(" 1.5 ").number == 1.5);
  CHECK(read_field("+3").number == 3);
  CHECK(read_field("1e-3").number == 1e-3);
  CHECK(read_field("True").number == 1);
  CHECK(read_field("").kind == FieldKind::missing);
  CHECK(read_field("NA").kind == FieldKind::missing);
  CHECK(read_field("nan").kind == FieldKind::missing);
  CHECK(read_field("1e-400").number == 0);  // as small as that is none
  CHECK(read_field("-1e999").number == -HUGE_VAL);
  for (const char* text : {"1,5", "0x10", "1 2", "inf", "-inf", "+-3", "12abc", "+", "$5", "5%"})
    CHECK(read_field(text).kind == FieldKind::text);
}

TEST_CASE("numbers in another notation, and never in two") {
  const auto number = [](const char* text, const NumberFormat& format) {
    const FieldValue value = read_field(text, format);
    return value.kind == FieldKind::number ? value.number : -99;
  };
  const NumberFormat commas{',', "", {}}, german{',', ".", {}}, money{'.', ",", {"$", "€", "%"}};
  CHECK(number("1,25", commas) == 1.25);
  CHECK(number("-0,5e1", commas) == -5);
  CHECK(number("12", commas) == 12);
  CHECK(number("1.25", commas) == -99);
  CHECK(number("1,2,3", commas) == -99);
  CHECK(number("1.234.567,5", german) == 1234567.5);
  CHECK(number("1.25", german) == -99);
  CHECK(number("12.345", german) == 12345);
  for (const char* text : {"0.637", "00.637", "-0.123", "012.345", "0.637,5"})
    CHECK(number(text, german) == -99);
  CHECK(number("$1,234", money) == 1234);
  CHECK(number("-$1,234.50", money) == -1234.5);
  CHECK(number("$-3", money) == -3);
  CHECK(number("12.5 %", money) == 12.5);
  CHECK(number("1,234,567 €", money) == 1234567);
  CHECK(number("1e3", money) == 1000);
  for (const char* text :
       {"0,123", "1,23", "1,2345", "12,34,567", ",123", "1234,567", "$", "%", "$$5", "5 kg", "--5"})
    CHECK(number(text, money) == -99);
}

TEST_CASE("the first line counts the columns, or is a row of text like the others") {
  CHECK(good_table("0,1,2\n0.5,1.5,1\n").names == Row{"0", "1", "2"});
  CHECK(good_table(",0,1\n0,1.5,1\n").names == Row{"", "0", "1"});
  CHECK_FALSE(good_table("0,1\n1,0\n").header);
  CHECK_FALSE(good_table("0,1,2\n").header);
  CHECK_FALSE(good_table("0,1,3\n1,0,3\n").header);
  const Table votes = good_table("rep,n,?,y\ndem,y,n,y\nrep,n,y,n\n");
  CHECK_FALSE(votes.header);
  CHECK(votes.rows == 3);
  CHECK(good_table("party,v1,v2\nrep,n,y\nrep,n,n\n").header);
}

TEST_CASE("a trailing separator is no column, in the first line or in all others") {
  CHECK(good_table("a,b,\n1,2\n3,4\n").names == Row{"a", "b"});
  const Table rows = good_table("a,b\n1,2,\n3,4,\n");
  CHECK(rows.columns == 2);
  CHECK(row_of(rows, 1) == Row{"3", "4"});
  CHECK(good_table("a,b,\n1,2,\n3,4,\n").columns == 3);
  Diagnostics diagnostics;
  CHECK_FALSE(parse_table("t.csv", "a,b,c\n1,2\n3,4\n", {}, diagnostics));
  CHECK_FALSE(parse_table("t.csv", "a,b\n1,2,\n3,4,5\n", {}, diagnostics));
}

TEST_CASE("lines of comment are left out, bars separate, and a tab in a table of spaces is a space") {
  DataSpec spec;
  spec.comment = "#";
  const Table t = good_table("# by a tool\n# in mm\na,b\n1,2\n  # more\n3,#4\n", spec);
  CHECK(t.names == Row{"a", "b"});
  CHECK(row_of(t, 1) == Row{"3", "#4"});
  CHECK(t.location(1) == "t.csv:6");
  CHECK(good_table("a|b\n1|2\n").columns == 2);
  const Table cars = good_table("18.0   8 307.0\t\"a car\"\n15.0   8 ?\t\"an old car\"\n");
  CHECK(row_of(cars, 1) == Row{"15.0", "8", "?", "an old car"});
  CHECK(good_table("red fox\t5\ngray cat\t6\n").columns == 2);
}

TEST_CASE("any bytes: a table or an error, never a crash") {
  uint64_t word = 1;
  const std::string alphabet = "a1,\";\t \r\n\"\"..-\xC3";
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (int i = 0; i < round % 40; ++i) {
      word = word * 6364136223846793005ULL + 1442695040888963407ULL;
      text += alphabet[(word >> 33) % alphabet.size()];
    }
    Diagnostics diagnostics;
    const Result<Table> table = parse_table("t.csv", text, {}, diagnostics);
    if (!table) {
      CHECK(diagnostics.has_errors());
    } else {
      REQUIRE(table->ends.size() == static_cast<size_t>(table->rows * table->columns));
      CHECK(table->ends.back() == table->text.size());
    }
  }
}

TEST_CASE("encodings") {
  Diagnostics diagnostics;
  const auto bytes = [](std::string_view text) {
    return std::vector<unsigned char>(text.begin(), text.end());
  };
  // "가격" (price) in CP949, and é in Latin-1.
  const auto korean = decode_text("k.csv", bytes("\xB0\xA1\xB0\xDD,x\n1,2\n"), "cp949", diagnostics);
  REQUIRE(korean);
  CHECK(*korean == "\xEA\xB0\x80\xEA\xB2\xA9,x\n1,2\n");
  const auto french = decode_text("f.csv", bytes("caf\xE9"), "latin1", diagnostics);
  REQUIRE(french);
  CHECK(*french == "caf\xC3\xA9");
  const auto mark = decode_text("b.csv", bytes("\xEF\xBB\xBFx"), "utf-8", diagnostics);
  REQUIRE(mark);
  CHECK(*mark == "x");
  const auto dashes = decode_text("d.csv", bytes("5\x80 \x96 6\x80"), "latin1", diagnostics);
  REQUIRE(dashes);
  CHECK(*dashes == "5€ – 6€");
  CHECK_FALSE(diagnostics.has_errors());

  CHECK(likely_encoding(bytes("\xB0\xA1\xB0\xDD,x\n1,2\n")) == "cp949");
  for (const char* text : {"Temp (\xB0"
                           "C)",
                           "\xB5g", "\xC5rhus", "caf\xE9",
                           "gr\xF6\xDF"
                           "e"})
    CHECK(likely_encoding(bytes(text)) == "latin1");
}

TEST_CASE("valid and invalid UTF-8") {
  CHECK(find_invalid_utf8("aé가😀") == std::string_view::npos);
  CHECK(find_invalid_utf8("a\xC0\x80") == 1);         // overlong
  CHECK(find_invalid_utf8("ab\xED\xA0\x80") == 2);    // surrogate
  CHECK(find_invalid_utf8("\xF4\x90\x80\x80") == 0);  // beyond U+10FFFF
  CHECK(find_invalid_utf8("x\xE2\x82") == 1);         // cut short
}
