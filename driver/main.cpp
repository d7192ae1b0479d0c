// The program nnc.
#include "driver/command.h"

int main(int argc, char** argv) {
  return nnc::driver::run_command(argc, argv);
}
