# nnc_library(NAME SOURCES … [DEPS …] [PRIVATE_DEPS …])
#
# One folder, one static library. The include root it exports holds nothing but the folder itself, so an
# include that goes against the pipeline does not compile. DEPS are other folders, by their bare names, or
# library targets; PRIVATE_DEPS are seen by this folder's sources only.
set(NNC_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Werror)

# Both g++ 12's false alarms inside libstdc++ at -O2 and above; its own bug reports 105562 and 105651.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND NNC_WARNINGS -Wno-error=restrict -Wno-error=maybe-uninitialized -Wno-error=stringop-overflow
       -Wno-error=array-bounds -Wno-error=dangling-pointer)
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
endfunction()
