// train.init_from: a safetensors file of weights that a new run begins with, in the place of what the model's initializers
// draw. It need not be a checkpoint of nnc's: names and shapes are those of PyTorch's state_dict.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "runtime/run_file/run.h"
#include "runtime/store/checkpoint.h"

namespace nnc::runtime {

struct InitialWeights {
  Checkpoint file;
  std::vector<std::string> taken;   // the parameters and states that the file has
  std::vector<std::string> drawn;   // those that it lacks: the model initializes them
  std::vector<std::string> unused;  // tensors of the file that the model lacks, an optimizer's state left out
  bool has_states = false;          // whether the model has states
};

// What the model keeps: parameters, and states of layers. The dtype as in the file: "F32".
struct ParameterType {
  std::string name;
  std::string dtype;
  std::vector<int64_t> shape;
  bool is_state = false;
};

// Reads config.init_from, and reports every tensor that has a parameter's name but not its dtype and shape, or a value that
// is not finite. A file without any of the parameters is an error.
Result<InitialWeights> read_initial_weights(const RunConfig& config,
                                            std::span<const ParameterType> parameters,
                                            Diagnostics& diagnostics);

// Writes those that are taken into a state that has been initialized.
void begin_with(const InitialWeights& weights, const Bundle& bundle, unsigned char* state);

// "starts from w.safetensors: 4 of 6 parameters, fc3.weight and fc3.bias initialized by the model".
std::string describe(const InitialWeights& weights);

// Of names, types and values that are taken: part of a run's identity.
std::string content_hash(const InitialWeights& weights);

}  // namespace nnc::runtime
