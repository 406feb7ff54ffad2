# g++ 12 takes the frames of Asio's coroutines, which bring their own delete, for mismatched.
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  target_compile_options(mlxs_net PRIVATE -Wno-mismatched-new-delete)
endif()
