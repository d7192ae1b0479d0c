// The verifier: each invariant broken once, in text where text can say it, in data where it cannot.
#include "kernel_test.h"

using namespace nnc;
using namespace nnc::kernel;

namespace {

void check_refused(const std::string& text, const std::string& part) {
  INFO(text);
  std::string errors = errors_of(text);
  INFO(errors);
  CHECK(errors.find(part) != std::string::npos);
  CHECK(errors.find("[kernel_invalid]") != std::string::npos);
}

void check_accepted(const std::string& text) {
  CHECK(errors_of(text) == "");
}

const std::string kHead = "kernel @f(x: f32[8,4], z: f32[8], n: i32[8], inout p: f32[8,4], out y: f32[8,4]) ";

bool mentions(const std::vector<std::string>& messages, const std::string& part) {
  for (const std::string& message : messages) {
    if (message.find(part) != std::string::npos) return true;
  }
  return false;
}

// kernel @f(x: f32[4], out y: f32[4]) { map i { y[i] = x[i] } }
Kernel small() {
  Kernel k;
  k.name = "f";
  AxisId i = k.axes.push_back({"i", 4});
  BufferId x = k.buffers.push_back({"x", {DType::f32, {4}}, {}, Space::in, {}});
  BufferId y = k.buffers.push_back({"y", {DType::f32, {4}}, {}, Space::out, {}});
  Map map;
  map.axes = {i};
  map.stores = {{y, {Index::of(i)}, k.load(x, {Index::of(i)})}};
  k.body.push_back({map, {}});
  return k;
}

}  // namespace

TEST_CASE("a sound kernel has no findings") {
  CHECK(verify(small()).empty());
  check_accepted(kHead + "grid i:8 step 3 { map i, j:4 { y[i,j] = x[i,j] p[i,j] = p[i,j] * 2 } }");
  // Two stores to one buffer that never meet; a subscript that tells two axes.
  check_accepted(
      "kernel @f(x: f32[16], out y: f32[32]) { map i:4, j:4 { y[i*8+j*2] = x[i*4+j] y[i*8+j*2+1] = 0 } }");
  // Read back what the task itself stored.
  check_accepted(kHead +
                 "grid i:8 step 3 { map i, j:4 { y[i,j] = x[i,j] } reduce i over k:4 max order serial value "
                 "y[i,k] { p[i,0] = acc } }");
  // Also where the axis that tasks are parts of is the smaller digit of one subscript.
  check_accepted(
      "kernel @f(x: f32[4,8], out y: f32[32]) grid i:4, j:8 step 3 { map i, j { y[i*8+j] = x[i,j] } "
      "map i, j { y[i*8+j] = y[i*8+j] * 2 } }");
  // Max needs no order to run in lanes.
  check_accepted(
      "kernel @f(x: f32[64], out y: f32[]) { reduce over i:64 argmax order serial value x[i] schedule {lanes "
      "i} "
      "{ y[] = acc } }");
}

TEST_CASE("K1 to K4: tables") {
  Kernel k = small();
  k.name = "";
  k.axes.push_back({"i", -1});
  k.buffers.push_back({"x", {DType::f32, {4}}, {}, Space::out, {}});
  auto messages = verify(k);
  CHECK(mentions(messages, "has no name"));
  CHECK(mentions(messages, "two axes are named `i`"));
  CHECK(mentions(messages, "axis `i` has the extent -1"));
  CHECK(mentions(messages, "two buffers are named `x`"));

  k = small();
  k.buffers.push_back({"t", {DType::f32, {4}}, {{0, 0}, 0}, Space::local, {}});
  k.buffers.push_back({"late", {DType::f32, {4}}, {}, Space::in, {}});
  messages = verify(k);
  CHECK(mentions(messages, "its layout is not a permutation"));
  CHECK(mentions(messages, "a local has no layout of its own"));
  CHECK(mentions(messages, "parameters come before locals"));

  k = small();
  k.buffers[BufferId{0}].axes = {AxisId{0}};
  CHECK(mentions(verify(k), "only a local may follow an axis"));
  k = small();
  k.buffers.push_back({"t", {DType::f32, {3}}, {}, Space::local, {AxisId{0}}});
  CHECK(mentions(verify(k), "which is not in the grid"));
  k.grid = {{AxisId{0}, 2}};
  CHECK(mentions(verify(k), "its type has the extent 3 there, the axis 4"));

  k = small();
  k.grid = {{AxisId{0}, 2}, {AxisId{0}, 2}};
  CHECK(mentions(verify(k), "twice in the grid"));
  k.grid = {{AxisId{0}, 5}};
  CHECK(mentions(verify(k), "step along `i` is 5"));
  k.grid = {{AxisId{0}, 0}};
  CHECK(mentions(verify(k), "step along `i` is 0"));
  k.grid = {{AxisId{7}, 1}};
  CHECK(mentions(verify(k), "an axis that does not exist"));
  check_refused("kernel @f(x: f32[8,4] order [0,0]) {}", "not a permutation");
  check_refused("kernel @f(x: f32[8,4] pitch 3) {}", "its pitch is less than the innermost extent");
  check_refused("kernel @f(x: f32[8] gap 3) {}", "nothing that its gap could lie between");
  check_refused("kernel @f(x: f32[]) grid i:1099511627776 step 1, j:1099511627776 step 1 {}",
                "more than 2^40 tasks");
}

TEST_CASE("K5: expressions") {
  auto with = [](auto change) {
    Kernel k = small();
    change(k, std::get<Map>(k.body[0].body).stores[0]);
    return verify(k);
  };
  CHECK(mentions(with([](Kernel&, Store& s) { s.value = ExprId{99}; }), "does not exist"));
  CHECK(mentions(with([](Kernel& k, Store& s) { s.value = k.apply(Op::exp, {ExprId{5}}, DType::f32); }),
                 "not older than itself"));
  CHECK(mentions(with([](Kernel& k, Store& s) {
                   s.value = k.apply(Op::matmul, {s.value, s.value}, DType::f32);
                 }),
                 "matmul is not an elementwise op"));
  CHECK(mentions(with([](Kernel& k, Store& s) { s.value = k.apply(Op::exp, {s.value}, DType::i32); }),
                 "another dtype than is noted"));
  CHECK(
      mentions(with([](Kernel& k, Store& s) { s.value = k.apply(Op::add, {s.value}, DType::f32); }), "add"));
  CHECK(mentions(with([](Kernel& k, Store& s) {
                   s.value = k.apply(Op::cast, {k.constant(DType::i32, 0.5)}, DType::f32);
                 }),
                 "is not a valid i32"));
  CHECK(mentions(with([](Kernel& k, Store& s) {
                   Index checked = Index::of(AxisId{0});
                   checked.checked = true;
                   s.value = k.apply(Op::cast, {k.axis_value(checked)}, DType::f32);
                 }),
                 "one plain affine subscript"));
  CHECK(mentions(with([](Kernel& k, Store& s) {
                   s.value = k.load(BufferId{0}, {Index{{{AxisId{0}, 0}}, 0, {}, false}});
                 }),
                 "coefficient 0"));
  CHECK(mentions(with([](Kernel& k, Store& s) {
                   s.value = k.load(BufferId{0}, {Index{{{AxisId{4}, 1}}, 0, {}, false}});
                 }),
                 "an axis that does not exist"));
}

TEST_CASE("K6: subscripts") {
  auto value = [](const std::string& v) { return kHead + "{ map i:8, j:4 { y[i,j] = " + v + " } }"; };
  check_refused(value("x[i]"), "`x` has 2 dimensions, but there are 1 subscripts");
  check_refused(value("x[i+1,j]"), "subscript 0 of `x` runs from 1 to 8, but its extent is 8");
  check_refused(value("x[i,j-1]"), "subscript 1 of `x` runs from -1 to 2");
  check_refused(value("x[j*2+i,j]"), "runs from 0 to 13");
  check_refused(value("x[x[i,j],j]"), "computed as f32; i32 or i64 is needed");
  check_refused(value("x[?(n[i]),j]"), "it cannot be checked too");
  check_accepted(value("x[?(i+1),j]"));
  check_accepted(value("x[i+n[i],j]"));
  check_refused(kHead + "{ map i:8, j:4 { y[n[i],j] = 1 } }", "only a scatter may write so");
  check_refused(kHead + "{ map i:8, j:4 { y[?(i),j] = 1 } }", "only loads may be");
  check_refused(kHead + "grid i:8 step 2 { local t: f32[i] map i { t[i] = 1 } map i, j:4 { y[i,j] = t[0] } }",
                "has to be `i` alone");
}

TEST_CASE("K7 to K9: axes and results") {
  check_refused(kHead + "{ map i:8, j:4, i { y[i,j] = 0 } }", "`i` is named twice");
  check_refused(kHead + "{ for i:8 { map i, j:4 { y[i,j] = 0 } } }", "`i` is that of a loop around it");
  check_refused(kHead + "{ for i:8 { for i { map j:4 { y[i,j] = 0 } } } }",
                "`i` is that of a loop around it");
  check_refused(
      kHead + "grid i:8 step 2 { reduce j:4 over i sum order serial value x[i,j] { y[0,j] = acc } }",
      "would be cut up by the grid");
  check_refused(kHead + "{ map i:8, j:4 { y[i,j] = 0 } map i { p[i,0] = x[i,j] } }",
                "`j` is used but is not an axis here");
  check_refused(kHead + "{ map i:8, j:4 { y[i,j] = 0 } map j { p[i,j] = 0 } }",
                "`i`, which is not an axis here");
  check_refused(kHead + "{ reduce i:8 over j:4 sum order serial value x[i,j] { y[i,0] = x[i,j] } }",
                "`j` is summed over: it means nothing in a store");
  check_refused(kHead + "{ reduce i:8 over j:4 sum order serial value x[i,j] { y[i,j] = acc } }",
                "`j`, which is summed over");
  Kernel k = small();
  std::get<Map>(k.body[0].body).stores[0].value = k.result(DType::f32);
  CHECK(mentions(verify(k), "a result is used where nothing is reduced"));
  k = kernel_of(
      "kernel @f(x: f32[8], out y: f32[]) { reduce over i:8 sum order serial value x[i] { y[] = acc } }");
  std::get<Reduce>(k.body[0].body).stores[0].value = k.result(DType::f32, 1);
  CHECK(mentions(verify(k), "sum has no component 1"));
  std::get<Reduce>(k.body[0].body).stores[0].value = k.result(DType::f64, 0);
  CHECK(mentions(verify(k), "component 0 of the result is f32 but is used as f64"));
  std::get<Reduce>(k.body[0].body).value = k.result(DType::f32, 0);
  CHECK(mentions(verify(k), "a result is used outside the stores"));
}

TEST_CASE("K10 to K12: stores") {
  check_refused(kHead + "{ map i:8, j:4 { } }", "it stores nothing");
  check_refused(kHead + "{ map i:8, j:4 { x[i,j] = 0 } }", "it stores to the input `x`");
  check_refused(kHead + "{ map i:8, j:4 { y[i,j] = n[i] } }",
                "a value of type i32 is stored in `y`, which holds f32");
  check_refused(kHead + "{ map i:8, j:4 { y[i,0] = 0 } }", "do not tell points along `j` apart");
  check_refused("kernel @f(out y: f32[8]) { map i:4, j:4 { y[i+j] = 0 } }",
                "do not tell points along `i` apart");
  check_accepted("kernel @f(out y: f32[19]) { map i:4, j:4 { y[i+j*5] = 0 } }");
  check_refused(kHead + "{ map i:8, j:4 { y[i,j] = 0 y[i,j] = 1 } }",
                "two of its stores may hit the same element");
  check_refused(kHead + "grid i:8 step 4 { map j:4 { y[0,j] = 0 } }",
                "several tasks store to the same elements of `y`");
  check_refused("kernel @f(out y: f32[11]) grid i:8 step 4 { for t:4 { map i { y[i+t] = 0 } } }",
                "do not tell the grid's axis `i`");
  check_accepted("kernel @f(out y: f32[11]) grid i:8 { for t:4 { map i { y[i+t] = 0 } } }");
  check_accepted("kernel @f(out y: f32[32]) grid i:8 step 4 { for t:4 { map i { y[i*4+t] = 0 } } }");
  // A local is the task's own; an axis with one value per task needs no telling.
  check_accepted(kHead + "grid h:2 step 1 { local t: f32[8] map h, i:8 { t[i] = 0 } }");
  check_refused(kHead + "grid h:2 step 2 { local t: f32[8] map h, i:8 { t[i] = 0 } }",
                "do not tell points along `h`");
  check_refused(kHead + "grid i:8 step 4 { scatter i, j:4 { p[n[i],j] += 1 } }", "several tasks store");
}

TEST_CASE("K13: what is read and written") {
  check_refused(kHead + "{ map i:8, j:4 { p[i,j] = p[i,0] } }", "at another element than the one it writes");
  check_refused(kHead + "{ contract i:8, j:4 over k:4 order serial a p[i,k] b x[i,k] { p[i,j] = acc } }",
                "it reads `p`, which it also writes");
  check_refused(kHead + "{ map i:8, j:4 { p[i,j] = y[i,j] } }",
                "`y` is read before anything is stored there");
  check_refused(kHead + "{ local t: f32[8] map i:8, j:4 { y[i,j] = t[i] } }", "`t` is read before anything");
  check_refused(kHead + "{ for t:2 { map i:8 { p[i,0] = y[i,0] } map i { y[i,0] = 0 } } }",
                "`y` is read before");
  check_refused(kHead + "{ scatter i:8, j:4 { y[n[i],j] += 1 } }", "before anything is stored there");
  check_refused(kHead + "grid i:8 step 4 { map i, j:4 { p[i,j] = 0 } map i, j { y[i,j] = p[0,j] } }",
                "it may read elements of `p` that another task writes");
  check_refused(kHead + "grid i:8 step 4 { map i, j:4 { y[i,j] = p[0,j] } map i, j { p[i,j] = 0 } }",
                "it may read elements of `p` that another task writes");
  check_refused(
      "kernel @f(out y: f32[32]) grid i:4, j:8 step 3 { map i, j { y[i*6+j] = 0 } map i, j { y[i*6+j] = "
      "y[i*6+j] * 2 } }",
      "");
  check_refused(kHead + "grid i:8 step 4 { map i, j:4 { p[i,j] = 0 } map i, j { y[i,j] = p[n[i],j] } }",
                "another task");
  check_accepted(kHead + "grid i:8 { map i, j:4 { p[i,j] = 0 } map i, j { y[i,j] = p[n[i],j] } }");
}

TEST_CASE("K14 and K15: orders, dtypes, schedules") {
  check_refused(kHead + "{ contract i:8 over j:4 order serial a n[i] b n[i] { y[i,0] = f32(acc) } }",
                "the operands are i32 and i32");
  check_refused(
      kHead + "{ contract i:8 over j:4 order serial in i32 a x[i,j] b x[i,j] { y[i,0] = f32(acc) } }",
      "products of f32 are summed in i32; f32 or a wider float is needed");
  check_refused(
      kHead + "{ contract i:8 over j:4 order serial in f32 a f64(x[i,j]) b f64(x[i,j]) { y[i,0] = acc } }",
      "products of f64 are summed in f32; f64 or a wider float is needed");
  check_refused(kHead + "{ reduce i:8 over j:4 welford order serial value n[i] { y[i,0] = f32(acc) } }",
                "welford of values of type i32");
  check_refused(kHead + "{ reduce i:8 over j:4 max order serial value x[i,j] > 0 { y[i,0] = 0 } }",
                "max of values of type bool");
  check_refused(
      "kernel @f(out y: i32[]) { reduce over i:65536, j:65536 argmax order serial value index(i) { y[] = "
      "acc1 } }",
      "numbers more than 2^31 values");
  auto map = [](const std::string& s) {
    return kHead + "{ map i:8, j:4 schedule {" + s + "} { y[i,j] = 0 } }";
  };
  check_accepted(map("lanes j"));
  check_refused(map("tile 2x3"), "tiles and blocks are for contractions");
  check_refused(map("block 3"), "tiles and blocks are for contractions");
  check_refused(kHead + "{ map i:8, j:4 { y[i,j] = 0 } map j schedule {lanes i} { p[0,j] = 0 } }",
                "run along an axis that is not the statement's");
  auto contract = [](const std::string& order, const std::string& s) {
    return kHead + "{ contract i:8, j:4 over k:4 order " + order + " a x[i,k] b x[j,k] schedule {" + s +
           "} { y[i,j] = acc } }";
  };
  check_accepted(contract("lanes16", "lanes k"));
  check_refused(contract("serial", "lanes k"), "need the order lanes16");
  // Of 0 and -0 the later is the maximum: along the vectors it would be another one.
  check_refused(
      kHead + "{ reduce i:8 over j:4 max order serial value x[i,j] schedule {lanes j} { y[i,0] = acc } }",
      "need the order lanes16");
  check_refused(contract("serial", "tile 0x2"), "rows or columns only");
  check_accepted(contract("serial", "lanes j, tile 8x128"));
  check_refused(contract("serial", "lanes j, tile 8x129"), "more than 64 registers");
  check_refused(contract("serial", "lanes j, tile 400x400"), "more than 64 registers");
  check_refused(contract("lanes16", "lanes k, tile 9x8"), "more than 64 registers");
  check_refused(contract("serial", "block 2"), "with vectors along an axis of the results");
  check_accepted(contract("serial", "lanes j, tile 2x32 beside i"));
  for (const char* axis : {"j", "k"})
    check_refused(contract("serial", std::string("lanes j, tile 2x32 beside ") + axis),
                  "along an axis that is not another one of the results");
  check_refused(contract("serial", "lanes j, block 2"), "needs a local in which the sums wait");
  check_accepted(contract("serial", "lanes j, block 4"));
  auto wide = [](const std::string& over, const std::string& combine, const std::string& lanes) {
    return "kernel @f(x: f32[8,10,10], out y: f32[8]) { reduce i:8 over " + over + " " + combine +
           " value x[i,r,s] schedule {lanes " + lanes + "} { y[i] = acc } }";
  };
  check_refused(wide("r:10, s:10", "sum order lanes16", "s"), "its extent, 10, to be a multiple of 16");
  check_refused(wide("r:10, s:10", "sum order lanes16", "r"), "the last of the sum's axes");
  check_accepted(wide("r:10, s:10", "argmax order lanes16", "s"));
  check_refused(wide("r:10, s:10", "argmax order lanes16", "r"), "the last of the sum's axes");
}

TEST_CASE("K16: triangles") {
  auto contract = [](const std::string& where, const std::string& schedule = "") {
    return "kernel @f(x: f32[8,8], z: f32[8,6], out y: f32[8,8]) { contract i:8, j:8 over k:8, l:6 order "
           "serial " +
           where + " a x[i,k] b x[j,k] * z[k,l] " + schedule + " { y[i,j] = acc } }";
  };
  check_accepted(contract("where i <= k"));
  check_accepted(contract("where k <= j"));
  check_accepted(contract("where j <= i", "schedule {lanes j, tile 4x16}"));
  check_refused(contract("where i <= i"), "the triangle has the axis `i` on both sides");
  check_refused(contract("where k <= l"), "both axes of the triangle, `k` and `l`, are summed over");
  check_refused(contract("where l <= j"), "the axes of the triangle differ: `l` has 6 places, `j` 8");
  check_refused(contract("where j <= i", "schedule {lanes j, block 4}"),
                "whose sums have all of their terms");
  check_refused(
      "kernel @f(x: f32[8,8], out y: f32[8]) { for t:8 { contract i:8 over k:8 order serial where t <= k "
      "a x[i,k] b x[k,i] { y[i] = acc } } }",
      "the triangle's axis `t` is not one of the contraction's own");
}

TEST_CASE("K15: sums that wait between passes lie in a local of their own") {
  auto blocked = [](const std::string& local, const std::string& in) {
    return kHead + "grid i:8 step 4 { local s: " + local + " contract i, j:4 over k:4 order serial " +
           "a x[i,k] b x[j,k] schedule {lanes j, tile 2x16, block 2 in " + in + "} { y[i,j] = acc } }";
  };
  check_accepted(blocked("f32[4,16]", "s"));
  check_accepted(blocked("f32[i,32]", "s"));
  check_refused(blocked("f32[3,16]", "s"), "has to be a local f32 of at least 64 elements");
  check_refused(blocked("f32[4,15]", "s"), "has to be a local f32 of at least 64 elements");
  check_refused(blocked("f64[4,16]", "s"), "has to be a local f32 of at least 64 elements");
  check_refused(blocked("f32[4,16]", "x"), "has to be a local f32 of at least 64 elements");
  check_refused(blocked("f32[40000,16]", "s"), "larger than 1 MiB");
  check_refused(kHead + "{ local s: f32[8,16] map i:8 { s[i,0] = 1 } contract i, j:4 over k:4 order serial " +
                    "a x[i,k] b x[j,k] schedule {lanes j, block 2 in s} { y[i,j] = acc } }",
                "where a statement stores");
}

TEST_CASE("K15: what a pass reads in vectors is copied into a local of its own") {
  // x[k,j] with k innermost, to be read in vectors along j.
  auto packed = [](const std::string& local, const std::string& lanes, const std::string& block,
                   const std::string& order = "order [1,0]") {
    return "kernel @f(x: f32[40,24] " + order + ", y: f32[40,8], out z: f32[8,24]) { local s: " + local +
           " local t: f32[8,32] contract i:8, j:24 over k:40 order serial a y[k,i] b x[k,j] schedule "
           "{lanes " +
           lanes + ", tile 2x16, block " + block + " from s} { z[i,j] = acc } }";
  };
  check_accepted(packed("f32[40,24]", "j", "40"));
  check_accepted(packed("f32[10,32]", "j", "10 in t"));
  check_refused(packed("f32[9,24]", "j", "10 in t"), "has to be a local of at least f32[10, 24]");
  check_refused(packed("f32[10,16]", "j", "10 in t"), "has to be a local of at least f32[10, 24]");
  check_refused(packed("f64[10,24]", "j", "10 in t"), "has to be a local of at least f32[10, 24]");
  check_refused(packed("f32[40,24]", "i", "40"), "neither is an element of an f32 parameter");
  check_refused(packed("f32[40,24]", "j", "40", ""), "neither is an element of an f32 parameter");
  check_refused(packed("f32[4000,24000]", "j", "40"), "larger than 64 MiB");
  check_refused(
      "kernel @f(x: f32[40,24] order [1,0], y: f32[40,8], out z: f32[8,24]) { local s: f32[40,24] "
      "map k:40, j:24 { s[k,j] = 0 } contract i:8, j over k order serial a y[k,i] b x[k,j] "
      "schedule {lanes j, tile 2x16, block 40 from s} { z[i,j] = acc } }",
      "where a statement stores");
}
