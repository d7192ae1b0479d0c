// What can be read from a run folder without its data: curves, configuration, environment.
#pragma once

#include <string>

#include "nlohmann/json_fwd.hpp"
#include "runtime/store/trained_run.h"
#include "support/diagnostic.h"

namespace nnc::driver {

// {"columns": ["epoch", …], "rows": [[1, …], …], "times": [seconds since 1970, …], "steps": [[milliseconds of a step, of
// them for data], …]} from metrics.csv and metrics.jsonl.
// A number that is missing is null, one that is not finite the text "nan", "inf" or "-inf"; a line that is being written
// is left out.
nlohmann::ordered_json curves_of(const std::string& folder);

// The final results on the test part of a run with a validation part: {"epoch": whose weights they are of, "values":
// {"test.accuracy": …}}. The values are empty where there is none, the epoch null where it is not known.
nlohmann::ordered_json final_test_of(const std::string& folder);

// A number; "nan", "inf" and "-inf", which JSON has no numbers for, as text.
nlohmann::ordered_json json_number(double value);

// environment.json; an empty object where there is none.
nlohmann::ordered_json environment_of(const std::string& folder);

// "running" while another process holds the folder's lock, "finished", or "stopped".
std::string state_of(const std::string& folder);

// The last part of a path.
std::string last_part(const std::string& path);

}  // namespace nnc::driver
