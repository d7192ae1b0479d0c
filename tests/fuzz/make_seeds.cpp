// Writes the seeds of the binary formats, of which the repository holds no files: make_seeds FOLDER.
#include <zip.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "npy_support.h"
#include "picture_support.h"
#include "runtime/store/checkpoint.h"
#include "toy_bundle.h"

using namespace nnc::runtime;
using namespace nnc::runtime::test;

namespace {

std::string folder;

std::string path_of(const std::string& name) {
  const std::filesystem::path path = std::filesystem::path(folder) / name;
  std::filesystem::create_directories(path.parent_path());
  return path.string();
}

void put(const std::string& name, const std::string& bytes) {
  std::ofstream(path_of(name), std::ios::binary) << bytes;
}

std::string counting(size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += static_cast<char>(i);
  return out;
}

void put_arrays() {
  const std::string floats = npy(dictionary("<f4", "(2, 3)"), raw<float>({1, 2, 3, 4, 5, 6}));
  const std::string labels = npy(dictionary("<i8", "(2,)"), raw<int64_t>({0, 1}));
  put("npy/floats", floats);
  put("npy/labels", labels);
  put("npy/bytes", npy(dictionary("|u1", "(2, 4, 4, 3)"), counting(96)));
  put("npy/fortran", npy(dictionary(">f8", "(2, 3)", true), std::string(48, '\0')));
  put("npy/halves", npy(dictionary("<f2", "(4, 1)"), counting(8)));
  const std::string path = path_of("npz/two");
  std::filesystem::remove(path);
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE, nullptr);
  zip_file_add(archive, "x.npy", zip_source_buffer(archive, floats.data(), floats.size(), 0), 0);
  zip_file_add(archive, "y.npy", zip_source_buffer(archive, labels.data(), labels.size(), 0), 0);
  zip_set_file_compression(archive, 0, ZIP_CM_STORE, 0);
  zip_close(archive);
  put("idx/pictures", std::string("\0\0\x08\3\0\0\0\2\0\0\0\3\0\0\0\4", 16) + counting(24));
  put("idx/floats", std::string("\0\0\x0D\1\0\0\0\2", 8) + std::string(8, '\0'));
  put("cifar/ten", std::string("\1") + std::string(3072, 'p') + "\2" + std::string(3072, 'q'));
  put("cifar/hundred", std::string("\1\x20") + std::string(3072, 'p'));
}

void put_checkpoint() {
  const nnc::Bundle bundle = toy_bundle<22, 0>();
  const std::vector<unsigned char> state(kStateBytes, 0);
  const std::vector<unsigned char> bytes = encode_checkpoint(bundle, state.data(), {{"step", "3"}});
  put("safetensors/toy", {bytes.begin(), bytes.end()});
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  folder = arguments[1];
  put_arrays();
  put("picture/png", png(ramp(5, 7)));
  put("picture/jpeg", jpeg(ramp(9, 17)));
  put("picture/restarts", jpeg(ramp(20, 17), true));
  put_checkpoint();
  put("fitted/two",
      R"({"header": true, "file_columns": ["a", "b"], "arguments": {"classes": "2"}, "inputs": []})");
  return 0;
}
