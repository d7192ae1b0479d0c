# What `cmake --install` puts down: the command, the library, its header, and the package that find_package(nnc) finds.
#
# The library is one archive with one object: all that api/model.cpp needs of the folders, linked together, with every
# symbol made local but those of class nnc::Model. So nothing of ours, and no template that we instantiate, can clash with
# what is in a user's program. What we link (LLVM, fmt, zlib) is not in it: the package asks for that.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(NNC_OBJECT ${PROJECT_BINARY_DIR}/nnc.o)
set(NNC_ARCHIVE ${PROJECT_BINARY_DIR}/libnnc.a)
set(NNC_FOLDERS api runtime codegen passes frontend ir support)
set(NNC_FOLDER_ARCHIVES "")
foreach(folder IN LISTS NNC_FOLDERS)
  list(APPEND NNC_FOLDER_ARCHIVES $<TARGET_FILE:nnc_${folder}>)
endforeach()
list(TRANSFORM NNC_FOLDERS PREPEND nnc_)
add_custom_command(OUTPUT ${NNC_ARCHIVE}
  # nnc::Model's destructor is what pulls model.cpp in, and that all the others. Groups are dissolved, for a linker would take
  # another file's group of the same name in the place of one whose symbols are local.
  COMMAND ${CMAKE_CXX_COMPILER} -r -nostdlib -Wl,--force-group-allocation
          -Wl,--undefined=_ZN3nnc5ModelD1Ev -o ${NNC_OBJECT} -Wl,--start-group ${NNC_FOLDER_ARCHIVES} -Wl,--end-group
  # Unique symbols (static members of templates) become local only once they are weak.
  COMMAND sh -c "${CMAKE_NM} ${NNC_OBJECT} | awk '$2 == \"u\" { print $3 }' > ${NNC_OBJECT}.unique"
  COMMAND ${CMAKE_OBJCOPY} --weaken-symbols=${NNC_OBJECT}.unique ${NNC_OBJECT}
  COMMAND ${CMAKE_OBJCOPY} --wildcard --keep-global-symbol=_ZN3nnc5Model* --keep-global-symbol=_ZNK3nnc5Model* ${NNC_OBJECT}
  COMMAND ${CMAKE_COMMAND} -E rm -f ${NNC_ARCHIVE}
  COMMAND ${CMAKE_AR} qcs ${NNC_ARCHIVE} ${NNC_OBJECT}
  DEPENDS ${NNC_FOLDERS} VERBATIM)
add_custom_target(nnc_archive ALL DEPENDS ${NNC_ARCHIVE})

set(NNC_PACKAGE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/nnc)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/nncConfig.cmake.in ${PROJECT_BINARY_DIR}/nncConfig.cmake
                              INSTALL_DESTINATION ${NNC_PACKAGE_FOLDER}
                              PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/nncConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(TARGETS nnc RUNTIME)
install(FILES ${NNC_ARCHIVE} TYPE LIB)
install(FILES ${PROJECT_SOURCE_DIR}/include/nnc/nnc.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/nnc)
install(FILES ${PROJECT_BINARY_DIR}/nncConfig.cmake ${PROJECT_BINARY_DIR}/nncConfigVersion.cmake
        DESTINATION ${NNC_PACKAGE_FOLDER})
