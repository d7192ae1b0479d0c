# nnc_library(NAME SOURCES … [DEPS …] [PRIVATE_DEPS …])
#
# One folder, one static library. The include root it exports holds nothing but the folder itself, so an
# include that goes against the pipeline does not compile. DEPS are other folders, by their bare names, or
# library targets; PRIVATE_DEPS are seen by this folder's sources only.
set(NNC_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Werror)

# What these warnings of g++ say depends on what was inlined before they look, so that they are false now and then and
# never errors. One is false in g++ 12 wherever `"text" + std::string` is inlined, inside libstdc++ (its bug reports
# 105329 and 105651): a release is silent about it. Every other preset compiles the same code with it, at -O1, where it
# is right.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND NNC_WARNINGS -Wno-error=restrict -Wno-error=maybe-uninitialized -Wno-error=stringop-overflow
       -Wno-error=stringop-overread -Wno-error=array-bounds -Wno-error=dangling-pointer)
  if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    list(APPEND NNC_WARNINGS $<$<CONFIG:Release>:-Wno-restrict>)
  endif()
endif()

# The preset fuzz: libstdc++'s own std::stable_sort calls what the standard deprecates.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  list(APPEND NNC_WARNINGS -Wno-deprecated-declarations)
endif()

function(nnc_compile_options target)
  # A product and a sum are never contracted behind the reader's back: the order of rounding is part of the
  # meaning (docs/architecture.md, "Same bits").
  target_compile_options(${target} PRIVATE ${NNC_WARNINGS} -ffp-contract=off)
  if(NNC_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${NNC_SANITIZE} -fno-omit-frame-pointer
                                             -fno-sanitize-recover=all)
    target_link_options(${target} PUBLIC -fsanitize=${NNC_SANITIZE})
  endif()
endfunction()

# What nearly every source includes is read once for all of them in the presets with tests: a quarter of the time to
# compile. Sources still include what they use: a release is built without, which also suits ccache better.
option(NNC_PRECOMPILE "Precompile the headers of the standard library" OFF)

# Precompiles these headers, and MORE, for this target, or takes those of OWNER, whose flags are the same.
function(nnc_precompile target owner)
  if(NNC_PRECOMPILE AND target STREQUAL owner)
    target_precompile_headers(${target} PRIVATE
      <algorithm> <array> <cmath> <cstdint> <functional> <map> <memory> <optional> <set> <span> <string> <string_view>
      <unordered_map> <utility> <variant> <vector> <fmt/format.h> ${ARGN})
  elseif(NNC_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM ${owner})
  endif()
endfunction()

# An include root that shows only FILES (default: the whole folder) of the folder NAME.
function(nnc_include_root target name)
  set(root ${PROJECT_BINARY_DIR}/include_roots/${target})
  file(MAKE_DIRECTORY ${root})
  if(ARGN)
    file(MAKE_DIRECTORY ${root}/${name})
    foreach(file IN LISTS ARGN)
      file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${name}/${file} ${root}/${name}/${file} SYMBOLIC)
    endforeach()
  else()
    file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${name} ${root}/${name} SYMBOLIC)
  endif()
  set(NNC_INCLUDE_ROOT ${root} PARENT_SCOPE)
endfunction()

function(nnc_library name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "SOURCES;DEPS;PRIVATE_DEPS")
  add_library(nnc_${name} STATIC ${ARG_SOURCES})
  nnc_compile_options(nnc_${name})
  nnc_include_root(nnc_${name} ${name})
  target_include_directories(nnc_${name} PUBLIC ${NNC_INCLUDE_ROOT})
  foreach(dep IN LISTS ARG_DEPS)
    if(TARGET nnc_${dep})
      target_link_libraries(nnc_${name} PUBLIC nnc_${dep})
    else()
      target_link_libraries(nnc_${name} PUBLIC ${dep})
    endif()
  endforeach()
  target_link_libraries(nnc_${name} PRIVATE ${ARG_PRIVATE_DEPS})
  nnc_precompile(nnc_${name} nnc_support)
endfunction()

# nnc_sources_hash(NAME FOLDER …): sources of the library NAME may include "NAME_sources_hash.h", which defines
# NNC_NAME_SOURCES_HASH, the hash of all sources of these folders.
function(nnc_sources_hash name)
  set(patterns "")
  foreach(folder IN LISTS ARGN)
    foreach(ending cpp h def)
      list(APPEND patterns ${PROJECT_SOURCE_DIR}/${folder}/*.${ending})
    endforeach()
  endforeach()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${patterns})
  list(SORT sources)
  list(JOIN sources "," files)
  string(TOUPPER NNC_${name}_SOURCES_HASH macro)
  set(header ${CMAKE_CURRENT_BINARY_DIR}/sources/${name}_sources_hash.h)
  add_custom_command(OUTPUT ${header}
    COMMAND ${CMAKE_COMMAND} -DFILES=${files} -DOUTPUT=${header} -DNAME=${macro}
            -P ${PROJECT_SOURCE_DIR}/cmake/HashSources.cmake
    DEPENDS ${sources} ${PROJECT_SOURCE_DIR}/cmake/HashSources.cmake VERBATIM)
  target_sources(nnc_${name} PRIVATE ${header})
  target_include_directories(nnc_${name} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/sources)
endfunction()
