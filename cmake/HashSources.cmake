# cmake -DFILES=… -DOUTPUT=FILE.h -DNAME=MACRO -P HashSources.cmake: writes `#define MACRO "hash"`, the hash over the
# content of FILES (a list, separated by commas).
string(REPLACE "," ";" files "${FILES}")
set(all "")
foreach(file IN LISTS files)
  file(SHA256 ${file} hash)
  string(APPEND all ${hash})
endforeach()
string(SHA256 hash "${all}")
file(WRITE ${OUTPUT} "#define ${NAME} \"${hash}\"\n")
