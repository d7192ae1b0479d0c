// The verifier of programs:
//   P1  the program (unless it is kernels and nothing else), its slots and its kernels have names; no two
//       slots and no two kernels share one
//   P2  slots have valid types and layouts; only an output is in place of another slot, which is kept from step to
//       step and has the same type and layout, each replaced once; only an output is a loss, a metric or of a param,
//       the latter of one that exists; only a constant has values, one per element, and no layout of its own
//   P3  a launch has one argument per parameter, with the same elements in the same places; neighboring axes that lie
//       together may be one axis of the parameter
//   P4  inputs, scalars and constants are never written
//   P5  memory that a launch writes is not an argument twice
//   P6  between two barriers, what one launch writes no other reads or writes
//   P7  temporaries, and outputs that replace nothing, are written before they are read
//   P8  its kernels are sound
//   P9  a param or state that an output is in place of is written through that output only, and after the first write
//       read through it only: every read of the old value comes before
//   P10 a launch that reads the old value where it writes the new one has read it by then: no statement after the one
//       that writes, nor any beside it in a loop, loads from there
#include <algorithm>
#include <unordered_set>

#include "ir/kernel/access.h"
#include "ir/kernel/verify.h"

namespace nnc::kernel {

namespace {

class ProgramVerifier {
 public:
  explicit ProgramVerifier(const Program& program)
      : p_(program),
        replaced_(program.slots.size(), false),
        written_(program.slots.size(), false),
        access_(program.slots.size()) {}

  std::vector<ProgramFinding> run() {
    bool kernels_alone = p_.slots.empty() && p_.items.empty();
    if (p_.name.empty() && !kernels_alone) found("the program has no name");
    std::unordered_set<std::string_view> names;
    for (const Kernel& kernel : p_.kernels) {
      if (!names.insert(kernel.name).second) found("two kernels are named " + tick(kernel.name));
    }
    slots();
    if (!findings_.empty()) return std::move(findings_);
    for (size_t i = 0; i < p_.items.size(); ++i) {
      item_ = i;
      if (const Launch* launch = std::get_if<Launch>(&p_.items[i]))
        this->launch(*launch);
      else
        ++interval_;
    }
    return std::move(findings_);
  }

 private:
  // What the launches since the last barrier do with a slot's memory.
  struct Access {
    size_t interval = SIZE_MAX;
    std::optional<size_t> reader;  // items
    std::optional<size_t> writer;
  };

  void found(std::string message) { findings_.push_back({item_, std::move(message)}); }

  void slots() {
    std::unordered_set<std::string_view> names;
    for (const Slot& slot : p_.slots) {
      std::string who = "slot " + tick(slot.name);
      if (slot.name.empty()) found("a slot has no name");
      if (!names.insert(slot.name).second) found("two slots are named " + tick(slot.name));
      bool sizes =
          std::all_of(slot.type.shape.begin(), slot.type.shape.end(), [](int64_t e) { return e >= 0; });
      if (!sizes || slot.type.elements() < 0) found(who + " has no valid type");
      if (!valid_layout(slot.type.shape, slot.layout)) found(who + " has no valid layout");
      if (slot.gradient && slot.kind != Slot::Kind::temporary) found(who + ": gradients are temporaries");
      values(slot, who);
      output(slot, who);
      if (!slot.in_place_of.valid()) continue;
      if (!p_.slots.contains(slot.in_place_of)) {
        found(who + " is in place of a slot that does not exist");
        continue;
      }
      const Slot& other = p_.slots[slot.in_place_of];
      if (slot.kind != Slot::Kind::output || !is_kept(other.kind))
        found(who + " is in place of " + tick(other.name) +
              ": only an output may replace what is kept from step to step");
      if (slot.type != other.type || slot.layout != other.layout)
        found(who + " is in place of " + tick(other.name) + ", which has another type or layout");
      if (replaced_[slot.in_place_of.index]) found(tick(other.name) + " is replaced twice");
      replaced_[slot.in_place_of.index] = true;
    }
  }

  void output(const Slot& slot, const std::string& who) {
    if (slot.output != OutputKind::plain && (slot.kind != Slot::Kind::output || slot.in_place_of.valid()))
      found(who + " is a " + std::string(kOutputKinds[static_cast<size_t>(slot.output)]) +
            ", which only an output of its own can be");
    const bool is_of = p_.slots.contains(slot.of) && p_.slots[slot.of].kind == Slot::Kind::param;
    if (slot.of.valid() != is_of_parameter(slot.output) || (slot.of.valid() && !is_of))
      found(who + " is not of a param");
  }

  void values(const Slot& slot, const std::string& who) {
    if (slot.kind != Slot::Kind::constant) {
      if (!slot.values.empty()) found(who + " has values, but is not a constant");
      return;
    }
    if (static_cast<int64_t>(slot.values.size()) != slot.type.elements())
      found(who + " has " + std::to_string(slot.values.size()) + " values for " +
            std::to_string(slot.type.elements()) + " elements");
    const auto fits = [&](double value) { return holds(slot.type.dtype, value); };
    if (!std::all_of(slot.values.begin(), slot.values.end(), fits))
      found(who + " has a value that is not a valid " + std::string(dtype_name(slot.type.dtype)));
    if (!slot.layout.is_default()) found(who + " is a constant, which has the default layout");
  }

  static bool is_only_read(Slot::Kind kind) {
    return kind == Slot::Kind::input || kind == Slot::Kind::scalar || kind == Slot::Kind::constant;
  }

  SlotId memory(SlotId slot) const {
    return p_.slots[slot].in_place_of.valid() ? p_.slots[slot].in_place_of : slot;
  }

  std::string name_of(size_t item) const {
    return "@" + p_.kernels[std::get<Launch>(p_.items[item]).kernel].name;
  }

  void launch(const Launch& launch) {
    if (!p_.kernels.contains(launch.kernel)) return found("a kernel that does not exist is launched");
    const Kernel& kernel = p_.kernels[launch.kernel];
    std::string who = "launch @" + kernel.name + ": ";
    auto parameters = static_cast<size_t>(kernel.parameter_count());
    if (launch.arguments.size() != parameters)
      return found(who + std::to_string(parameters) + " parameters, but " +
                   std::to_string(launch.arguments.size()) + " arguments");
    for (size_t i = 0; i < parameters; ++i) {
      if (!p_.slots.contains(launch.arguments[i])) return found(who + "an argument does not exist");
      const Buffer& buffer = kernel.buffers[BufferId{static_cast<uint32_t>(i)}];
      const Slot& slot = p_.slots[launch.arguments[i]];
      if (slot.type.dtype != buffer.type.dtype || slot.type.elements() != buffer.type.elements())
        found(who + tick(slot.name) + " is " + to_string(slot.type) + ", but parameter " + tick(buffer.name) +
              " is " + to_string(buffer.type));
      else if (joined_axes(slot.type.shape, slot.layout) != joined_axes(buffer.type.shape, buffer.layout))
        found(who + tick(slot.name) + " and parameter " + tick(buffer.name) + " have different layouts");
    }
    for (size_t i = 0; i < parameters; ++i) argument(kernel, launch, i, who);
    for (size_t i = 0; i < parameters; ++i) {
      if (kernel.buffers[BufferId{static_cast<uint32_t>(i)}].space != Space::in)
        written_[memory(launch.arguments[i]).index] = true;
    }
  }

  void argument(const Kernel& kernel, const Launch& launch, size_t i, const std::string& who) {
    const Buffer& buffer = kernel.buffers[BufferId{static_cast<uint32_t>(i)}];
    SlotId id = launch.arguments[i];
    const Slot& slot = p_.slots[id];
    bool writes = buffer.space != Space::in;
    bool reads = buffer.space != Space::out;
    if (writes && is_only_read(slot.kind))
      found(who + "it writes " + tick(slot.name) + ", which is only read");
    for (size_t j = 0; writes && j < launch.arguments.size(); ++j) {
      if (j != i && memory(launch.arguments[j]) == memory(id))
        found(who + "it writes " + tick(slot.name) + ", whose memory is an argument twice");
    }
    bool comes_from_here =
        slot.kind == Slot::Kind::temporary || (slot.kind == Slot::Kind::output && !slot.in_place_of.valid());
    if (reads && comes_from_here && !written_[id.index])
      found(who + "it reads " + tick(slot.name) + " before anything is written there");
    if (writes && replaced_[id.index])
      found(who + "it writes " + tick(slot.name) + ", which an output is in place of");
    if (reads && replaced_[id.index] && written_[id.index])
      found(who + "it reads the old " + tick(slot.name) + ", where the new one has been written");
    if (buffer.space == Space::inout && slot.in_place_of.valid()) {
      std::vector<const Store*> stored;
      if (reads_after_store(kernel, BufferId{static_cast<uint32_t>(i)}, kernel.body, stored))
        found(who + "it reads the old " + tick(p_.slots[slot.in_place_of].name) +
              " after it has written the new one");
    }
    Access& access = access_[memory(id).index];
    if (access.interval != interval_) access = {interval_, {}, {}};
    bool clash = access.writer && *access.writer != *item_;
    if (clash)
      found(who + "no barrier between it and " + name_of(*access.writer) + ", which writes " +
            tick(slot.name));
    else if (writes && access.reader && *access.reader != *item_)
      found(who + "no barrier between it and " + name_of(*access.reader) + ", which reads " +
            tick(slot.name));
    if (writes) access.writer = item_;
    if (reads) access.reader = item_;
  }

  // P10: whether a statement loads from `buffer` where one before it may have stored; `stored` is kept across statements.
  static bool reads_after_store(const Kernel& kernel, BufferId buffer, const Block& block,
                                std::vector<const Store*>& stored) {
    for (const Statement& statement : block) {
      if (const auto* loop = std::get_if<For>(&statement.body)) {
        // What follows a statement in a loop precedes it in the next iteration.
        for (int round = 0; round < 2; ++round)
          if (reads_after_store(kernel, buffer, loop->body, stored)) return true;
        continue;
      }
      for (const Expr* load : loads_of(kernel, statement, buffer))
        for (const Store* store : stored)
          if (!never_meet(kernel, load->subscripts, store->index)) return true;
      each_store(statement, [&](const Store& store) {
        if (store.buffer == buffer) stored.push_back(&store);
      });
    }
    return false;
  }

  const Program& p_;
  std::vector<bool> replaced_;  // by slot: an output is in place of it
  std::vector<ProgramFinding> findings_;
  std::optional<size_t> item_;
  size_t interval_ = 0;
  std::vector<bool> written_;
  std::vector<Access> access_;
};

}  // namespace

std::vector<ProgramFinding> check_items(const Program& program) {
  return ProgramVerifier(program).run();
}

std::vector<std::string> verify(const Program& program) {
  std::vector<std::string> messages;
  for (const Kernel& kernel : program.kernels) {
    for (std::string& message : verify(kernel)) messages.push_back(std::move(message));
  }
  for (ProgramFinding& finding : check_items(program)) messages.push_back(std::move(finding.message));
  return messages;
}

}  // namespace nnc::kernel
