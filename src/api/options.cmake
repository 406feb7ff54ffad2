# The web page becomes part of the program.
set(page "${CMAKE_SOURCE_DIR}/src/api/page/index.html")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${page}")
file(READ "${page}" MLXS_PAGE)
configure_file("${CMAKE_SOURCE_DIR}/src/api/page/page.cpp.in" "${CMAKE_BINARY_DIR}/generated/page.cpp" @ONLY)
target_sources(mlxs_api PRIVATE "${CMAKE_BINARY_DIR}/generated/page.cpp")
