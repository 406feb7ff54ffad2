# g++ 12 takes the empty optional of a variant for one that is read.
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  set_source_files_properties("${CMAKE_SOURCE_DIR}/src/engine/loop.cpp" PROPERTIES COMPILE_OPTIONS -Wno-maybe-uninitialized)
endif()
