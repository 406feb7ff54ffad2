# Flags of single kernel files, by instruction set. Contraction is off: whether a multiplication and an addition fuse is
# written in the code, so that every template instance rounds alike.
set(isa_options -ffp-contract=off -fno-math-errno -fno-trapping-math)
set_source_files_properties("${CMAKE_SOURCE_DIR}/src/kernels/scalar.cpp" PROPERTIES COMPILE_OPTIONS "${isa_options}")
set(x86_sources "${CMAKE_SOURCE_DIR}/src/kernels/avx2.cpp" "${CMAKE_SOURCE_DIR}/src/kernels/avx512.cpp"
    "${CMAKE_SOURCE_DIR}/src/kernels/avx512_rows.cpp" "${CMAKE_SOURCE_DIR}/src/kernels/avx512_panels.cpp"
    "${CMAKE_SOURCE_DIR}/src/kernels/avx512_bf16.cpp"
    "${CMAKE_SOURCE_DIR}/src/kernels/amx.cpp" "${CMAKE_SOURCE_DIR}/src/kernels/amx_model.cpp")
set(arm_sources "${CMAKE_SOURCE_DIR}/src/kernels/neon.cpp" "${CMAKE_SOURCE_DIR}/src/kernels/neon_dot.cpp")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  target_compile_definitions(mlxs_kernels PUBLIC MLXS_KERNELS_ARM=1)
  set_source_files_properties("${CMAKE_SOURCE_DIR}/src/kernels/neon.cpp" PROPERTIES COMPILE_OPTIONS "${isa_options};-O3")
  set_source_files_properties("${CMAKE_SOURCE_DIR}/src/kernels/neon_dot.cpp" PROPERTIES
    COMPILE_OPTIONS "${isa_options};-march=armv8.2-a+dotprod;-O3")
else()
  target_compile_definitions(mlxs_kernels PUBLIC MLXS_KERNELS_ARM=0)
  set_source_files_properties(${arm_sources} PROPERTIES HEADER_FILE_ONLY ON)
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_definitions(mlxs_kernels PUBLIC MLXS_KERNELS_X86=1)
  set(avx2 -mavx2 -mfma -mf16c -mbmi2)
  set(avx512 ${avx2} -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vbmi -mavx512vnni -mprefer-vector-width=512
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized> $<$<CXX_COMPILER_ID:GNU>:-Wno-uninitialized>)  # false alarms in g++ 12's own avx512fintrin.h
  set_source_files_properties("${CMAKE_SOURCE_DIR}/src/kernels/avx2.cpp" PROPERTIES
    COMPILE_OPTIONS "${isa_options};${avx2};-O3")
  set_source_files_properties("${CMAKE_SOURCE_DIR}/src/kernels/avx512.cpp" "${CMAKE_SOURCE_DIR}/src/kernels/avx512_rows.cpp"
    "${CMAKE_SOURCE_DIR}/src/kernels/avx512_panels.cpp" PROPERTIES
    COMPILE_OPTIONS "${isa_options};${avx512};-O3")
  set_source_files_properties("${CMAKE_SOURCE_DIR}/src/kernels/avx512_bf16.cpp" "${CMAKE_SOURCE_DIR}/src/kernels/amx.cpp" PROPERTIES
    COMPILE_OPTIONS "${isa_options};${avx512};-mavx512bf16;-O3")
  set_source_files_properties("${CMAKE_SOURCE_DIR}/src/kernels/amx_model.cpp" PROPERTIES
    COMPILE_OPTIONS "${isa_options};${avx512};-O3")
else()
  target_compile_definitions(mlxs_kernels PUBLIC MLXS_KERNELS_X86=0)
  set_source_files_properties(${x86_sources} PROPERTIES HEADER_FILE_ONLY ON)
endif()
# std::bind in MLX's encoder.h meets the result_of of libstdc++ 12.
set_source_files_properties("${CMAKE_SOURCE_DIR}/src/kernels/mlx_primitive.cpp" PROPERTIES
  COMPILE_OPTIONS "$<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>")
