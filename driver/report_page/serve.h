// A page and its data over HTTP, to this machine alone.
#pragma once

#include <functional>
#include <string>

#include "driver/session.h"

namespace nnc::driver {

// Listens on 127.0.0.1 (port 0: any free one), prints the address on stdout and answers "/" and "/data" until the
// process ends. Fails, with an error in the session, if the port cannot be had.
Status serve(Session& session, int port, const std::function<std::string()>& page,
             const std::function<std::string()>& data);

}  // namespace nnc::driver
